"""Self-training: the answers of a network become the labels of the next network, until no label changes.

Some training labels are wrong. A readout that knows nothing of the rule (see analysis/rows.py) answers some of these
pairs correctly. A network that is trained on these answers has fewer wrong labels to fit, so it answers better. Only
one number comes from outside: how many neurons to read out. It is chosen on held-out labels, which are as noisy as the
training labels.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from minimod.analysis.analysis import Analysis
from minimod.analysis.detectors import probability_margins
from minimod.analysis.rows import DEFAULT_METHOD, METHODS, UNKNOWN
from minimod.arrays import random_stream
from minimod.engine.backend import choose_device
from minimod.errors import InputError, check_type, checked_number, choice
from minimod.runs.accuracy import Accuracies, accuracies, share
from minimod.runs.claiming import copy_run
from minimod.runs.config import TrainingConfig
from minimod.runs.data import Job, UserData
from minimod.runs.files import as_path
from minimod.runs.holding import hold
from minimod.runs.run import Run, as_run
from minimod.runs.training import Callback, finished_run, train

# A function of the analysis of a run. It returns the share of neurons that are read out, and the answers for all pairs,
# of shape (P, P).
Answers = Callable[[Analysis], tuple[float, np.ndarray]]

# How a training run shows its progress: from its configuration to a `with` block.
Display = Callable[[TrainingConfig], AbstractContextManager[Callback | None]]

# What the directory of a self-training may hold: a run, its analysis, and the rounds.
RUN = {"config.json", "data", "metrics.csv", "checkpoint.npz", "network.npz", "snapshots", "analysis.json", "figures"}
OURS = RUN | {"detectors.csv", "discovery.json", "report.html", "folds", "rounds", ".lock"}


@dataclass(frozen=True, eq=False)
class Round:
    """One round: a network, and what is read out of it.

    number: 0 for the run that the self-training began with. right: the share of its training labels that are true; nan
    if the true labels are not known. kept: the share of its neurons that are read out. changed: the share of its
    training labels that the readout changes. accuracies: the accuracies of the readout. Their clean, noisy and repaired
    refer to the labels of the dataset, before any round.
    """

    number: int
    run: Run
    right: float
    kept: float
    changed: float
    accuracies: Accuracies

    @property
    def row(self) -> dict[str, float]:
        """The round in numbers; raw_test is the test accuracy of the network itself."""
        return {
            "round": self.number, "labels_right": self.right, "kept": self.kept,
            "raw_test": float(self.run.history["test_accuracy"][-1]), "test": self.accuracies.test,
            "repaired": self.accuracies.repaired, "changed": self.changed,
        }


@dataclass(frozen=True)
class ByMethod:
    """The answers of a row of `analyze`."""

    name: str

    def __call__(self, study: Analysis) -> tuple[float, np.ndarray]:
        """See `Answers`."""
        chosen = study.chosen(self.name)
        return chosen.share if chosen else 1.0, study.predict(self.name)


def by_method(name: str = DEFAULT_METHOD) -> Answers:
    """The answers of one of METHODS. Raises InputError for any other name."""
    return ByMethod(choice("method", name, METHODS))


def made_by(answers: Answers, data: UserData) -> tuple[str, ...]:
    """How a run with these data makes its answers, as `UserData.answers_of` has it: every row once."""
    before = () if data.labels is None else data.answers_of or (UNKNOWN,)
    return tuple(dict.fromkeys([*before, answers.name if isinstance(answers, ByMethod) else UNKNOWN]))


def extract(
    run: Run | Path | str, rounds: int, directory: Path | str | None = None, answers: Answers | None = None,
    display: Display = lambda config: nullcontext(), tell: Callable[[Round], object] = lambda done: None,
    width: int | None = None,
) -> list[Round]:
    """Self-training: train on a run's own answers, for at most `rounds` rounds. The first result is the run itself.

    Each round has three steps. `answers` reads the answers out of the last network (None: `by_method()`). All training
    pairs get these answers as labels. A new network is trained on them, with the run's configuration or another
    `width`. Self-training ends when the answers are the labels that the last network was trained on.

    Every round is a run like any other, in `directory`/rounds/1, `directory`/rounds/2 and so on. Its data/ has the
    labels that it was trained on. The last round is also in `directory` itself. A second call on the same directory
    resumes, and uses finished rounds again. `tell` is called with every round. `run.data.answers_of` of a round has the
    methods that made its labels. If you pass your own function, its needs are not known.

    Raises InputError if `rounds` is no whole number of at least 0, and if the directory holds anything else. It also
    raises what `train` raises.
    """
    answers = answers or by_method()
    for name, function in {"answers": answers, "display": display, "tell": tell}.items():
        check_type(name, function, Callable)
    rounds, run = checked_number("rounds", rounds, 0, kind=int), as_run("run", run)
    config = replace(run.config, width=run.config.width if width is None else width, snapshots=None)
    place = None if directory is None else as_path("directory", directory)
    names = {path.name for path in place.iterdir()} if place and place.is_dir() else set()
    if place and (place.is_file() or names - OURS or (names & RUN and "rounds" not in names)):
        raise InputError("output", str(place), "new or empty, or the directory of the same self-training")
    choose_device(config.device)
    done, labels = _read_out(0, run, answers)       # before anything is written: it may raise
    finished = [done]
    tell(done)
    if not (rounds and done.changed):
        return finished
    with hold(place, wait=True) if place else nullcontext() as held:
        while done.changed and done.number < rounds:
            number, folder = done.number + 1, held.file("rounds") if held else None
            if folder:
                folder.mkdir(exist_ok=True)
            data = replace(run.data, labels=labels, answers_of=made_by(answers, run.data))
            run = _trained(config, folder and folder / str(number), display, data)
            done, labels = _read_out(number, run, answers)
            finished.append(done)
            tell(done)
        if held:
            copy_run(held.file("rounds") / str(done.number), held.directory)
    return finished


def held_out_margins(
    run: Run, folds: int, directory: Path | str | None = None, display: Display = lambda config: nullcontext()
) -> np.ndarray:
    """The margin of every training label by a network that was not trained on it, of shape (n,).

    margin = p(label) - the largest other p, with p = softmax(F) of the logits F, the network's probabilities.

    The training pairs are cut into folds at random. For each fold, a network is trained on the other folds, with the
    run's configuration and its number of epochs. In `directory`, a network's run is named by the number of its fold and
    of its epochs. A second call on the same directory resumes. Raises InputError for fewer than two folds, and for more
    folds than pairs. It also raises what `train` raises.
    """
    pairs, config = run.dataset.train, replace(run.config, record=False, snapshots=None)
    folds = checked_number("folds", folds, 2, len(pairs), kind=int)
    fold = random_stream(config.seed, "control").permutation(len(pairs)) % folds
    margins = np.empty(len(pairs))
    folder = as_path("directory", directory) if directory else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    for number in range(folds):
        left_out = fold == number
        data = replace(run.data, subset=~left_out if run.data.subset is None else ~left_out & run.data.subset)
        place = folder / f"{number + 1}-of-{folds}-epochs-{config.epochs}" if folder else None
        network = _trained(config, place, display, data).network
        margins[left_out] = probability_margins(network, pairs[left_out])
    return margins


def _trained(config: TrainingConfig, place: Path | None, display: Display, data: UserData) -> Run:
    """Train a configuration on these data. If a place is given, store the run there, or use the finished run there."""
    with display(config) as callback:
        if place:
            return finished_run(Job(config, data), place, callback)
        return train(config, data=data, callback=callback)


def _read_out(number: int, run: Run, answers: Answers) -> tuple[Round, np.ndarray]:
    """The round of a run, and the labels that its answers give the training pairs, of shape (n_train,)."""
    train_pairs = run.dataset.train
    fitted = train_pairs.label if run.data.labels is None else run.data.labels
    with Analysis(run) as analysis:
        kept, table = answers(analysis)
    labels = table[train_pairs.a, train_pairs.b]
    right = share(fitted == train_pairs.true_label) if run.dataset.is_known else math.nan
    return Round(number, run, right, kept, share(labels != fitted), accuracies(table, run.dataset)), labels
