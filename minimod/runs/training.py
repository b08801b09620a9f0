"""The training loop: step, measure and save, epoch by epoch. fit.py is the same loop without measuring and saving."""

import time
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from minimod.arrays import Pairs, is_true, random_stream, to_host
from minimod.engine.backend import SHARDS, Backend, open_backend
from minimod.engine.device import gpu_problem, warn_once
from minimod.engine.gradient import Gradient, in_tiles, make_blocks
from minimod.engine.kernels import IN_PLACE_ACTIVATIONS
from minimod.engine.memory import Flat, free_memory
from minimod.errors import (
    DivergedRunError,
    DivergenceError,
    FinishedRunError,
    InputError,
    Interrupted,
    LockedError,
    check_type,
    checked_number,
    one_of,
)
from minimod.network import TwoLayerNet
from minimod.optimizers import ELEMENTWISE, OPTIMIZERS
from minimod.runs import contents
from minimod.runs.claiming import Plan, adopt_extension, begin, plan
from minimod.runs.config import CONSTRAINTS, TrainingConfig
from minimod.runs.data import NO_DATA, Job, UserData
from minimod.runs.files import as_path
from minimod.runs.holding import HeldDirectory, hold
from minimod.runs.metrics import Metrics, history_of, measure
from minimod.runs.record import Record
from minimod.runs.run import Run, examine, initial_network, load_run
from minimod.runs.signals import stop_requests

# The interval between two checkpoints: a number of epochs, or a time. The default is a time.
Interval = int | timedelta
CHECKPOINT_EVERY = timedelta(minutes=1)

# On a CPU, the optimiser treats at most this many parameters as one array.
AS_ONE = 2**16

# Seconds between attempts, if another process still trains a run, for example after a sweep was killed.
LOCK_WAIT = 0.5


class State:
    """The argument of a callback after every epoch.

    epoch: the number of epochs so far, from 0 on.
    metrics: a copy of the metrics of this epoch, or None if nothing was measured.
    network: a copy of the network on the host, made when it is first read. The copy can be kept. If it is first read
    after the callback has returned, it raises RuntimeError. By then, the network has changed.
    """

    def __init__(self, epoch: int, metrics: Metrics | None, network: TwoLayerNet):
        self.epoch, self.metrics, self._network = epoch, metrics and dict(metrics), [network]

    @cached_property
    def network(self) -> TwoLayerNet:
        """A copy of the network on the host."""
        if not self._network:
            raise RuntimeError(f"the network of epoch {self.epoch} was not asked for while the callback ran")
        return self._network[0].convert(lambda array: np.array(to_host(array)))

    def tell(self, callback: Callable[["State"], object]) -> bool:
        """Call a callback with this state, and return whether it returned True."""
        answer = callback(self)
        self._network.clear()
        return is_true(answer)


# Called after every epoch. If it returns True, training stops there.
Callback = Callable[[State], object]


def train(
    config: TrainingConfig | None = None, directory: Path | str | None = None, *, data: UserData | None = None,
    callback: Callback | None = None, checkpoint_every: Interval = CHECKPOINT_EVERY, **unknown: Any,
) -> Run:
    """Train a network. With a `directory`, the run is written there during training. Without one, it stays in memory.

    If the directory holds an unfinished run of this configuration, training resumes from its last checkpoint. Except
    for the seconds, the result has the same bits as without the interruption. If the directory holds a diverged run of
    another configuration, the new run overwrites it. If SIGINT, SIGTERM or SIGHUP reaches the main thread, training
    stops at the end of the epoch. Then a checkpoint is written, and Interrupted is raised. A second SIGINT has its
    usual effect.

    data: arrays that the configuration cannot rebuild. They are stored with the run, so resuming does not need them.
    callback: called after every epoch, see `State`. If it returns True, a checkpoint is written, and the run up to this
    epoch is returned. The same call resumes it.
    checkpoint_every: the number of epochs or the time between two checkpoints. The last checkpoint is at the end.

    The networks of the configuration's `snapshots` are saved in the directory, for `Run.at`.

    Raises InputError if the directory holds anything else, the device cannot be used, or the data do not fit. Raises
    MemoryError if the device has less free memory than `memory_needed`. After these errors, nothing has been written.
    Raises DivergenceError at the first evaluation, snapshot or checkpoint that finds a loss that is not finite.
    """
    for name in unknown:
        holder = UserData if name in {each.name for each in fields(UserData)} else TrainingConfig
        nearest = name if holder is UserData or name in CONSTRAINTS else one_of(CONSTRAINTS, name)
        raise InputError("keyword of train", name, f"{nearest}, in a {holder.__name__}")
    if not isinstance(config, TrainingConfig):
        raise InputError("config", config, "a TrainingConfig")
    check_type("data", data, UserData | None, "a UserData")
    place = None if directory is None else as_path("directory", directory)
    if place:
        adopt_extension(place)
    return _train(Job(config, data or NO_DATA), place, callback, checkpoint_every)


def resume(
    directory: Path | str, *, callback: Callback | None = None, checkpoint_every: Interval = CHECKPOINT_EVERY,
    **changes: Any,
) -> Run:
    """Resume the unfinished run, or the unfinished extension, in a directory, as `train` does.

    changes: new values of fields of the configuration, which may be threads and device. For a diverged run, they may be
    any fields, and training starts again. Raises FinishedRunError if nothing in the directory is unfinished, and what
    `train` raises.
    """
    place = as_path("directory", directory)
    adopt_extension(place)
    config = replace(contents.load_description(place).config, **changes)
    return _train(Job(config), place, callback, checkpoint_every)


def extend(
    directory: Path | str, epochs: int, *, callback: Callback | None = None,
    checkpoint_every: Interval = CHECKPOINT_EVERY, **changes: Any,
) -> Run:
    """Train the finished run in a directory for this number of epochs more.

    The directory holds the finished run until the longer run has finished. changes: new values of the fields
    eval_every, snapshots, threads and device. Raises UnfinishedRunError for an unfinished run, InputError if the last
    checkpoint is missing, and what `train` raises.
    """
    place = as_path("directory", directory)
    adopt_extension(place)
    epochs = checked_number("epochs", epochs, 1, kind=int)
    config = examine(place).finished
    config = replace(config, **{"epochs": config.epochs + epochs} | changes)
    return _train(Job(config), place, callback, checkpoint_every, extending=True)


def store_network(network: TwoLayerNet, config: TrainingConfig, directory: Path | str, data: UserData | None) -> Run:
    """Store a network that was trained elsewhere as a run in a directory. config: has 0 epochs."""
    return _train(Job(config, data or NO_DATA), as_path("directory", directory), network=network)


def finished_run(job: Job, directory: Path, callback: Callback | None = None) -> Run:
    """The run of a job in a directory: loaded if it has finished, else trained to its end.

    The parent directory must exist. If another process trains in the directory, this waits for it. Raises what `train`
    raises. A DivergenceError names the directory.
    """
    directory = directory.absolute()
    while True:
        try:
            return _train(job, directory, callback, parents=False)      # a parent that was moved is not made again
        except FinishedRunError:
            return load_run(directory)
        except LockedError:
            time.sleep(LOCK_WAIT)
        except (DivergenceError, DivergedRunError) as error:
            raise DivergenceError(f"{directory.name}: {error}") from error


def _train(
    job: Job, directory: Path | None, callback: Callback | None = None, checkpoint_every: Interval = CHECKPOINT_EVERY,
    extending: bool = False, network: TwoLayerNet | None = None, parents: bool = True,
) -> Run:
    """See `train`, `extend` and `store_network`. parents: whether missing parent directories are made."""
    check_type("callback", callback, Callable | None)
    if not isinstance(checkpoint_every, timedelta):
        checkpoint_every = checked_number("checkpoint_every, in epochs,", checkpoint_every, 1, kind=int)
    if job.config.snapshots and directory is None:
        raise InputError("directory", directory, "a path, since the run saves snapshots")
    found = plan(directory, job, extending)
    config = found.job.config
    with open_backend(_device(config.device, found.run.device), config.threads) as backend:
        _check_memory(config, backend)
        # The object gets no name. So its memory is free before the backend returns free memory to the GPU.
        return _Training(found, backend, network).run(directory, callback, checkpoint_every, parents)


def _device(asked: str, began: str) -> str:
    """The device for a run. asked: a name in DEVICES. began: the description of the device of a run that has begun.

    With "auto", a run that has begun stays on the same kind of device, because another kind gives other bits. If
    another kind is asked for by name, it is used, and this logs a warning. Raises InputError if the run began on a GPU,
    "auto" is asked for, and no GPU can be used.
    """
    kind = "gpu" if began.startswith("CuPy") else "cpu"
    if not began or asked == kind:
        return asked
    if asked != "auto":
        warn_once(f"the run began on {began}; on another device it continues with other bits")
        return asked
    if kind == "gpu" and (problem := gpu_problem()):
        raise InputError("device", asked, f"cpu, to continue the run here: it began on {began}, and {problem}")
    return kind


def memory_needed(config: TrainingConfig, backend: Backend) -> int:
    """An upper estimate of the bytes that `train` needs at its peak, besides Python and its libraries.

    It is the sum of 64 KiB and three parts. The data take 150 bytes per pair, for P² pairs. The second part is a
    multiple of the size of the parameters. It has the gradients that wait to be added. It also has 13 times the size
    for the parameters, the optimiser's state and the Fourier transforms of an evaluation. The third part is one block
    per thread. It includes the arrays that a loss or an activation without an in-place twin makes. A test compares the
    estimate with the measured peak.
    """
    P, M, itemsize = config.modulus, config.width, np.dtype(config.dtype).itemsize
    parameters, n = (3 * P * M + P) * itemsize, min(backend.block_size(M, P), P * P)
    at_work = min(backend.threads, backend.n_blocks(P * P, M, P))
    over_neurons = 3 + 2 * (config.activation not in IN_PLACE_ACTIVATIONS)
    over_classes = 3 + 2 * config.record + 8 * (config.label_smoothing > 0)
    block = n * (over_neurons * M + over_classes * P) * itemsize
    gradients = min(SHARDS, 5 * backend.threads)                          # a tree of SHARDS has four levels
    return 2**16 + 150 * P * P + (gradients + 13) * parameters + at_work * block


def _check_memory(config: TrainingConfig, backend: Backend) -> None:
    needed, free = memory_needed(config, backend), free_memory(backend.xp)
    if needed > free:
        raise MemoryError(
            f"training at width {config.width} and modulus {config.modulus} needs about {needed / 1e9:,.1f} GB"
            f" of memory, and {free / 1e9:,.1f} GB are free"
        )


def make_optimizer(config: TrainingConfig, parameters: dict[str, Any]) -> Any:
    """The optimiser of a configuration for a dictionary of parameters, see `OPTIMIZERS`."""
    optimizer = OPTIMIZERS[config.optimizer]
    return optimizer(parameters, **{name: getattr(config, name) for name in optimizer.options})


def with_optimizer(
    network: TwoLayerNet, config: TrainingConfig
) -> tuple[TwoLayerNet, dict[str, Any], Callable[[Flat], None]]:
    """The network with its parameters in one buffer, the optimiser's state by name, and the step for a gradient.

    The optimiser treats all parameters as one array if this is faster and changes no bit. It is faster on a GPU, where
    every call launches a kernel. It is faster on a CPU for few parameters, because intermediate results then stay in a
    core's cache.
    """
    parameters = Flat(network.parameters)
    tied = {"V": parameters["U"]} if network.tied and "U" in parameters else {}
    as_one = config.optimizer in ELEMENTWISE and (
        parameters.buffer.size <= AS_ONE or not isinstance(parameters.buffer, np.ndarray)
    )
    optimizer = make_optimizer(config, {"": parameters.buffer} if as_one else parameters)
    state = {       # if all parameters are one array, the optimiser names m "m_"; its parts get m_U, m_V, m_W, m_mu
        name + part: array for name, buffer in optimizer.state.items()
        for part, array in (parameters.parts(buffer) if as_one and buffer.ndim else {"": buffer}).items()
    }
    step = (lambda gradient: optimizer.step({"": gradient.buffer})) if as_one else optimizer.step
    return replace(network, **parameters, **tied), state, step


class _Training:
    """A planned run during training, in a directory that this process holds, or in memory."""

    held: HeldDirectory | None = None

    def __init__(self, found: Plan, backend: Backend, network: TwoLayerNet | None):
        self.plan, self.job, self.backend = found, found.job, backend
        self.dataset, subset, config = self.job.dataset(), self.job.data.subset, self.job.config
        self.pairs = self.job.data.fitted(self.dataset.train)
        self.left_out = self.dataset.train[[] if subset is None else ~subset]
        start = (network or initial_network(config)).convert(backend.xp.asarray)
        self.network, optimizer_state, self.step = with_optimizer(start, config)
        self.record = Record(len(self.pairs)) if config.record else None
        self.state = self.network.parameters | optimizer_state | (self.record.state if self.record else {})
        self.first, self.seconds_before, self.rows = 0, 0.0, list[Metrics]()
        self.snapshots: tuple[int, ...] = ()
        self.start = time.perf_counter()
        # epoch -> loss, since the last evaluation. The losses stay on the device: copying every loss makes a GPU wait.
        self.losses: dict[int, Any] = {}
        if found.checkpoint:
            self._go_on_from(found.checkpoint)

    def _go_on_from(self, checkpoint: contents.Saved) -> None:
        """Overwrite the arrays of the run by the arrays of a checkpoint.

        Raises InputError if an array is missing, or has another shape or dtype.
        """
        state = checkpoint.part("state_")
        for name, array in self.state.items():
            saved = state.get(name)
            if saved is None or (saved.shape, saved.dtype) != (array.shape, array.dtype):
                raise InputError("array of the checkpoint", name, f"present, as {array.dtype} of shape {array.shape}")
            array[...] = np.asarray(saved, like=array)
        self.first, self.rows, self.snapshots = checkpoint.epoch, [*checkpoint.rows], checkpoint.snapshots
        self.seconds_before = float(checkpoint.arrays["seconds"])

    @property
    def seconds(self) -> float:
        """The seconds of training so far, with the time before the run was stopped."""
        return self.seconds_before + time.perf_counter() - self.start

    def run(self, directory: Path | None, callback: Callback | None, every: Interval, parents: bool) -> Run:
        """Train to the last epoch, or until a signal comes or the callback returns True: then the epoch still ends."""
        if directory is None:
            return self._run(callback, every, [])
        with hold(directory, parents=parents) as self.held, stop_requests() as signals:
            self.described = begin(self.held, self.plan, self.backend.description)
            try:
                return self._run(callback, every, signals)
            except DivergenceError as error:
                contents.save_description(self.held.file(), self.described._replace(diverged=str(error)))
                raise

    def _run(self, callback: Callback | None, every: Interval, signals: list[int]) -> Run:
        last, asked = self.job.config.epochs, snapshot_epochs(self.job.config)
        if self.held:
            contents.write_metrics(self.held.file(), self.rows)
        saved, stopped = self.start, None
        for epoch, metrics in self._epochs():
            row = {"epoch": epoch, "seconds": self.seconds} | metrics if metrics else None
            if row:
                self.rows.append(row)
            if row and self.held:
                contents.append_metrics(self.held.file(), row)
            if epoch in asked:
                self._save_snapshot(epoch)
            # For the epoch of the checkpoint, the callback was called before the run was stopped.
            is_new = epoch > self.first or not self.plan.checkpoint
            stops = callback is not None and is_new and State(epoch, row, self.network).tell(callback)
            if epoch == last:
                break
            if self.held and (signals or stops or self._is_due(every, epoch, saved)):
                self._save(epoch)
                saved = time.perf_counter()
                if signals:
                    raise Interrupted(signals[0], self.held.directory, epoch)
            if stops:
                stopped = epoch
                break
        return self._finish(stopped)

    def _finish(self, stopped: int | None) -> Run:
        """The run at its end, after writing it. stopped: the epoch after which training stopped; nothing is written."""
        (config, data), network = self.job, self.network.convert(to_host)
        label_record = self.record.label_record if self.record else {}
        if self.held and stopped is None:
            self._save(config.epochs)
            arrays = network.arrays | {f"course_{name}": array for name, array in label_record.items()}
            self._write("network.npz", contents.Saved(config.epochs, arrays, self.rows, self.snapshots))
        directory = self.held.directory if self.held else None
        return Run(config, self.dataset, network, history_of(self.rows), directory, data, label_record, self.snapshots,
                   stopped)

    def _save(self, epoch: int) -> None:
        """Write a checkpoint. Raises DivergenceError if a loss was not finite."""
        _raise_if_diverged(self.losses)
        state = {f"state_{name}": to_host(array) for name, array in self.state.items()}
        state["seconds"] = np.array(self.seconds)
        self._write("checkpoint.npz", contents.Saved(epoch, state, self.rows, self.snapshots))

    def _save_snapshot(self, epoch: int) -> None:
        _raise_if_diverged(self.losses)
        self._write(f"snapshots/{epoch}.npz", contents.Saved(epoch, self.network.convert(to_host).arrays))
        self.snapshots = tuple(sorted({*self.snapshots, epoch}))

    def _write(self, name: str, saved: contents.Saved) -> None:
        assert self.held
        contents.save(self.held.file(name), self.described, saved)

    def _is_due(self, every: Interval, epoch: int, saved: float) -> bool:
        """Whether a checkpoint must be written after this epoch. saved: the time of the last checkpoint."""
        if isinstance(every, timedelta):
            return time.perf_counter() - saved >= every.total_seconds()
        return epoch > self.first and (epoch - self.first) % every == 0

    def _epochs(self) -> Iterator[tuple[int, Metrics | None]]:
        """Train in place, and yield before every epoch and after the last epoch.

        The yielded values are the number of epochs so far, and the metrics, or None if nothing was measured.
        """
        config, network, backend, losses = self.job.config, self.network, self.backend, self.losses
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
                losses[epoch], gradient, answers = gradient_of(blocks, answer=measured)  # the next step uses it, too
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


def evaluation_epochs(epochs: int, every: int | None = None) -> Iterator[int]:
    """The epochs to measure: every `every` epochs, or for None every epoch up to 40 and then in steps of 5 %.

    The last epoch is always measured.
    """
    epoch = 0
    while epoch < epochs:
        yield epoch
        epoch += every or max(1, epoch // 20)
    yield epochs


def snapshot_epochs(config: TrainingConfig) -> set[int]:
    """The epochs after which the network is saved. "log" means 0, round(2^(k/2)) for all k, and the last epoch."""
    epochs = config.snapshots or ()
    if isinstance(epochs, str):
        powers = (round(2 ** (k / 2)) for k in range(2 * config.epochs.bit_length()))
        epochs = (0, *powers, config.epochs)
    return {epoch for epoch in epochs if epoch <= config.epochs}


def _batches(train: Pairs, size: int, seed: int, epoch: int) -> Iterator[Pairs]:
    """The batches of an epoch, cut from a new random order. The order is copied to the pairs' device in one piece."""
    order = random_stream(seed, "batches", epoch).permutation(len(train))
    parts = [slice(start, start + size) for start in range(0, len(order), size)]
    for part in parts:
        order[part].sort()
    order = np.asarray(order, like=train.a)
    for part in parts:
        yield train[order[part]]


def _raise_if_diverged(losses: dict[int, Any]) -> None:
    """Raise DivergenceError for the first loss that is not finite. Otherwise empty `losses`, which is epoch -> loss."""
    if losses:
        finite = np.isfinite(to_host(np.stack(list(losses.values()))))
        if not finite.all():
            epoch = list(losses)[int(finite.argmin())]
            raise DivergenceError(f"the loss is not finite at epoch {epoch}; try a smaller learning rate or init_std")
        losses.clear()
