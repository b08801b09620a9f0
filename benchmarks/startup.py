"""Time to a first word: how long the help of every command takes, beside importing NumPy and Click."""

import statistics
import subprocess
import sys
import time

from minimod.cli import COMMANDS


def seconds(*arguments: str) -> float:
    """How long Python takes for these arguments."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def measure(rounds: int) -> dict[str, float]:
    """Command, and "" for minimod itself -> the time of its --help over that of the imports, the median of rounds."""
    lines = {name: ["-m", "minimod", *[name] * bool(name), "--help"] for name in ["", *COMMANDS]}
    ratios = {name: [] for name in lines}
    for _ in range(rounds + 1):
        floor = seconds("-c", "import numpy, click")
        for name, arguments in lines.items():
            ratios[name].append(seconds(*arguments) / floor)
    return {name: statistics.median(values[1:]) for name, values in ratios.items()}


def text(ratios: dict[str, float]) -> str:
    """The ratios in words."""
    commands = {name: ratio for name, ratio in ratios.items() if name}
    slowest = max(commands, key=commands.get)
    return f"""## Start

`minimod --help` takes {ratios['']:.2f} times as long as a Python that imports NumPy and Click; the help of a command
{min(commands.values()):.2f} to {max(commands.values()):.2f} times as long, that of `{slowest}` the longest."""
