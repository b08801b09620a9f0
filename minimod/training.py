"""The training loop: step, measure and save, epoch by epoch."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np

from minimod.analysis.accuracy import accuracies, predict, share
from minimod.analysis.filtration import filter_frequencies
from minimod.backend import Backend, free_memory, open_backend, to_host
from minimod.config import TrainingConfig
from minimod.data import Dataset, Pairs, build_dataset, random_stream
from minimod.errors import DivergenceError, InputError, Interrupted
from minimod.gradient import SHARDS, Gradient, in_tiles, make_blocks
from minimod.network import TwoLayerNet, initial_network
from minimod.optimizers import OPTIMIZERS
from minimod.runs import (
    Checkpoint,
    Row,
    Run,
    append_metrics,
    claim_directory,
    columns,
    save_checkpoint,
    save_network,
)

# Called after every epoch with its number, and with its row of metrics where it was measured, else None.
Progress = Callable[[int, Row | None], None]

# How often a checkpoint is written unless told otherwise.
CHECKPOINT_EVERY = timedelta(minutes=1)


def train(
    config: TrainingConfig,
    directory: Path | str | None = None,
    progress: Progress | None = None,
    checkpoint_every: int | timedelta = CHECKPOINT_EVERY,
) -> Run:
    """Train a network. With a `directory` the run is written there as it goes, without one it stays in memory.

    A directory that holds an unfinished run of this configuration is gone on with, from its last checkpoint; the end is
    the same, bit for bit, but for the seconds. Checkpoints are written every so many epochs or after some time, and at
    the end. SIGINT and SIGTERM, where they reach the main thread, end the epoch, write one and raise Interrupted; a
    second SIGINT has its usual effect.

    Raises InputError if the directory holds anything else or the device cannot be used, MemoryError if the device's
    free memory is less than `memory_needed`, and DivergenceError at the first evaluation or checkpoint that finds a
    loss which is not finite.
    """
    with open_backend(config.device, config.threads) as backend:
        needed, free = memory_needed(config, backend), free_memory(backend.xp)
        if needed > free:
            raise MemoryError(
                f"training at width {config.width} and modulus {config.modulus} needs about {needed / 1e9:,.1f} GB"
                f" of memory, and {free / 1e9:,.1f} GB are free"
            )
        if directory is None:
            return _train(config, backend, None, None, progress, checkpoint_every, [])
        directory = Path(directory)
        with claim_directory(directory, config, backend.description) as checkpoint, _stop_requests() as signals:
            return _train(config, backend, directory, checkpoint, progress, checkpoint_every, signals)


def _train(
    config: TrainingConfig, backend: Backend, directory: Path | None, checkpoint: Checkpoint | None,
    progress: Progress | None, checkpoint_every: int | timedelta, signals: list[int],
) -> Run:
    """Train from a checkpoint or (None) from the start, until the end or the epoch in which `signals` gets one."""
    dataset = build_dataset(config)
    network = initial_network(config).convert(backend.xp.asarray)
    optimizer = OPTIMIZERS[config.optimizer](network.parameters, config)
    state = network.parameters | optimizer.state
    first, before, rows = 0, 0.0, []
    if checkpoint:
        _restore(state, checkpoint)
        first, before, rows = checkpoint.epoch, checkpoint.seconds, checkpoint.rows
    start = saved = time.perf_counter()
    losses: dict = {}

    def save(epoch):
        _raise_if_diverged(losses)
        host = {name: to_host(array) for name, array in state.items()}
        save_checkpoint(directory, Checkpoint(epoch, before + time.perf_counter() - start, rows, host))

    last = rows[-1]["epoch"] if rows else -1
    for epoch, row in _epochs(network, optimizer, config, dataset, backend, first, last, losses):
        if row:
            row = {"epoch": epoch, "seconds": round(before + time.perf_counter() - start, 3)} | row
            rows.append(row)
            if directory:
                append_metrics(directory, row)
        if progress:
            progress(epoch, row)
        if directory and epoch < config.epochs:
            if signals:
                save(epoch)
                raise Interrupted(signals[0], directory, epoch)
            if _is_due(checkpoint_every, epoch - first, time.perf_counter() - saved):
                save(epoch)
                saved = time.perf_counter()
    network = network.convert(to_host)
    if directory:
        save(config.epochs)
        save_network(directory, network)
    return Run(config, dataset, network, columns(rows), directory)


def _restore(state: dict, checkpoint: Checkpoint) -> None:
    """Write a checkpoint's arrays over those of a run. Raises InputError if they are of another kind."""
    for name, array in state.items():
        saved = checkpoint.state.get(name)
        if saved is None or (saved.shape, saved.dtype) != (array.shape, array.dtype):
            raise InputError("array of the checkpoint", name, f"there, {array.dtype} of shape {array.shape}")
        array[...] = np.asarray(saved, like=array)


def _is_due(every: int | timedelta, epochs: int, seconds: float) -> bool:
    """Whether a checkpoint is, so many epochs after the first one and seconds after the last one."""
    if isinstance(every, timedelta):
        return seconds >= every.total_seconds()
    return epochs > 0 and epochs % every == 0


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """A list that gets the numbers of signals to stop.

    After the first, Ctrl-C has its usual effect again: a person means it. SIGTERM is sent by programs, which may well
    send it twice, and have SIGKILL.
    """
    received: list[int] = []
    usual = {}
    if threading.current_thread() is threading.main_thread():  # no other may set handlers
        usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore():
        for number, handler in usual.items():
            signal.signal(number, handler)

    def note(number, frame):
        received.append(number)
        signal.signal(signal.SIGINT, usual[signal.SIGINT])

    for number, handler in usual.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, note)
    try:
        yield received
    finally:
        restore()
    if received:
        signal.raise_signal(received[0])  # the run has ended by itself; what comes after it is to be stopped


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
    network: TwoLayerNet, optimizer, config: TrainingConfig, dataset: Dataset, backend: Backend,
    first: int, last_measured: int, losses: dict,
) -> Iterator[tuple[int, Row | None]]:
    """Train the network, trained for `first` epochs before, in place.

    Before each epoch, and after the last: the number of epochs so far, and their measurements or None. `losses` gets
    those since the last evaluation, by epoch, left on the device: fetching each would make a GPU wait.
    """
    gradient_of = Gradient(network, config.loss, backend)
    pairs = in_tiles(dataset.train, config.modulus, backend.block_size(config.width))
    blocks = make_blocks(pairs, network, backend)
    schedule = (epoch for epoch in evaluation_epochs(config.epochs, config.eval_every) if epoch > last_measured)
    next_evaluation = next(schedule, None)

    for epoch in range(first, config.epochs + 1):
        measured = epoch == next_evaluation
        if measured or config.batch_size is None:
            losses[epoch], gradient, predicted = gradient_of(blocks, predict=measured)  # also of the next epoch's step
        row = None
        if measured:
            loss = float(losses[epoch])
            _raise_if_diverged(losses)
            next_evaluation = next(schedule, None)
            row = {"loss": loss} | measure(network, dataset, pairs, to_host(predicted), backend)
        yield epoch, row
        if epoch == config.epochs:
            return
        if config.batch_size is None:
            optimizer.step(gradient)
        else:
            for batch in _batches(config, epoch + 1, dataset.train):
                losses[epoch + 1], gradient, _ = gradient_of(make_blocks(batch, network, backend))
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


def _raise_if_diverged(losses: dict) -> None:
    """Raise DivergenceError for the first of the losses, by epoch, that is not finite; forget those that are."""
    if losses:
        finite = np.isfinite(to_host(np.stack(list(losses.values()))))
        if not finite.all():
            epoch = list(losses)[int(finite.argmin())]
            raise DivergenceError(f"the loss is not finite at epoch {epoch}; try a smaller learning rate or init_std")
        losses.clear()
