"""Time of a start: the time of every command's --help, compared with the time to import NumPy and Click."""

import statistics
import subprocess
import sys
import time

from minimod.cli import COMMANDS


def seconds(*arguments: str) -> float:
    """The seconds that Python takes with these arguments."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def measure(rounds: int) -> dict[str, float]:
    """Command, and "" for minimod itself -> the time of its --help over the time of the imports, the median."""
    lines = {name: ["-m", "minimod", *([name] if name else []), "--help"] for name in ["", *COMMANDS]}
    ratios = {name: [] for name in lines}
    for _ in range(rounds + 1):
        floor = seconds("-c", "import numpy, click")
        for name, arguments in lines.items():
            ratios[name].append(seconds(*arguments) / floor)
    return {name: statistics.median(values[1:]) for name, values in ratios.items()}


def text(ratios: dict[str, float]) -> str:
    """The ratios, as text."""
    commands = {name: ratio for name, ratio in ratios.items() if name}
    slowest = max(commands, key=commands.get)
    return f"""## Start

`minimod --help` takes {ratios['']:.2f} times as long as a Python that imports NumPy and Click. The help of a command
takes {min(commands.values()):.2f} to {max(commands.values()):.2f} times as long. The slowest is `{slowest}`."""
