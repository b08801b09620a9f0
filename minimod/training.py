"""The training loop: step and measure, epoch by epoch."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from minimod.analysis.accuracy import accuracies, predict, share
from minimod.analysis.filtration import filter_frequencies
from minimod.backend import Backend, free_memory, open_backend, to_host
from minimod.config import TrainingConfig
from minimod.data import Dataset, Pairs, build_dataset, random_stream
from minimod.errors import DivergenceError
from minimod.gradient import SHARDS, Gradient, in_tiles, make_blocks
from minimod.network import TwoLayerNet, initial_network
from minimod.optimizers import OPTIMIZERS
from minimod.runs import METRICS, Run, append_metrics, create_directory, save_network

# Called after every epoch with its number, and with its row of metrics where it was measured, else None.
Progress = Callable[[int, dict[str, float] | None], None]


def train(config: TrainingConfig, directory: Path | str | None = None, progress: Progress | None = None) -> Run:
    """Train a network. With a `directory` the run is written there as it goes, without one it stays in memory.

    Raises InputError if the directory is neither new nor empty, or the device cannot be used, MemoryError if the
    device's free memory is less than `memory_needed`, and DivergenceError at the first evaluation that finds a loss
    which is not finite.
    """
    directory = None if directory is None else Path(directory)
    history: dict[str, list[float]] = {name: [] for name in METRICS}
    with open_backend(config.device, config.threads) as backend:
        needed, free = memory_needed(config, backend), free_memory(backend.xp)
        if needed > free:
            raise MemoryError(
                f"training at width {config.width} and modulus {config.modulus} needs about {needed / 1e9:,.1f} GB"
                f" of memory, and {free / 1e9:,.1f} GB are free"
            )
        dataset = build_dataset(config)
        network = initial_network(config).convert(backend.xp.asarray)
        if directory:
            create_directory(directory, config, backend.description)
        start = time.perf_counter()
        for epoch, row in _epochs(network, config, dataset, backend):
            if row:
                row = {"epoch": epoch, "seconds": round(time.perf_counter() - start, 3)} | row
                for name in METRICS:
                    history[name].append(row[name])
                if directory:
                    append_metrics(directory, row)
            if progress:
                progress(epoch, row)
        network = network.convert(to_host)
    if directory:
        save_network(directory, network)
    return Run(config, dataset, network, {name: np.array(column) for name, column in history.items()}, directory)


def memory_needed(config: TrainingConfig, backend: Backend) -> int:
    """About how many bytes `train` takes at its peak, from above, besides Python and its libraries.

    Three parts: the data, 150 bytes for each of the P² pairs; of the parameters' size, one gradient for each shard, the
    parameters with an optimiser's state, and what an evaluation's Fourier transforms take (21 times in all); and for
    each thread the blocks that it works on. A test holds this against the peak that is measured.
    """
    P, M, itemsize = config.modulus, config.width, np.dtype(config.dtype).itemsize
    parameters = (3 * P * M + P) * itemsize
    block = min(backend.block_size(M), P * P) * (M + P) * itemsize
    return 150 * P * P + (SHARDS + 13) * parameters + 3 * backend.threads * block


def _epochs(
    network: TwoLayerNet, config: TrainingConfig, dataset: Dataset, backend: Backend
) -> Iterator[tuple[int, dict[str, float] | None]]:
    """Train the network in place. After each epoch, and before the first: its number, and its measurements or None."""
    optimizer = OPTIMIZERS[config.optimizer](network.parameters, config)
    gradient_of = Gradient(network, config.loss, backend)
    pairs = in_tiles(dataset.train, config.modulus, backend.block_size(config.width))
    blocks = make_blocks(pairs, network, backend)
    schedule = evaluation_epochs(config.epochs, config.eval_every)
    next_evaluation = next(schedule)
    losses = []  # one an epoch since the last evaluation, left on the device: fetching each would make a GPU wait

    for epoch in range(config.epochs + 1):
        measured = epoch == next_evaluation
        if measured or config.batch_size is None:
            loss, gradient, predicted = gradient_of(blocks, predict=measured)  # also that of the next epoch's step
        losses.append(loss)
        row = None
        if measured:
            _raise_if_diverged(losses, epoch)
            losses.clear()
            next_evaluation = next(schedule, None)
            row = {"loss": float(loss)} | measure(network, dataset, pairs, to_host(predicted), backend)
        yield epoch, row
        if epoch == config.epochs:
            return
        if config.batch_size is None:
            optimizer.step(gradient)
        else:
            for batch in _batches(config, epoch + 1, dataset.train):
                loss, gradient, _ = gradient_of(make_blocks(batch, network, backend))
                optimizer.step(gradient)


def evaluation_epochs(epochs: int, every: int | None = None) -> Iterator[int]:
    """When to measure: each `every` epochs, or (None) each up to 40 and then in steps of 5 %; and at the end."""
    epoch = 0
    while epoch < epochs:
        yield epoch
        epoch += every or max(1, epoch // 20)
    yield epochs


def measure(
    network: TwoLayerNet, dataset: Dataset, train: Pairs, predicted: np.ndarray, backend: Backend
) -> dict[str, float]:
    """Accuracies, filtered test accuracy and norms; `predicted` are the labels predicted for the pairs of `train`."""
    grid = np.empty_like(dataset.rule.label_table)
    grid[train.a, train.b] = predicted
    for pairs in (dataset.validation, dataset.test):
        grid[pairs.a, pairs.b] = predict(network, pairs.a, pairs.b, backend)
    row = {f"{name}_accuracy": value for name, value in accuracies(grid, dataset).items()}

    test, dominant = dataset.test, filter_frequencies(network, dataset.rule).dominant
    row["filtered_test_accuracy"] = share(predict(dominant, test.a, test.b, backend) == test.true_label)
    return row | {f"norm_{name}": float(np.sqrt((X * X).sum())) for name, X in network.arrays.items()}


def _batches(config: TrainingConfig, epoch: int, train: Pairs) -> Iterator[Pairs]:
    """The batches of an epoch, cut from a new random order."""
    order = random_stream(config.seed, "batches", epoch).permutation(len(train))
    for start in range(0, len(order), config.batch_size):
        yield train[np.sort(order[start : start + config.batch_size])]


def _raise_if_diverged(losses: list, epoch: int) -> None:
    """`losses` are those of the last epochs, the last one of the network after `epoch` epochs."""
    finite = np.isfinite(to_host(np.stack(losses)))
    if not finite.all():
        epoch += 1 - len(losses) + int(finite.argmin())
        raise DivergenceError(f"the loss is not finite at epoch {epoch}; try a smaller learning rate or init_std")
