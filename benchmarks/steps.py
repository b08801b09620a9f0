"""Training steps: time, memory and agreement of the contenders, over widths, moduli, train fractions and threads."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from benchmarks.contenders import FORMS, peers
from benchmarks.processes import Contender
from minimod import TrainingConfig

WIDTHS = (64, 128, 256, 1024, 4096)


class Case(NamedTuple):
    """One line of the table."""

    threads: int
    width: int = 512
    modulus: int = 113
    train_fraction: float = 0.8
    device: str = "cpu"


def cases(max_threads: int) -> list[Case]:
    """Widths at one and at all threads; moduli and train fractions at all threads."""
    return list(dict.fromkeys([
        *(Case(threads, width) for threads in (max_threads, 1) for width in WIDTHS),
        *(Case(max_threads, width, 23) for width in (64, 512, 1024)),
        *(Case(max_threads, modulus=modulus) for modulus in (59, 113, 227)),
        *(Case(max_threads, width, train_fraction=fraction) for width in (64, 1024) for fraction in (0.2, 0.5)),
    ]))  # fmt: skip


def measure(case: Case, rounds: int) -> dict[str, dict[str, float]]:
    """By contender: milliseconds (median), low and high (quartiles) of a step, peak megabytes, and the fastest form.

    form: the suffix of the contender's name. Raises AssertionError if the losses or gradients of two contenders differ
    by more than 1e-4 of the largest entry.
    """
    config = replace(
        TrainingConfig(width=case.width), modulus=case.modulus, train_fraction=case.train_fraction,
        threads=case.threads, device=case.device,
    )
    forms = {"limit": [""], "minimod": [""]} | {peer: list(FORMS[peer]) for peer in peers()}
    names = [name + form for name, all_forms in forms.items() for form in all_forms]
    contenders = {name: Contender(name, config, case.threads) for name in names}
    ours = contenders["minimod"].ask("check")
    for name in names[2:]:
        check_agreement(name, ours, contenders[name].ask("check"))
    times = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            times[name] += contenders[name].ask("turn")
    result = {}
    for name, all_forms in forms.items():
        form = min(all_forms, key=lambda form: np.median(times[name + form]))
        low, median, high = np.percentile(times[name + form], (25, 50, 75))
        megabytes = contenders[name + form].ask("memory")
        result[name] = {"milliseconds": median, "low": low, "high": high, "megabytes": megabytes, "form": form}
    for contender in contenders.values():
        contender.end()
    return result


def check_agreement(name: str, ours, theirs) -> None:
    """Assert that two first steps have the same loss and gradient, to 1e-4 of the gradient's largest entry."""
    assert abs(ours[0] - theirs[0]) < 1e-4 * ours[0], f"{name}: loss {theirs[0]}, not {ours[0]}"
    for parameter, gradient in ours[1].items():
        error = np.abs(gradient - theirs[1][parameter]).max() / np.abs(gradient).max()
        assert error < 1e-4, f"{name}: the gradient of {parameter} differs by {error:.1e}"


def products(case: Case) -> float:
    """Floating-point operations of a step's three matrix products: 6 n M P."""
    return 6 * round(case.train_fraction * case.modulus**2) * case.width * case.modulus


def slope(results: dict[Case, dict], threads: int) -> float:
    """The slope of log(time of minimod) over log(n M P), from width 256 on. 1 means proportional."""
    line = [case for case in results if case == Case(threads, case.width) and case.width in WIDTHS[2:]]
    milliseconds = [results[case]["minimod"]["milliseconds"] for case in line]
    return float(np.polyfit(np.log([products(case) for case in line]), np.log(milliseconds), 1)[0])


def ratio(row: dict[str, dict], name: str) -> str:
    """A contender's time over minimod's time, with a star if its form is the grid."""
    star = "*" if row[name]["form"] else ""
    return f"{row[name]['milliseconds'] / row['minimod']['milliseconds']:.2f} ×{star}"


def table(results: dict[Case, dict]) -> str:
    """The results as a Markdown table: milliseconds, ratios to minimod, the share of the limit, and memory."""
    there = [name for name in FORMS if name in next(iter(results.values()))]
    head = ["threads", "P", "M", "data", "minimod, ms (quartiles)", "share of limit", *there, "MB", *there]
    lines = ["| " + " | ".join(head) + " |", "|" + " --: |" * len(head)]
    for case, row in results.items():
        ours = row["minimod"]
        cells = [
            case.threads, case.modulus, case.width, case.train_fraction,
            f"{ours['milliseconds']:.3g} ({ours['low']:.3g}-{ours['high']:.3g})",
            f"{row['limit']['milliseconds'] / ours['milliseconds']:.2f}",
            *(ratio(row, name) for name in there),
            f"{ours['megabytes']:.0f}", *(f"{row[name]['megabytes']:.0f}" for name in there),
        ]  # fmt: skip
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)
