"""The training loop: step, measure and save, epoch by epoch."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from minimod.arrays import Pairs, random_stream, to_host
from minimod.data import Dataset
from minimod.engine.backend import SHARDS, Backend, open_backend
from minimod.engine.device import gpu_problem, warn_once
from minimod.engine.gradient import Gradient, in_tiles, make_blocks
from minimod.engine.kernels import IN_PLACE_ACTIVATIONS
from minimod.engine.memory import Flat, free_memory
from minimod.errors import DivergedRunError, DivergenceError, FinishedRunError, InputError, Interrupted, LockedError
from minimod.network import TwoLayerNet
from minimod.optimizers import ELEMENTWISE, OPTIMIZERS
from minimod.runs import contents
from minimod.runs.claiming import Claim, claim_directory, plan
from minimod.runs.config import TrainingConfig
from minimod.runs.given import Data, build_dataset, check_fitted, check_network, checked_data, resolve
from minimod.runs.metrics import Metrics, history_of, measure
from minimod.runs.record import Record
from minimod.runs.run import Run, initial_network, load_run
from minimod.runs.signals import stop_requests

# Called after every epoch with its number, and with its row of metrics where it was measured, else None.
Progress = Callable[[int, Metrics | None], Any]

# How often a checkpoint is written unless told otherwise.
CHECKPOINT_EVERY = timedelta(minutes=1)

# So many parameters at most are one array for the optimiser on a CPU.
AS_ONE = 2**16

# Seconds between attempts where another process still trains a run, as after a sweep that was killed.
LOCK_WAIT = 0.5


def train(
    config: TrainingConfig,
    directory: Path | str | None = None,
    progress: Progress | None = None,
    checkpoint_every: int | timedelta = CHECKPOINT_EVERY,
    labels: np.ndarray | None = None,
    extend: bool = False,
    noise_matrix: np.ndarray | None = None,
    kept: np.ndarray | None = None,
    pairs: np.ndarray | None = None,
    tokens: np.ndarray | None = None,
    network: TwoLayerNet | None = None,
    table: np.ndarray | None = None,
) -> Run:
    """Train a network. With a `directory` the run is written there as it goes, without one it stays in memory.

    If the directory holds an unfinished run of this configuration, training continues from its last checkpoint. The end
    is the same, bit for bit, but for the seconds. Checkpoints are written after so many epochs or seconds, and at the
    end. SIGINT, SIGTERM and SIGHUP, where they reach the main thread, end the epoch, write one and raise Interrupted; a
    second SIGINT has its usual effect.

    With `extend` the directory holds a finished run of fewer epochs, which is trained on. It stays as it is until the
    longer one has finished. Without, a run in it that has diverged makes room for one of another configuration.

    The networks of the configuration's `snapshots` are kept in the directory, for `Run.at`.

    `labels`, of shape (n_train,), are fitted in place of the training labels; losses and train_accuracy are theirs, all
    other accuracies go on to refer to the labels of the dataset. `kept`, booleans of this shape, are the training pairs
    that are trained on, the others are left out. `noise_matrix` is what noise of kind matrix draws from, see
    `noise.by_matrix`. `pairs`, of shape (n, 5), are pairs of one's own, with their labels as they are, see
    `data.given_dataset`; the rule is PAIRS then, or one that they follow. `tokens` are the words that they stand for.
    All of these are kept with the run, as its data, and need not be given to go on with it, and so is the table of a
    rule that is given as table:FILE, or as `table` where the file has gone. `network` is one that was trained
    elsewhere, to be kept as a run of no epochs.

    Raises InputError if the directory holds anything else, the device cannot be used or the labels do not fit,
    MemoryError if the device's free memory is less than `memory_needed`, and DivergenceError at the first evaluation,
    snapshot or checkpoint that finds a loss which is not finite. When it is any but the last of these, nothing has been
    written.
    """
    arrays = {"labels": labels, "kept": kept, "noise_matrix": noise_matrix, "pairs": pairs, "tokens": tokens}
    data = checked_data(config, arrays | {"table": table})
    if network is not None:
        check_network(network, config)
    if not isinstance(checkpoint_every, timedelta) and (type(checkpoint_every) is not int or checkpoint_every < 1):
        raise InputError("checkpoint_every", checkpoint_every, "a number of epochs, at least 1, or a timedelta")
    if (extend or config.snapshots) and directory is None:
        raise InputError("directory", directory, "that of the run to extend" if extend else "one, to keep snapshots in")
    directory = None if directory is None else Path(directory)
    began = ""
    if directory:
        _, _, began, _, data = plan(directory, config, data, extend)
    config, data = resolve(config, data)
    with open_backend(_device(config.device, began), config.threads) as backend:
        needed, free = memory_needed(config, backend), free_memory(backend.xp)
        if needed > free:
            raise MemoryError(
                f"training at width {config.width} and modulus {config.modulus} needs about {needed / 1e9:,.1f} GB"
                f" of memory, and {free / 1e9:,.1f} GB are free"
            )
        dataset = build_dataset(config, data)
        check_fitted(data, len(dataset.train), config.modulus)
        if directory is None:
            return _Training(config, dataset, backend, None, data, network).run(progress, checkpoint_every, [])
        with (
            claim_directory(directory, config, backend.description, data, extend) as claim,
            stop_requests() as signals,
        ):
            try:        # no name for it: its memory is free when the backend gives back what is
                return _Training(config, dataset, backend, claim, claim.data, network).run(
                    progress, checkpoint_every, signals
                )
            except DivergenceError as error:
                contents.save_description(claim.place, claim.run._replace(diverged=str(error)))
                raise


def finished_run(config: TrainingConfig, directory: Path, progress: Progress | None = None, **data: Any) -> Run:
    """The run of this configuration in the directory: loaded if it has finished, else trained to its end.

    `data` are arrays, as for `train`; where any are given, a run on others is refused. Where
    another process trains there, waits for it. Raises what `train` does; DivergenceError names the directory.
    """
    while True:
        try:
            return train(config, directory, progress, **data)
        except FinishedRunError:
            return load_run(directory)
        except LockedError:
            time.sleep(LOCK_WAIT)
        except (DivergenceError, DivergedRunError) as error:
            raise DivergenceError(f"{directory.name}: {error}") from error


def _device(asked: str, began: str) -> str:
    """The device for a run: with "auto", the kind that it began on, if it has begun, for others have other bits.

    Another is taken where it is asked for, with a warning. Raises InputError where it began on a GPU, and there is none
    to use.
    """
    kind = "gpu" if began.startswith("CuPy") else "cpu"
    if not began or asked == kind:
        return asked
    if asked != "auto":
        warn_once(f"the run began on {began}; on another device it goes on with other bits")
        return asked
    if kind == "gpu" and (problem := gpu_problem()):
        raise InputError("device", asked, f"cpu, if the run is to go on here: it began on {began}, and {problem}")
    return kind


def memory_needed(config: TrainingConfig, backend: Backend) -> int:
    """About how many bytes `train` takes at its peak, from above, besides Python and its libraries.

    Three parts: the data, 150 bytes for each of the P² pairs; of the parameters' size, the gradients that wait to be
    added, the parameters with an optimiser's state, and what an evaluation's Fourier transforms take (13 times); and
    for each thread the block that it works on, with the arrays that a loss or an activation makes which has no twin in
    place. A test holds this against the peak that is measured.
    """
    P, M, itemsize = config.modulus, config.width, np.dtype(config.dtype).itemsize
    parameters, n = (3 * P * M + P) * itemsize, min(backend.block_size(M, P), P * P)
    at_work = min(backend.threads, backend.n_blocks(P * P, M, P))
    over_neurons = 3 + 2 * (config.activation not in IN_PLACE_ACTIVATIONS)
    over_classes = 3 + 2 * config.record + 8 * (config.label_smoothing > 0)
    block = n * (over_neurons * M + over_classes * P) * itemsize
    gradients = min(SHARDS, 5 * backend.threads)                          # a tree of SHARDS has four levels
    return 150 * P * P + (gradients + 13) * parameters + at_work * block


def make_optimizer(config: TrainingConfig, parameters: dict[str, Any]) -> Any:
    """The optimiser of a configuration for some parameters, see `OPTIMIZERS`."""
    optimizer = OPTIMIZERS[config.optimizer]
    return optimizer(parameters, **{name: getattr(config, name) for name in optimizer.options})


def with_optimizer(
    network: TwoLayerNet, config: TrainingConfig
) -> tuple[TwoLayerNet, dict[str, Any], Callable[[Flat], None]]:
    """The network with its parameters in one buffer, the optimiser's state by name, and the step for a gradient.

    Where it pays and changes no bit, the optimiser treats all parameters as one array: on a GPU, where every call is a
    kernel to be launched, and on a CPU where they are few, so that what it computes in between stays in a core's cache.
    """
    parameters = Flat(network.parameters)
    tied = {"V": parameters["U"]} if network.tied and "U" in parameters else {}
    as_one = config.optimizer in ELEMENTWISE and (
        parameters.buffer.size <= AS_ONE or not isinstance(parameters.buffer, np.ndarray)
    )
    optimizer = make_optimizer(config, {"": parameters.buffer} if as_one else parameters)
    state = {       # as one array m is named m_, and its parts m_U, m_V, m_W, m_mu
        name + part: array for name, buffer in optimizer.state.items()
        for part, array in (parameters.parts(buffer) if as_one and buffer.ndim else {"": buffer}).items()
    }
    step = (lambda gradient: optimizer.step({"": gradient.buffer})) if as_one else optimizer.step
    return replace(network, **parameters, **tied), state, step


class _Training:
    """A run in the making."""

    def __init__(
        self, config: TrainingConfig, dataset: Dataset, backend: Backend, claim: Claim | None, data: Data,
        network: TwoLayerNet | None,
    ):
        self.config, self.dataset, self.backend, self.claim, self.data = config, dataset, backend, claim, data
        pairs = replace(self.dataset.train, label=data.get("labels", self.dataset.train.label))
        kept = data.get("kept", np.ones(len(pairs), bool))
        self.pairs, self.left_out = pairs[kept], pairs[~kept]
        start = (network or initial_network(config)).convert(backend.xp.asarray)
        self.network, optimizer_state, self.step = with_optimizer(start, config)
        self.record = Record(len(self.pairs)) if config.record else None
        self.state = self.network.parameters | optimizer_state | (self.record.state if self.record else {})
        self.first, self.seconds_before, self.rows = 0, 0.0, list[Metrics]()
        self.snapshots: tuple[int, ...] = ()
        self.start = time.perf_counter()
        # Those since the last evaluation, by epoch, left on the device: fetching each would make a GPU wait.
        self.losses: dict[int, Any] = {}
        if claim and claim.checkpoint:
            self._go_on_from(claim.checkpoint)

    def _go_on_from(self, checkpoint: contents.Checkpoint) -> None:
        """Write a checkpoint's arrays over those of the run. Raises InputError if they are of another kind."""
        for name, array in self.state.items():
            saved = checkpoint.state.get(name)
            if saved is None or (saved.shape, saved.dtype) != (array.shape, array.dtype):
                raise InputError("array of the checkpoint", name, f"there, {array.dtype} of shape {array.shape}")
            array[...] = np.asarray(saved, like=array)
        self.first, self.seconds_before, self.rows = checkpoint.epoch, checkpoint.seconds, checkpoint.rows
        self.snapshots = checkpoint.snapshots

    @property
    def seconds(self) -> float:
        """The time spent on this run, before it was stopped and since."""
        return self.seconds_before + time.perf_counter() - self.start

    def run(self, progress: Progress | None, checkpoint_every: int | timedelta, signals: list[int]) -> Run:
        """Train to the end, or to the end of the epoch in which `signals` gets one."""
        if self.claim:
            contents.write_metrics(self.claim.place, self.rows)
        saved, asked = self.start, snapshot_epochs(self.config)
        for epoch, metrics in self._epochs():
            row = None
            if metrics:
                row = {"epoch": epoch, "seconds": self.seconds} | metrics
                self.rows.append(row)
                if self.claim:
                    contents.append_metrics(self.claim.place, row)
            if self.claim and epoch in asked:
                _raise_if_diverged(self.losses)
                contents.save_snapshot(self.claim.place, self.claim.run, self.network.convert(to_host), epoch)
                self.snapshots = tuple(sorted({*self.snapshots, epoch}))
            if progress:
                progress(epoch, row)
            if self.claim and epoch < self.config.epochs:
                if signals:
                    self._save(self.claim, epoch)
                    raise Interrupted(signals[0], self.claim.directory, epoch)
                if _is_due(checkpoint_every, epoch - self.first, time.perf_counter() - saved):
                    self._save(self.claim, epoch)
                    saved = time.perf_counter()
        network = self.network.convert(to_host)
        course, rows, snapshots = self.record.course if self.record else {}, self.rows, self.snapshots
        if self.claim:
            self._save(self.claim, self.config.epochs)
            contents.save_network(self.claim.place, self.claim.run, contents.Trained(network, rows, course, snapshots))
        directory = self.claim.directory if self.claim else None
        return Run(self.config, self.dataset, network, history_of(rows), directory, self.data, course, snapshots)

    def _save(self, claim: Claim, epoch: int) -> None:
        _raise_if_diverged(self.losses)
        host = {name: to_host(array) for name, array in self.state.items()}
        checkpoint = contents.Checkpoint(epoch, self.seconds, self.rows, host, self.snapshots)
        contents.save_checkpoint(claim.place, claim.run, checkpoint)

    def _epochs(self) -> Iterator[tuple[int, Metrics | None]]:
        """Train in place. Before each epoch, and after the last: the number of epochs so far, and metrics or None."""
        config, network, backend, losses = self.config, self.network, self.backend, self.losses
        gradient_of = Gradient(network, config.loss, backend, config.record, config.label_smoothing)
        pairs = in_tiles(self.pairs, network, backend)
        in_order = np.lexsort((pairs.b, pairs.a))
        blocks = make_blocks(pairs, network, backend)
        batched = self.pairs.convert(backend.xp.asarray)
        last_measured = self.rows[-1]["epoch"] if self.rows else -1
        schedule = (epoch for epoch in evaluation_epochs(config.epochs, config.eval_every) if epoch > last_measured)
        next_evaluation = next(schedule, None)

        for epoch in range(self.first, config.epochs + 1):
            measured = epoch == next_evaluation
            if measured or config.batch_size is None:
                losses[epoch], gradient, answers = gradient_of(blocks, answer=measured)  # of the next step too
            metrics = None
            if measured:
                assert answers
                loss = float(losses[epoch])
                _raise_if_diverged(losses)
                next_evaluation = next(schedule, None)
                metrics = measure(network, self.dataset, config, pairs, self.left_out, loss, answers, backend)
                if self.record:
                    self.record.add(*(to_host(each)[in_order] for each in (answers.margin, answers.loss)))
            yield epoch, metrics
            if epoch == config.epochs:
                return
            if config.batch_size is None:
                self.step(gradient)
            else:
                for batch in _batches(batched, config.batch_size, config.seed, epoch + 1):
                    losses[epoch + 1], gradient, _ = gradient_of(make_blocks(batch, network, backend))
                    self.step(gradient)


def _is_due(every: int | timedelta, epochs: int, seconds: float) -> bool:
    """Whether a checkpoint is, so many epochs after the first one and seconds after the last one."""
    if isinstance(every, timedelta):
        return seconds >= every.total_seconds()
    return epochs > 0 and epochs % every == 0


def evaluation_epochs(epochs: int, every: int | None = None) -> Iterator[int]:
    """When to measure: each `every` epochs, or (None) each up to 40 and then in steps of 5 %; and at the end."""
    epoch = 0
    while epoch < epochs:
        yield epoch
        epoch += every or max(1, epoch // 20)
    yield epochs


def snapshot_epochs(config: TrainingConfig) -> set[int]:
    """The epochs of a run after which its network is kept. "log" stands for 0, all round(2^(k/2)), and the last."""
    epochs = config.snapshots or ()
    if isinstance(epochs, str):
        powers = (round(2 ** (k / 2)) for k in range(2 * config.epochs.bit_length()))
        epochs = (0, *powers, config.epochs)
    return {epoch for epoch in epochs if epoch <= config.epochs}


def _batches(train: Pairs, size: int, seed: int, epoch: int) -> Iterator[Pairs]:
    """The batches of an epoch, cut from a new random order, which goes to where the pairs are in one piece."""
    order = random_stream(seed, "batches", epoch).permutation(len(train))
    parts = [slice(start, start + size) for start in range(0, len(order), size)]
    for part in parts:
        order[part].sort()
    order = np.asarray(order, like=train.a)
    for part in parts:
        yield train[order[part]]


def _raise_if_diverged(losses: dict[int, Any]) -> None:
    """Raise DivergenceError for the first of the losses, by epoch, that is not finite; forget those that are."""
    if losses:
        finite = np.isfinite(to_host(np.stack(list(losses.values()))))
        if not finite.all():
            epoch = list(losses)[int(finite.argmin())]
            raise DivergenceError(f"the loss is not finite at epoch {epoch}; try a smaller learning rate or init_std")
        losses.clear()
