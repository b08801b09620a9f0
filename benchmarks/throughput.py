"""Time of a full-batch training step: minimod, PyTorch eager where it is installed, and the machine's own limit.

python -m benchmarks.throughput [--width 256 --width 1024 ...] [--repeats 15] [--json]

A step is the gradient over all training pairs (P = 113, 80 % of them, 80 % noise) and an AdamW update, in float32. The
limit is the time of the step's three matrix products alone, at the shapes and in the threads that minimod uses. All are
measured in turn, round by round, and medians are printed; before that, losses and gradients are checked to agree.
PyTorch: pip install torch==2.13.0
"""

import json
import statistics
import time
from importlib.util import find_spec

import click
import numpy as np

from minimod import TrainingConfig
from minimod.backend import Backend, available_cores, open_backend
from minimod.data import Dataset, build_dataset
from minimod.gradient import Gradient, in_tiles, make_blocks
from minimod.network import TwoLayerNet, initial_network
from minimod.optimizers import OPTIMIZERS


def minimod_step(config: TrainingConfig, network: TwoLayerNet, dataset: Dataset, backend: Backend):
    """A function that takes one step and returns the loss and gradient before it."""
    blocks = make_blocks(in_tiles(dataset.train, network.modulus, backend.block_size(network.width)), network, backend)
    gradient_of = Gradient(network, config.loss, backend)
    optimizer = OPTIMIZERS[config.optimizer](network.parameters, config)

    def step():
        loss, gradient, _ = gradient_of(blocks)
        optimizer.step(gradient, backend)
        return float(loss), gradient

    return step


def torch_step(config: TrainingConfig, network: TwoLayerNet, dataset: Dataset, threads: int):
    """The same in PyTorch as one would write it: embedding gathers, autograd, fused AdamW."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    theta = {name: torch.nn.Parameter(torch.tensor(array)) for name, array in network.parameters.items()}
    a, b, label = (torch.tensor(x) for x in (dataset.train.a, dataset.train.b, dataset.train.label))
    optimizer = torch.optim.AdamW(
        theta.values(), config.learning_rate, config.betas, weight_decay=config.weight_decay, fused=True
    )

    def step():
        optimizer.zero_grad()
        hidden = torch.relu(functional.embedding(a, theta["U"]) + functional.embedding(b, theta["V"]))
        loss = functional.cross_entropy(hidden @ theta["W"] + theta["mu"], label)
        loss.backward()
        gradient = {name: parameter.grad.numpy() for name, parameter in theta.items()}
        optimizer.step()
        return loss.item(), gradient

    return step


def matrix_products(network: TwoLayerNet, n: int, backend: Backend):
    """A function that does H W, Hᵀ dF and dF Wᵀ on blocks of n examples in all, on arrays that stay in cache."""
    size, P = backend.block_size(network.width), network.modulus
    H, dF = np.ones((size, network.width), network.U.dtype), np.ones((size, P), network.U.dtype)

    def block(start):
        rows = min(size, n - start)
        H[:rows] @ network.W
        H[:rows].T @ dF[:rows]
        dF[:rows] @ network.W.T

    return lambda: list(backend.map(block, range(0, n, size)))


def measure(width: int, threads: int, repeats: int) -> dict[str, float]:
    """Median milliseconds of each contender."""
    config = TrainingConfig(width=width)
    dataset = build_dataset(config)
    network = initial_network(config)
    with open_backend("cpu", threads) as backend:
        contenders = {"limit": matrix_products(network, len(dataset.train), backend)}
        contenders["minimod"] = minimod_step(config, network.convert(np.copy), dataset, backend)
        if find_spec("torch"):
            contenders["torch"] = torch_step(config, network, dataset, threads)
            check_agreement(contenders["minimod"](), contenders["torch"]())
        times = {name: [] for name in contenders}
        for _ in range(repeats):
            for name, run in contenders.items():
                run()  # not counted: the last contender's threads may still spin, and its data fill the caches
                start = time.perf_counter()
                run()
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def check_agreement(ours, theirs) -> None:
    """Stop unless two first steps have the same loss and gradient, to 1e-4 of the gradient's largest entry."""
    assert abs(ours[0] - theirs[0]) < 1e-4 * ours[0], f"losses {ours[0]} and {theirs[0]}"
    for name, gradient in ours[1].items():
        error = np.abs(gradient - theirs[1][name]).max() / np.abs(gradient).max()
        assert error < 1e-4, f"the gradients of {name} differ by {error:.1e}"


@click.command()
@click.option("--width", "widths", type=int, multiple=True, default=(64, 256, 1024, 2048), show_default=True)
@click.option("--threads", type=int, default=available_cores(), show_default=True)
@click.option("--repeats", type=int, default=15, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def main(widths, threads, repeats, as_json):
    """Time a full-batch training step at each width."""
    rows = {width: measure(width, threads, repeats) for width in widths}
    if as_json:
        click.echo(json.dumps({"threads": threads, "milliseconds": rows}, indent=1))
        return
    click.echo(f"ms per full-batch step, P = 113, float32, {threads} threads, median of {repeats}\n")
    click.echo(f"{'width':>6}{'limit':>9}{'minimod':>9}{'torch':>9}{'limit / minimod':>17}{'torch / minimod':>17}")
    for width, row in rows.items():
        peer, ratio = (f"{row['torch']:.1f}", f"{row['torch'] / row['minimod']:.2f}") if "torch" in row else ("-", "-")
        share = f"{row['limit'] / row['minimod']:.2f}"
        click.echo(f"{width:6}{row['limit']:9.1f}{row['minimod']:9.1f}{peer:>9}{share:>17}{ratio:>17}")


if __name__ == "__main__":
    main()
