"""Self-training: a network's answers become the labels of the next one, round by round, until they change no more.

Where labels are corrupted, a readout that knows nothing of the rule (see analysis/rows.py) gets some of the training
pairs right that were taught wrong. A network that is trained on its answers has less noise to fit, and answers better.
All that is learned from outside is how many neurons to read out: by held-out labels, as noisy as all.
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

# From the analysis of a run to the share of neurons that were kept, and the answers for all pairs, of shape (P, P).
Answers = Callable[[Analysis], tuple[float, np.ndarray]]

# How a training run shows its progress: from its configuration to a `with` block.
Display = Callable[[TrainingConfig], AbstractContextManager[Callback | None]]

# What the directory of an extraction may hold: a run, its analysis, and the rounds.
RUN = {"config.json", "data", "metrics.csv", "checkpoint.npz", "network.npz", "snapshots", "analysis.json", "figures"}
OURS = RUN | {"detectors.csv", "discovery.json", "report.html", "folds", "rounds", ".lock"}


@dataclass(frozen=True, eq=False)
class Round:
    """One round: a network, and what is read out of it.

    number: 0 for the run that it began with. right: the share of the labels it was trained on that are true. kept: the
    share of its neurons that are read out. changed: the share of the labels that the readout changes. accuracies: those
    of the readout; clean, noisy and repaired refer to the labels that the dataset has, before any round.
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
    """How the answers of a run are made that was trained on these data, see `UserData.answers_of`: each row once."""
    before = () if data.labels is None else data.answers_of or (UNKNOWN,)
    return tuple(dict.fromkeys([*before, answers.name if isinstance(answers, ByMethod) else UNKNOWN]))


def extract(
    run: Run | Path | str, rounds: int, directory: Path | str | None = None, answers: Answers | None = None,
    display: Display = lambda config: nullcontext(), tell: Callable[[Round], object] = lambda done: None,
    width: int | None = None,
) -> list[Round]:
    """Train on a run's own answers, for at most so many rounds; the rounds, that of the run itself first.

    Each round gives all training pairs the labels that `answers` reads out of the network before (None: `by_method()`)
    and trains a new network on them, with the configuration of the run, or with another `width`. It ends where the
    answers are the labels that the network was trained on. Every round is a run like any other, in `directory`/rounds/1
    and so on, with the labels that were fitted in its data/; the last one is also in `directory` itself. Called again
    it goes on, and what has finished is used again. `tell` is called with every round. A round's `run.data.answers_of`
    has the methods by which its labels were made; of a function of one's own it is not known what it needs.

    Raises InputError if `rounds` is no number of rounds or the directory holds anything else, and what `train` raises.
    """
    answers = answers or by_method()
    for name, function in {"answers": answers, "display": display, "tell": tell}.items():
        check_type(name, function, Callable)
    rounds, run = checked_number("rounds", rounds, 0, kind=int), as_run("run", run)
    config = replace(run.config, width=run.config.width if width is None else width, snapshots=None)
    place = None if directory is None else as_path("directory", directory)
    names = {path.name for path in place.iterdir()} if place and place.is_dir() else set()
    if place and (place.is_file() or names - OURS or (names & RUN and "rounds" not in names)):
        raise InputError("output", str(place), "new or empty, or that of the same extraction")
    choose_device(config.device)
    done, labels = _read_out(0, run, answers)       # before anything is written: it may be refused
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

    The training pairs are cut into folds at random, and for each fold a network is trained on the others, as far as the
    run was, with its configuration; in `directory`, by the number of the fold and of epochs. Called again it goes on.
    Raises InputError for fewer than two folds or more than pairs, and what `train` raises.
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
    """The run of a configuration on these data; kept in a place, if there is one, and then used again."""
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
