"""python -m benchmarks gpu: compare minimod on a GPU with PyTorch and JAX on the same card. Writes GPU.md.

It takes ten minutes. Until it has run, GPU.md has an estimate of the times, and of the gain by further kernels.
"""

import json
import os
import statistics
import time
from pathlib import Path

import click

from benchmarks import steps
from benchmarks.contenders import HINT, peers
from minimod import TrainingConfig
from minimod.engine.backend import open_backend
from minimod.engine.device import available_cores, gpu_problem

WIDTHS = (256, 1024, 4096, 16384)

# The card of the estimate, an H100: float32 products without TF32, memory bandwidth, and the time to launch a kernel.
FLOPS, BYTES, LAUNCH = 50e12, 3e12, 4e-6

# Kernel of a step -> the number of arrays of n x M and of n x P that it reads or writes, and the number of launches.
# The matrix products are not in this table.
PASSES = {
    "Z = U[a]": (1, 0, 1), "H = V[b]": (1, 0, 1), "Z += H": (3, 0, 1), "H = clip(Z)": (2, 0, 1),
    "cross-entropy": (0, 16, 22), "dZ = dH where Z > 0": (5, 0, 2), "dU and dV, by segments": (2, 0, 1),
    "AdamW": (0, 0, 15), "the rest": (0, 2, 12),
}
# A kernel that is not written yet -> the kernels that it would replace, and its passes.
FUSED = {
    "H = relu(U[a] + V[b]) in one": (("Z = U[a]", "H = V[b]", "Z += H", "H = clip(Z)"), (1, 0, 1)),
    "the mask in the sum by segments": (("dZ = dH where Z > 0", "dU and dV, by segments"), (4, 0, 1)),
    "the cross-entropy in one": (("cross-entropy",), (0, 2, 1)),
    "AdamW in one": (("AdamW",), (0, 0, 1)),
}


def seconds_of(passes: tuple[int, int, int], n: int, M: int, P: int) -> float:
    """The time of a kernel: the time to move its bytes or the time of its launches, whichever is longer."""
    over_neurons, over_classes, launches = passes
    return max(4 * n * (over_neurons * M + over_classes * P) / BYTES, launches * LAUNCH)


def estimate(config: TrainingConfig) -> str:
    """The time of a step by the card's data sheet, and the gain by every kernel that is not written yet, as text."""
    n, M, P = round(config.train_fraction * config.modulus**2), config.width, config.modulus
    products = 6 * n * M * P / FLOPS
    each = {name: seconds_of(passes, n, M, P) for name, passes in PASSES.items()}
    step = products + sum(each.values())
    lines = [
        f"A step of P = {P}, M = {M}, n = {n} is estimated at {1e3 * step:.2f} ms: {1e3 * products:.2f} ms for its"
        f" three\nmatrix products at {FLOPS / 1e12:.0f} TFLOP/s, which is the floor. The rest moves"
        f" {BYTES / 1e12:.0f} TB/s, or waits {1e6 * LAUNCH:.0f} µs for each kernel.\n"
        f"The {config.epochs:,} epochs of the preset `paper` take {config.epochs * step / 60:.1f} minutes of such"
        " steps, without evaluations.\n",
        "| a kernel that is not written yet | gain, ms |", "| --- | --: |",
    ]
    for name, (replaced, passes) in FUSED.items():
        gain = sum(each[other] for other in replaced) - seconds_of(passes, n, M, P)
        lines.append(f"| {name} | {1e3 * gain:.2f} |")
    launches = sum(count for *_, count in PASSES.values()) * LAUNCH
    lines.append(f"| a graph of all kernels, launched at once | at most {1e3 * launches:.2f} |")
    return "\n".join(lines)


def sgemm_rate(device: str, size: int = 8192) -> float:
    """Floating-point operations per second of a large product, in float32 without TF32."""
    with open_backend(device) as backend:
        X = backend.xp.ones((size, size), "float32")
        times = []
        for _ in range(6):
            start = time.perf_counter()
            float((X @ X)[0, 0])
            times.append(time.perf_counter() - start)
    return 2 * size**3 / statistics.median(times[1:])


def measured(rounds: int, device: str = "gpu", widths: tuple[int, ...] = WIDTHS) -> tuple[str, dict]:
    """The steps of minimod and its peers on the card: a text, and the numbers."""
    os.environ["JAX_DEFAULT_MATMUL_PRECISION"] = "float32"              # no TF32, as for the others
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    with open_backend(device) as backend:
        card = backend.description
    rate = sgemm_rate(device)
    results = {width: steps.measure(steps.Case(available_cores(), width, device=device), rounds) for width in widths}
    there = peers()
    lines = [
        f"{card}, {rate / 1e12:.1f} TFLOP/s in a large product of float32. {', '.join(there)}; {HINT}.\n",
        "| M | minimod, ms (quartiles) | share of the product's rate | " + " | ".join(there) + " |",
        "|" + " --: |" * (3 + len(there)),
    ]
    for width, row in results.items():
        ours = row["minimod"]
        share = steps.products(steps.Case(1, width)) / (1e-3 * ours["milliseconds"]) / rate
        ratios = (steps.ratio(row, name) for name in there)
        times = f"{ours['milliseconds']:.3g} ({ours['low']:.3g}-{ours['high']:.3g})"
        lines.append(f"| {width} | {times} | {share:.2f} | " + " | ".join(ratios) + " |")
    paper = TrainingConfig.from_preset("paper")
    step = results[min(widths, key=lambda width: abs(width - paper.width))]["minimod"]["milliseconds"]
    minutes = paper.epochs * step / 6e4
    lines.append(f"\nThe {paper.epochs:,} steps of the preset `paper`, M = {paper.width}, take {minutes:.1f} minutes.")
    record = {"card": card, "rate": rate, "steps": {str(width): row for width, row in results.items()}}
    return "\n".join(lines), record


@click.command()
@click.option("--output", type=click.Path(path_type=Path), default=Path("benchmark"), show_default=True,
              help="Directory for GPU.md and gpu.json.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Turns of every contender.")
@click.option("--estimate-only", is_flag=True, help="Write the estimate alone. Measure nothing.")
def main(output, rounds, estimate_only):
    """Time minimod's training on a GPU, and PyTorch and JAX if they are installed."""
    if not estimate_only and (problem := gpu_problem()):
        raise click.ClickException(f"{problem}; --estimate-only writes the estimate")
    output.mkdir(parents=True, exist_ok=True)
    text = "Not measured on a GPU."
    if not estimate_only:
        text, record = measured(rounds)
        (output / "gpu.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    paper = TrainingConfig.from_preset("paper")
    page = f"""# On a GPU

`python -m benchmarks gpu --output benchmarks` writes this page on a machine with a GPU, within ten minutes. The steps
are as in [README.md](README.md), in float32 without TF32. Every contender has its own process, on the same card.

{text}

## By an estimate

From the data sheet of an H100, not measured:

{estimate(paper)}

So far, the sum by segments is the only kernel that is written. Others wait until they can be tried on a GPU.
"""
    (output / "GPU.md").write_text(page, encoding="utf-8")
    click.echo(page)
