"""The time of training, analysis and discovery over modulus and width, by the commands of minimod.

Run `python -m benchmarks.large [P ...]`, for these moduli or for all. The time of an epoch comes from the difference of
two runs with different numbers of epochs. An analysis is `minimod analyze --no-figures`, from the start of its process
to the end. Discovery is `minimod discover --from labels`, on 80 % of the pairs with 80 % wrong labels.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

# Modulus -> widths. Discovery is timed up to modulus DISCOVERY.
WIDTHS = {113: (64, 256, 1024, 4096), 211: (64, 256, 1024, 4096), 509: (64, 256, 1024), 997: (64, 512)}
DISCOVERY = 509
EPOCH_SECONDS = 4.0         # by an estimate, the timed epochs take at least this time


def minimod(*arguments: object) -> tuple[float, float, str]:
    """Run a command of minimod. Returns its seconds, its peak memory in MB, and its output."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        start = time.perf_counter()
        command = [sys.executable, "-m", "minimod", *map(str, arguments)]
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        assert not status, command
        output.seek(0)
        return seconds, usage.ru_maxrss / 1e3, output.read()


def measure(P: int, M: int, directory: Path) -> dict[str, float]:
    """Seconds of an epoch, of the analysis and of discovery, and the memory of the analysis in MB."""
    options = ["--modulus", P, "--width", M, "--eval-every", 10**6, "--quiet"]
    n_epochs = max(2, round(EPOCH_SECONDS / (0.8 * P * P * M * P * 6 / 1e11 + 2e-3)))
    short = minimod("train", directory / "short", *options, "--epochs", 2)[0]
    long = minimod("train", directory / "long", *options, "--epochs", 2 + n_epochs)[0]
    row = {"epoch": (long - short) / n_epochs}
    row["analysis"], row["memory"], _ = minimod("analyze", directory / "short", "--no-figures")
    if P <= DISCOVERY and M == WIDTHS[P][0]:
        printed = minimod("discover", directory / "short", "--from", "labels", "--no-write", "--json")[2]
        row["discovery"] = json.loads(printed)["seconds"]
    return row


def slope(rows: dict[tuple[int, int], dict[str, float]], column: str, over: int) -> float:
    """The slope of log(column) over log(P) (over = 0) or over log(M) (over = 1).

    The fit has a free constant for every value of the other variable.
    """
    points = [(*map(np.log, key), np.log(row[column])) for key, row in rows.items() if column in row]
    x, other, y = np.array(points).T[[over, 1 - over, 2]]
    levels = (other[:, None] == np.unique(other)).astype(float)
    return float(np.linalg.lstsq(np.column_stack([x, levels]), y, rcond=None)[0][0])


def main(*moduli: str) -> None:
    """Print the table and the slopes."""
    rows: dict[tuple[int, int], dict[str, float]] = {}
    print("| P | M | an epoch | analysis | in epochs | its memory | discovery |\n|" + " --: |" * 7)
    for P, widths in WIDTHS.items():
        for M in widths if not moduli or str(P) in moduli else ():
            with tempfile.TemporaryDirectory() as directory:
                row = rows[P, M] = measure(P, M, Path(directory))
            found = f"{row['discovery']:.1f} s" if "discovery" in row else ""
            print(f"| {P} | {M} | {row['epoch']:.3g} s | {row['analysis']:.3g} s | {row['analysis'] / row['epoch']:.0f}"
                  f" | {row['memory']:.0f} MB | {found} |", flush=True)
    if len({P for P, _ in rows}) > 1:
        for column in ("epoch", "analysis"):
            print(f"- {column}: time grows as P^{slope(rows, column, 0):.2f} and M^{slope(rows, column, 1):.2f}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
