"""Training steps: time, peak memory and agreement of the contenders, over widths, moduli, train fractions, threads."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from benchmarks.contenders import CONTENDERS, PEERS, installed
from benchmarks.processes import Contender
from minimod import TrainingConfig

WIDTHS = (64, 128, 256, 1024, 4096)


class Case(NamedTuple):
    """One line of the table."""

    threads: int
    width: int = 512
    modulus: int = 113
    train_fraction: float = 0.8


def cases(max_threads: int) -> list[Case]:
    """Widths at one and at all threads; moduli and train fractions at all threads."""
    return list(dict.fromkeys([
        *(Case(threads, width) for threads in (max_threads, 1) for width in WIDTHS),
        *(Case(max_threads, modulus=modulus) for modulus in (23, 59, 113, 227)),
        *(Case(max_threads, train_fraction=fraction) for fraction in (0.2, 0.5, 0.8)),
    ]))  # fmt: skip


def measure(case: Case, rounds: int) -> dict[str, dict[str, float]]:
    """By contender: milliseconds (median), low and high (quartiles) of a step, and peak megabytes.

    Raises AssertionError if two contenders' losses or gradients differ by more than 1e-4 of the largest entry.
    """
    config = replace(
        TrainingConfig(width=case.width), modulus=case.modulus, train_fraction=case.train_fraction, threads=case.threads
    )
    contenders = {name: Contender(name, config, case.threads) for name in installed()}
    ours = contenders["minimod"].ask("check")
    for name in contenders.keys() & PEERS.keys():
        check_agreement(name, ours, contenders[name].ask("check"))
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name in contenders:
            times[name] += contenders[name].ask("turn")
    result = {}
    for name in CONTENDERS.keys() & contenders.keys():
        low, median, high = np.percentile(times[name], (25, 50, 75))
        megabytes = contenders[name].ask("memory")
        result[name] = {"milliseconds": median, "low": low, "high": high, "megabytes": megabytes}
        contenders[name].end()
    return result


def check_agreement(name: str, ours, theirs) -> None:
    """Stop unless two first steps have the same loss and gradient, to 1e-4 of the gradient's largest entry."""
    assert abs(ours[0] - theirs[0]) < 1e-4 * ours[0], f"{name}: loss {theirs[0]}, not {ours[0]}"
    for parameter, gradient in ours[1].items():
        error = np.abs(gradient - theirs[1][parameter]).max() / np.abs(gradient).max()
        assert error < 1e-4, f"{name}: the gradient of {parameter} differs by {error:.1e}"


def products(case: Case) -> float:
    """Floating-point operations of a step's three matrix products: 6 n M P."""
    return 6 * round(case.train_fraction * case.modulus**2) * case.width * case.modulus


def slope(results: dict[Case, dict], threads: int) -> float:
    """The slope of log(time of minimod) over log(n M P), from width 256 up; 1 is proportional."""
    line = [case for case in results if case == Case(threads, case.width) and case.width in WIDTHS[2:]]
    milliseconds = [results[case]["minimod"]["milliseconds"] for case in line]
    return float(np.polyfit(np.log([products(case) for case in line]), np.log(milliseconds), 1)[0])


def table(results: dict[Case, dict]) -> str:
    """The results as a Markdown table: milliseconds, ratios to minimod, the share of the limit, and memory."""
    peers = [name for name in PEERS if name in next(iter(results.values()))]
    head = ["threads", "P", "M", "data", "minimod, ms (quartiles)", "share of limit", *peers, "MB", *peers]
    lines = ["| " + " | ".join(head) + " |", "|" + " --: |" * len(head)]
    for case, row in results.items():
        ours = row["minimod"]
        cells = [
            case.threads, case.modulus, case.width, case.train_fraction,
            f"{ours['milliseconds']:.3g} ({ours['low']:.3g}-{ours['high']:.3g})",
            f"{row['limit']['milliseconds'] / ours['milliseconds']:.2f}",
            *(f"{row[name]['milliseconds'] / ours['milliseconds']:.2f} ×" for name in peers),
            f"{ours['megabytes']:.0f}", *(f"{row[name]['megabytes']:.0f}" for name in peers),
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)
