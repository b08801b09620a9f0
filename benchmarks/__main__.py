"""python -m benchmarks: minimod against PyTorch, JAX and the machine's own limit. See README.md beside this file."""

import json
import multiprocessing
import platform
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import click
import matplotlib
from matplotlib import pyplot as plt
from threadpoolctl import threadpool_info

from benchmarks import analysis, gpu, headline, many, profile, sharing, startup, steps, tricks
from benchmarks.contenders import FORMS, HINT, peers
from benchmarks.processes import Contender
from minimod import TrainingConfig
from minimod.engine.device import available_cores

# The colours of Okabe and Ito. They differ for colour-blind readers too.
COLOURS = {
    "minimod": "#D55E00", "reference": "#E69F00", "torch eager": "#0072B2", "torch.compile": "#56B4E9",
    "JAX": "#009E73",
}
# Peer -> the aim: the least ratio of its time to minimod's time.
AIMS = {"torch eager": 1.5, "torch.compile": 1.5, "JAX": 1.25}
MARKERS = {"minimod": "o", "reference": "v", "torch eager": "s", "torch.compile": "^", "JAX": "D"}


@click.group(invoke_without_command=True)
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmark"), show_default=True,
              help="Directory for README.md, results.json and roofline.png.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=available_cores(), show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Turns of every contender.")
@click.option("--quick", is_flag=True, help="Two widths and the analysis only.")
@click.pass_context
def main(context, output, threads, rounds, quick):
    """Time minimod's training and analysis, and PyTorch and JAX if they are installed."""
    if context.invoked_subcommand:
        return
    missing = [name for name in FORMS if name not in peers()]
    if missing:
        click.echo(f"skipped, not installed: {', '.join(missing)}; {HINT}", err=True)
    cases = steps.cases(threads)
    if quick:
        cases = [steps.Case(threads, 256), steps.Case(threads, 1024)]
    results = {}
    for case in cases:
        results[case] = steps.measure(case, rounds)
        click.echo(f"{case}: {results[case]['minimod']['milliseconds']:.3g} ms", err=True)
    text = [head(threads, rounds), steps.table(results), summary(results, threads)]
    record = {"steps": [case._asdict() | {"contenders": row} for case, row in results.items()]}
    record["analysis"] = analysis.measure(threads, rounds)
    text.append(analysis_text(record["analysis"]))
    if not quick:
        record["headline"] = measure_headline(threads, rounds)
        record["many"] = {width: many.measure(width, threads, not missing, rounds) for width in many.WIDTHS}
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as fresh:  # malloc adapts to its history
            record["tricks"] = fresh.submit(tricks.measure, threads, rounds).result()
        record["sharing"], record["startup"] = sharing.measure(rounds), startup.measure(rounds)
        rates = {width: rate for width, rate in record["many"].items() if steps.Case(1, width) in results}
        text.append(left_text(results, rates, threads))
        text += [headline_text(record["headline"]), many_text(record["many"]), tricks_text(record["tricks"])]
        record["profile"] = {width: profile.measure(width, rounds) for width in profile.WIDTHS}
        text += [profile.text(record["profile"]), sharing.text(record["sharing"], threads)]
        text += [startup.text(record["startup"])]
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    (output / "README.md").write_text("\n\n".join(text) + "\n", encoding="utf-8")
    draw_roofline(results, threads, output / "roofline.png")
    click.echo("\n\n".join(text[1:]))


def head(threads: int, rounds: int) -> str:
    """The beginning of the page: what was measured, how, and on which machine."""
    versions = [f"Python {platform.python_version()}", f"NumPy {version('numpy')}"]
    versions += [f"OpenBLAS with its kernels for {kernels()}"]
    versions += [f"PyTorch {version('torch')}"] if "torch eager" in peers() else []
    versions += [f"JAX {version('jax')}"] if "JAX" in peers() else []
    return f"""# Benchmarks

This page is what `python -m benchmarks --output benchmarks --rounds {rounds}` wrote, with the extra `bench` installed
(`{HINT}`). Machine: {processor()}, {threads} cores used, shared with others. {", ".join(versions)}.
Not measured on a GPU: see [GPU.md](GPU.md).

A step is the gradient over all training pairs and an AdamW update, in float32. Every contender has its own process, on
the same cores. Contenders take turns, for {rounds} rounds. A contender runs for 0.3 s before its turn is timed. Before
timing, the losses and gradients of all contenders are compared: they agree to 1e-4. The *reference* is the loop of
fit.py: pure, all examples at once. PyTorch and JAX have two forms: gathers over the training pairs, or the grid of all
pairs with a mask. The faster form counts, and a star marks the grid. The *limit* is the time of the step's three matrix
products alone, on minimod's blocks and threads. The share is the limit's time over minimod's time. Another contender's
column has its time over minimod's time: 2 × is twice as slow. MB is peak memory, of minimod and then of the others.

## Training steps

![Rate of the matrix products over width](roofline.png)"""


def processor() -> str:
    """The name of the processor, from Linux if possible."""
    try:
        return re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))[1]
    except (OSError, TypeError):
        return platform.processor() or "unknown processor"


def kernels() -> str:
    """The processor whose kernels OpenBLAS uses here."""
    return next(library["architecture"] for library in threadpool_info() if library["user_api"] == "blas")


def summary(results: dict, threads: int) -> str:
    """The growth of time with work, and the gain by threads."""
    lines = []
    if steps.Case(threads, 4096) in results:
        lines.append(f"- Slope of log(time) over log(n M P), widths 256 to 4096: {steps.slope(results, threads):.2f}.")
    for width in steps.WIDTHS:
        one, all_ = results.get(steps.Case(1, width)), results.get(steps.Case(threads, width))
        if one and all_ and threads > 1:
            gain = one["minimod"]["milliseconds"] / all_["minimod"]["milliseconds"]
            lines.append(f"- {threads} threads over 1 at width {width}: {gain:.2f} ×.")
    return "\n".join(lines)


def left_text(results: dict, rates: dict, threads: int) -> str:
    """The cases that miss AIMS, with their share of the limit, and the loss by threads of one process."""
    aims = ", ".join(f"{aim} × {name}" for name, aim in AIMS.items())
    lines = ["## What is left\n", f"The aim is {aims}. These cases miss it:\n"]
    for case, row in results.items():
        ours = row["minimod"]["milliseconds"]
        missed = {name: row[name]["milliseconds"] / ours for name, aim in AIMS.items()
                  if name in row and row[name]["milliseconds"] < aim * ours}
        lines += [
            f"- {name} {ratio:.2f} × at P = {case.modulus}, M = {case.width}, data {case.train_fraction}, threads"
            f" {case.threads}: the products alone take {row['limit']['milliseconds'] / ours:.0%} of the step."
            for name, ratio in missed.items()
        ]
    lines.append("\nThe profile below shows the rest at M = 64. Threads share a step:\n")
    for width, rate in rates.items():
        alone = 1e3 * threads / results[steps.Case(1, width)]["minimod"]["milliseconds"]
        processes, together = (rate[f"minimod, {way}"] for way in ("a process for each core", "one process, all cores"))
        lines.append(
            f"- Width {width}: {threads} times the rate of one thread is 100 %. {threads} processes reach"
            f" {processes / alone:.0%}, and {threads} threads of one process reach {together / alone:.0%}. So processes"
            " on different cores hardly slow each other down. The part of the interpreter's lock was not measured."
        )
    has_lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    lock = "a" if has_lock else "no"
    return "\n".join([*lines, f"\nThis interpreter has {lock} global lock. No other interpreter was measured."])


def analysis_text(result: dict) -> str:
    """The times of the analysis, as text."""
    ours, naive = result["minimod"], result["naive"]
    return f"""## Analysis

Spectra, dominant frequencies, filtration, and the predictions of both networks for all pairs, at width 2048:
minimod {ours:.0f} ms, straightforward NumPy {naive:.0f} ms, {naive / ours:.2f} ×."""


def measure_headline(threads: int, rounds: int) -> dict:
    """Time to the headline, for minimod and for PyTorch if it is installed: the median of three. And the limit."""
    runs = {"minimod": headline.minimod}
    if "torch eager" in peers():
        runs["torch eager"] = headline.torch_eager
    times = {name: [] for name in runs}
    for _ in range(min(3, rounds)):
        for name, run in runs.items():
            times[name].append(headline.measure(run, threads))
    result = {name: sorted(each, key=lambda row: row["seconds"])[len(each) // 2] for name, each in times.items()}
    limit = Contender("limit", TrainingConfig(), threads)
    result["step_limit_milliseconds"] = min(limit.ask("turn"))
    limit.end()
    return result


def headline_text(result: dict) -> str:
    """The time to the headline, as text."""
    ours = result["minimod"]
    floor = ours["epoch"] * result["step_limit_milliseconds"] / 1e3
    lines = [
        "## Time to the headline\n",
        "From the start of a Python process to a filtered test accuracy of 0.99, with 80 % of the labels wrong:\n",
        f"- minimod: {ours['seconds']:.1f} s, at epoch {ours['epoch']}, {ours['megabytes']:.0f} MB. The matrix products"
        f" of these steps alone take {floor:.1f} s.",
    ]
    if peer := result.get("torch eager"):
        ratio = peer["seconds"] / ours["seconds"]
        lines.append(
            f"- The same in PyTorch eager: {peer['seconds']:.1f} s, at epoch {peer['epoch']},"
            f" {peer['megabytes']:.0f} MB, {ratio:.2f} ×."
        )
    return "\n".join(lines)


def many_text(results: dict) -> str:
    """Networks x epochs per second as a Markdown table."""
    widths = list(results)
    lines = ["## Many networks\n", "Networks × epochs per second, P = 113, 80 % of the pairs:\n",
             "| | " + " | ".join(f"M = {width}" for width in widths) + " |", "| --- |" + " --: |" * len(widths)]
    for way in results[widths[0]]:
        lines.append(f"| {way} | " + " | ".join(f"{results[width][way]:.0f}" for width in widths) + " |")
    return "\n".join(lines)


def tricks_text(results: dict) -> str:
    """The gain of every trick, as a Markdown table."""
    lines = ["## Tricks\n", "The time of a step without the trick over the time with it (`benchmarks/tricks.py`):\n",
             "| | " + " | ".join(f"M = {width}" for width in tricks.WIDTHS) + " |",
             "| --- |" + " --: |" * len(tricks.WIDTHS)]  # fmt: skip
    lines += [f"| {trick} | " + " | ".join(f"{r:.2f} ×" for r in row.values()) + " |" for trick, row in results.items()]
    return "\n".join(lines)


def draw_roofline(results: dict, threads: int, path: Path) -> None:
    """Draw the rate of a step's matrix products over the width, for every contender and the limit."""
    matplotlib.use("agg")
    cases = [case for case in results if case == steps.Case(threads, case.width) and case.width in steps.WIDTHS]
    widths = [case.width for case in cases]

    def rates(name):
        return [1e-6 * steps.products(case) / results[case][name]["milliseconds"] for case in cases]

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    axes.plot(widths, rates("limit"), color="black", linestyle="--", label="limit: the matrix products alone")
    for name in COLOURS:
        if name in results[cases[0]]:
            axes.plot(widths, rates(name), color=COLOURS[name], marker=MARKERS[name], label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths, [str(width) for width in widths])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("width M")
    axes.set_ylabel("6 n M P / time of a step, GFLOP/s")
    axes.set_title(f"Full-batch training steps, P = 113, float32, {threads} threads")
    figure.legend(loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=100)


main.add_command(gpu.main, "gpu")

if __name__ == "__main__":
    main()
