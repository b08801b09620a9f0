"""Mutation tests for verdicts: a claim must fall if a part that its statement names is broken.

    python tests/mutants.py DIRECTORY [CLAIM ...] [--anew]

A mutant breaks one part of the code: it replaces functions while a claim is measured, or it replaces runs on which the
claim is measured. A claim falls under a mutant if it misses a criterion that it meets without the mutant. MUTANTS_OF
has for every claim the mutants that must make it fall. CLAIM is an argument of `minimod reproduce`. Without CLAIM, all
claims are measured.

Everything is measured at quick scale, for seed 0, in this process and on one thread. The runs are the runs of `minimod
reproduce --seeds 1 --directory DIRECTORY`: they are in DIRECTORY/runs, and missing runs are trained. Runs that a broken
part trains are stored in DIRECTORY/broken. Measured rows are stored in DIRECTORY/mutants.json. So a second call resumes
an interrupted call, and judges all rows by the present criteria. --anew measures again: use it if the `measure` of a
claim has changed. If all claims are measured, docs/mutants.md is written. A search of `discover` ends after 128 starts,
or after 192 starts if it looks for groups, and two claims have FEWER runs. Otherwise a search that finds nothing would
take minutes.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from claim_cases import ALL_CLAIMS, ROOT

from minimod import Analysis, Run, TrainingConfig
from minimod.analysis.structure import Structure
from minimod.claims.claim import Claim, Judged, judge, name_of
from minimod.discovery.search import STAGES
from minimod.engine.device import machine
from minimod.engine.predict import predict_table
from minimod.fourier import Frequencies, wrap
from minimod.rules import RULES
from minimod.runs.data import Job
from minimod.runs.jobs import Store, run_name
from minimod.runs.run import initial_network

PAGE = ROOT / "docs" / "mutants.md"
Patch = Callable[[], AbstractContextManager[Any]]
BASE = ""       # the name for "no mutant": nothing is broken


@dataclass(frozen=True)
class Mutant:
    """One broken part.

    what: the part, and how it is broken.
    patch: replaces functions while a claim is measured.
    instead: from a configuration, and all configurations of its claim, to the configuration whose run replaces its run.
    change: from a run to the changed run.
    retrains: whether the mutant also changes runs that the claim trains while it is measured.
    """

    what: str
    patch: Patch = nullcontext
    instead: "Instead" = lambda config, configs: config
    change: Callable[[Run], Run] = lambda run: run
    retrains: bool = True


def generator() -> np.random.Generator:
    """The random generator of a broken part."""
    return np.random.default_rng(31)


# Ways to break a part.


def everywhere(name: str, change: Callable[[Any], Any]) -> Patch:
    """Replace the function with this name in every module of ours. change: from the old function to the new one."""
    @contextmanager
    def patch() -> Iterator[None]:
        modules = [
            vars(module) for module in list(sys.modules.values())
            if str(getattr(module, "__file__", None)).startswith(str(ROOT)) and module.__name__ != __name__
        ]
        # The file of an experiment may have been loaded twice. Only one of the two modules is in sys.modules.
        modules += [claim.measure.__globals__ for claim in ALL_CLAIMS.values()]
        places = [(names, old) for names in {id(each): each for each in modules}.values()
                  if callable(old := names.get(name))]
        assert places, f"no module has {name}"
        new = {id(old): change(old) for _, old in places}
        for names, old in places:
            names[name] = new[id(old)]
        try:
            yield
        finally:
            for names, old in places:
                names[name] = old

    return patch


def method(of: type, name: str, change: Callable[[Any], Any]) -> Patch:
    """Replace a method or a property of a class. change: from the old one to the new one."""
    return lambda: mock.patch.object(of, name, change(vars(of)[name]))


def both(*patches: Patch) -> Patch:
    """Several patches at once."""
    @contextmanager
    def patch() -> Iterator[None]:
        with patches[0](), (both(*patches[1:]) if patches[1:] else nullcontext)():
            yield

    return patch


Instead = Callable[[TrainingConfig, list[TrainingConfig]], TrainingConfig]


def alike(config: TrainingConfig, configs: list[TrainingConfig], fields: Sequence[str]) -> Iterator[TrainingConfig]:
    """The configurations that differ from `config` at most in these fields, in their order."""
    given = {name: vars(config)[name] for name in fields}
    return (other for other in configs if replace(other, **given) == config)


def ignoring(*fields: str, value: Any = None) -> Instead:
    """Use the run of the claim's first configuration that differs at most in these fields.

    Training that ignored these options would give the same network for both. value: use the configuration with this
    value of the fields instead.
    """
    def same(config: TrainingConfig, configs: list[TrainingConfig]) -> TrainingConfig:
        if value is not None:
            return replace(config, **dict.fromkeys(fields, value))
        return next(alike(config, configs, fields))

    return same


def exchanged(*fields: str) -> Instead:
    """Use the run with the opposite value of these fields: the last run for the first run, and so on."""
    def other(config: TrainingConfig, configs: list[TrainingConfig]) -> TrainingConfig:
        others = [*alike(config, configs, fields)]
        return others[-1 - others.index(config)]

    return other


def swapped_in_history(run: Run) -> Run:
    """The run, with clean and noisy labels exchanged in its history."""
    other = {"clean": "noisy", "noisy": "clean"}
    return replace(run, history={
        "_".join([other.get(name.split("_")[0], name.split("_")[0]), *name.split("_")[1:]]): column
        for name, column in run.history.items()
    })


def unfiltered_in_history(run: Run) -> Run:
    """The run, with its own test accuracy in place of its filtered network's test accuracy in the history."""
    return replace(run, history=run.history | {"filtered_test_accuracy": run.history["test_accuracy"]})


def third_untrained(run: Run) -> Run:
    """The run, with initial weights in the first third of the neurons."""
    new, begun, k = run.network, initial_network(run.config), round(run.network.width / 3)
    U, V, W = (np.array(X) for X in (new.U, new.V, new.W))
    U[:, :k], V[:, :k], W[:k] = begun.U[:, :k], begun.V[:, :k], begun.W[:k]
    return replace(run, network=replace(new, U=U, V=V, W=W))


def marked(run: Run) -> Run:
    """The run, with labels counted as wrong where the configuration asks for wrong labels, even if they are right."""
    train, marks = run.dataset.train, Job(run.config).dataset().train.is_noisy
    return replace(run, dataset=replace(run.dataset, train=replace(train, is_noisy=marks)))


def drawn_component(old: Any) -> Any:
    """Replaces `dominant_components`: a random component for each neuron."""
    def component(preference: Any, by: str = "joint") -> Any:
        _, K, M = preference.shape
        return np.stack([generator().integers(1, K + 1, M)] * 3)

    return component


def least_component(old: Any) -> Any:
    """Replaces `dominant_components`: the component with the least power."""
    return lambda preference, by="joint": np.stack([1 + preference.sum(axis=0).argmin(axis=0)] * 3)


def residual_of_any(structure: Structure) -> Any:
    """The network without a random component in each neuron."""
    network, kept = structure.network, structure.keep(structure.random_component(generator()))
    return replace(network, U=network.U - kept.U, V=network.V - kept.V, W=network.W - kept.W)


def clean_and_noisy(old: Any) -> Any:
    """`accuracies` with clean and noisy labels exchanged."""
    def swapped(table: Any, dataset: Any) -> Any:
        right = old(table, dataset)
        return right._replace(clean=right.noisy, noisy=right.clean)

    return swapped


def class_0_of_gelu(old: Any) -> Any:
    """`predict_kept` that answers 0 if the activation is GELU."""
    def predict(structure: Any, component: Any, activation: Any = None, *rest: Any) -> Any:
        table = old(structure, component, activation, *rest)
        return np.zeros_like(table) if (activation or structure.network.activation) == "gelu" else table

    return predict


def unfiltered(old: Any) -> Any:
    """`predict_kept` that keeps everything."""
    return lambda structure, component, activation=None, *rest: predict_table(
        replace(structure.network, activation=activation or structure.network.activation), *rest
    )


def logits_twice(old: Any) -> Any:
    """`mask_tables` whose interaction is the logits."""
    def tables(*arguments: Any) -> Any:
        found = old(*arguments)
        found[1] = found[0]
        return found

    return tables


def without_swap(old: Any) -> Any:
    """`predict_kept`, or a method of the kind, that ignores the activation."""
    return lambda first, second, activation=None, *rest, **named: old(first, second, None, *rest, **named)


def shuffled(old: Any) -> Any:
    """`_read_out` of self-training: the answers are shuffled before they become labels."""
    def read_out(*arguments: Any) -> Any:
        done, labels = old(*arguments)
        return done, generator().permutation(labels)

    return read_out


RAW_FOR_INTERACTION = both(
    everywhere("interaction", lambda old: lambda logits: logits), everywhere("mask_tables", logits_twice)
)
OPTIONS = (
    "noise_ratio", "weight_decay", "activation", "label_smoothing", "noise_kind", "train_fraction", "epochs",
)
FROZEN_FIELDS = "trained", "optimizer", "learning_rate", "weight_decay", "epochs"

MUTANTS = {
    # What filtration keeps.
    "random frequency": Mutant("each neuron keeps a random frequency (component)", everywhere(
        "dominant_components", drawn_component
    )),
    "least frequency": Mutant("each neuron keeps its least frequency", everywhere(
        "dominant_components", least_component
    )),
    "residual of a random frequency": Mutant("the residual is what a random frequency leaves", method(
        Structure, "residual", lambda old: property(residual_of_any)
    )),
    "all frequencies": Mutant(
        "filtration keeps all, along training too", everywhere("predict_kept", unfiltered),
        change=unfiltered_in_history,
    ),
    "random rank one": Mutant("a random rank-one part is kept for the best", everywhere("rank_one", lambda old: (
        lambda network, components, component, given=None: old(network, components, component, given or generator())
    ))),
    "class 0 from GELU": Mutant("filtered GELU networks answer 0", everywhere("predict_kept", class_0_of_gelu)),
    "phase sign": Mutant("the phase error is φ_a + φ_b + φ_c", method(Frequencies, "phase_error", lambda old: (
        lambda self, network, coefficients, component: wrap(self.phase(coefficients, component).sum(axis=0))
    ))),
    # What is counted.
    "clean and noisy swapped": Mutant(
        "clean and noisy labels are taken for each other", everywhere("accuracies", clean_and_noisy),
        change=swapped_in_history,
    ),
    "no noise": Mutant("no label is wrong, in training", instead=ignoring("noise_ratio", value=0.0)),
    "right labels marked": Mutant(
        "no label is wrong, and as many as asked for count as wrong", instead=ignoring("noise_ratio", value=0.0),
        change=marked,
    ),
    "shuffled classes": Mutant("classes are shuffled before they are measured", everywhere("classes", lambda old: (
        lambda H, label, modulus: old(H, generator().permutation(label), modulus)
    ))),
    # How it is read out.
    "raw logits": Mutant("logits are read out for the interaction", RAW_FOR_INTERACTION),
    "raw logits in detection": Mutant("detectors look at logits for the interaction", lambda: mock.patch(
        "minimod.analysis.detection.interaction_of", lambda network, backend: network.logits
    ), retrains=False),
    "no swap": Mutant("another activation in evaluation is ignored", both(
        everywhere("predict_kept", without_swap),
        method(Analysis, "table", lambda old: lambda self, network, activation=None, readout="logits": (
            old(self, network, None, readout)
        )),
    )),
    "first of the ensemble": Mutant("the ensemble is its first network", everywhere("predict_ensemble", lambda old: (
        lambda networks, *rest: old(networks[:1], *rest)
    ))),
    # Neurons.
    "a third untrained": Mutant("a third of the neurons have the weights they began with", change=third_untrained),
    "untrained is trained": Mutant("the untrained control is the trained network", method(
        Analysis, "untrained", lambda old: property(lambda self: self.structure)
    )),
    "ranking reversed": Mutant("neurons are ranked from the lowest score on", method(Analysis, "ranking", lambda old: (
        lambda self, score: old(self, score)[::-1].copy()
    ))),
    "random ranking": Mutant("neurons are ranked at random", method(Analysis, "ranking", lambda old: (
        lambda self, score: generator().permutation(self.run.network.width)
    ))),
    # Options that training ignores.
    **{f"{field} ignored": Mutant(f"training ignores {field}: all are as the first", instead=ignoring(field))
       for field in OPTIONS},
    "width ignored": Mutant("all networks are as narrow as the narrowest", instead=lambda config, configs: (
        replace(config, width=min(each.width for each in configs))
    )),
    "optimizer ignored": Mutant(
        "training ignores the optimiser: all are as the first",
        instead=ignoring("optimizer", "learning_rate", "weight_decay", "momentum", "epochs"),
    ),
    "frozen is trained": Mutant("networks that are to be frozen are trained", instead=ignoring(*FROZEN_FIELDS)),
    **{f"{field} exchanged": Mutant(f"the last {field} stands for the first, and so on", instead=exchanged(field))
       for field in ("tied", "width", "weight_decay")},
    "activation exchanged": Mutant("runs of the one activation and loss stand for the other", instead=exchanged(
        "activation", "loss", "learning_rate"
    )),
    # Discovery and detection.
    "p-value 0": Mutant("the p-value is always 0", everywhere("p_value", lambda old: lambda *arguments: 0.0)),
    "chance 1e-6": Mutant("chance is always 1e-6", everywhere("highest_chance", lambda old: lambda *arguments: 1e-6)),
    "one naming": Mutant("a, b and c are never named apart", lambda: mock.patch(
        "minimod.discovery.search.STAGES", (("group", 1, 64),)
    )),
    "characters alone": Mutant("only representations of dimension 1 are looked for", lambda: mock.patch(
        "minimod.discovery.search.STAGES", (("group", 1, 64), ("isotope", 1, 64))
    )),
    "names of cyclic groups": Mutant("every group is named Z_P", everywhere("recognise", lambda old: lambda group: (
        f"Z{len(group.table)}", old(group)[1]
    ))),
    "scores reversed": Mutant("detectors score right labels highest", everywhere("scores", lambda old: (
        lambda evidence: {name: -score for name, score in old(evidence).items()}
    )), retrains=False),
    "random scores": Mutant("detectors score at random", everywhere("scores", lambda old: lambda evidence: {
        name: stream.random(len(score)) for stream in [generator()] for name, score in old(evidence).items()
    }), retrains=False),
    "random collisions": Mutant("collisions are counted for another label", everywhere("collisions", lambda old: (
        lambda a, b, label, modulus: generator().permutation(old(a, b, label, modulus))
    )), retrains=False),
    "collisions reversed": Mutant("collisions count negatively", everywhere("collisions", lambda old: (
        lambda *arguments: -old(*arguments)
    )), retrains=False),
    "shuffled answers": Mutant("answers are shuffled before they become labels", everywhere("_read_out", shuffled)),
    # What a claim computes itself.
    "limit halved": Mutant("the limit is half of what it is", everywhere("agnostic_limit", lambda old: (
        lambda *arguments: old(*arguments) / 2
    ))),
    "limit of one modulus": Mutant("every limit is the limit of modulus 59", everywhere("agnostic_limit", lambda old: (
        lambda modulus, train_fraction: old(59, train_fraction)
    ))),
    "dimensions reversed": Mutant("the mean dimension has the wrong sign", everywhere("mean_dimension", lambda old: (
        lambda name: -old(name)
    ))),
    "random dimensions": Mutant("the mean dimension is drawn at random", everywhere("mean_dimension", lambda old: (
        lambda name: float(np.random.default_rng([*map(ord, name)]).random())
    ))),
}

# Claim -> the mutants that must make it fall. They break the parts that its statement names.
MUTANTS_OF = {
    "headline": (
        "random frequency", "least frequency", "residual of a random frequency", "clean and noisy swapped", "no noise",
        "right labels marked", "all frequencies", "a third untrained",
    ),
    "width": ("width ignored", "width exchanged", "raw logits"),
    "noise-first": ("clean and noisy swapped", "no noise"),
    "structure-before-output": ("all frequencies", "noise_ratio ignored", "frozen is trained"),
    "noise-level": ("random frequency", "least frequency", "all frequencies", "no noise", "no swap"),
    "weight-decay": ("weight_decay ignored", "clean and noisy swapped"),
    "swap": ("no swap", "clean and noisy swapped", "no noise"),
    "phases": (
        "phase sign", "random frequency", "least frequency", "noise_ratio ignored", "untrained is trained",
        "frozen is trained", "a third untrained",
    ),
    "partition": ("ranking reversed", "random ranking", "clean and noisy swapped", "random frequency"),
    "spread": ("a third untrained", "random frequency", "least frequency"),
    "optimizers": ("random frequency", "least frequency", "clean and noisy swapped", "no noise", "a third untrained"),
    "activations": (
        "class 0 from GELU", "no swap", "random frequency", "all frequencies", "no noise", "activation ignored",
    ),
    "ceiling": ("width ignored", "activation ignored"),
    "rules": ("random frequency", "ranking reversed", "random ranking"),
    "tied": ("tied exchanged", "noise_kind ignored", "random frequency", "clean and noisy swapped"),
    "experiments/agnostic.py::readout": ("raw logits", "random ranking", "ranking reversed", "random frequency"),
    "experiments/agnostic.py::masked-readout": ("raw logits", "random ranking", "ranking reversed"),
    "experiments/agnostic.py::agnostic-limit": (
        "raw logits", "limit halved", "limit of one modulus", "activation exchanged", "noise_ratio ignored",
    ),
    "experiments/agnostic.py::agnostic-ensemble": ("first of the ensemble", "raw logits", "width ignored"),
    "experiments/decay.py::decay": (
        "weight_decay ignored", "optimizer ignored", "ranking reversed", "random ranking",
    ),
    "experiments/detectors.py::detectors": (
        "scores reversed", "random scores", "random collisions", "raw logits in detection",
    ),
    "experiments/dilation.py::dilation": ("shuffled classes", "noise_ratio ignored", "label_smoothing ignored"),
    "experiments/discovery.py::discover-noise": ("p-value 0", "chance 1e-6", "one naming"),
    "experiments/discovery.py::discover-groups": (
        "p-value 0", "chance 1e-6", "characters alone", "names of cyclic groups",
    ),
    "experiments/discovery.py::discover-completion": ("p-value 0", "chance 1e-6", "train_fraction ignored"),
    "experiments/discovery.py::discover-network": ("raw logits", "no noise"),
    "experiments/doshi.py::doshi": ("weight_decay ignored", "weight_decay exchanged"),
    "experiments/doshi.py::doshi-pruning": (
        "ranking reversed", "random ranking", "clean and noisy swapped", "weight_decay ignored",
    ),
    "experiments/groups.py::groups": (
        "random frequency", "least frequency", "all frequencies", "random rank one", "no swap", "untrained is trained",
        "no noise",
    ),
    "experiments/groups.py::group-noise": (
        "random frequency", "noise_ratio ignored", "dimensions reversed", "random dimensions",
    ),
    "experiments/groups.py::group-width": (
        "random rank one", "width ignored", "width exchanged", "dimensions reversed", "random dimensions",
    ),
    "experiments/high_noise.py::high-noise": (
        "random frequency", "least frequency", "all frequencies", "no swap", "width ignored", "width exchanged",
    ),
    "experiments/learned_features.py::learned-features": (
        "frozen is trained", "random frequency", "raw logits", "phase sign", "untrained is trained",
        "a third untrained",
    ),
    "experiments/noise_order.py::noise-order": (
        "random collisions", "collisions reversed", "clean and noisy swapped", "noise_kind ignored",
    ),
    "experiments/self_training.py::self-training": (
        "shuffled answers", "raw logits", "random ranking", "ranking reversed",
    ),
    "experiments/self_training.py::self-training-controls": ("raw logits", "random ranking", "epochs ignored"),
    "experiments/self_training.py::self-training-width": ("width ignored", "shuffled answers"),
    "experiments/random_frequency.py::random-frequency": (
        "phase sign", "random frequency", "untrained is trained", "no swap", "noise_ratio ignored",
    ),
    "experiments/random_frequency.py::written-phases": (
        "untrained is trained", "noise_ratio ignored", "a third untrained",
    ),
    "experiments/cross_split.py::cross-split-parts": ("raw logits", "noise_ratio ignored"),
    "experiments/cross_split.py::cross-split": ("raw logits",),
    "experiments/dilation.py::dilation-course": ("shuffled classes",),
}


# (claim, mutant) -> why the claim stands under this mutant. A criterion that would make it fall is not found yet.
STANDS = {
    ("optimizers", "clean and noisy swapped"): "all labels are fitted, clean and noisy: exchanged, they say the same",
    ("headline", "a third untrained"): (
        "two thirds of so wide a network fit all labels, and the claim says nothing of all neurons; spread does"
    ),
    ("self-training-width", "shuffled answers"): "with nothing broken the rounds miss their bounds as well, at seed 0",
    ("discover-completion", "chance 1e-6"): (
        "so few labels at random agree with a table that the bound stays 1; discover-groups has more, and falls"
    ),
    ("groups", "untrained is trained"): "with nothing broken the untrained network misses its bound as well, at seed 0",
    **dict.fromkeys(
        [("agnostic-limit", mutant) for mutant in ("raw logits", "limit halved", "limit of one modulus")],
        "with nothing broken the fitted constant misses its bounds as well",
    ),
    ("cross-split", "raw logits"): "with nothing broken none of its bounds is met",
    ("cross-split-parts", "noise_ratio ignored"): "it trains its networks from the configuration, which stays",
    ("doshi-pruning", "weight_decay ignored"): "without decay cutting does the same, and the claim names no decay",
}

# Claim -> which of its runs are measured: only the runs that the criteria use.
FEWER: dict[str, Callable[[Any], bool]] = {
    "experiments/discovery.py::discover-noise": lambda config: config.modulus == 59,
    "experiments/discovery.py::discover-network": lambda config: config.noise_ratio in (0.3, 0.7),
}


# Measuring, and the outcomes.


class Measured:
    """The rows that were measured so far, by claim and mutant. They are stored in DIRECTORY/mutants.json."""

    def __init__(self, directory: Path):
        self.directory, self.file = directory, directory / "mutants.json"
        self.rows: dict[str, dict[str, Any]] = {}
        if self.file.exists():
            self.rows = json.loads(self.file.read_text(encoding="utf-8"))

    def judged(self, argument: str, mutant: str) -> list[Judged]:
        """The criteria of a claim under a mutant or BASE. Measures the rows if they are not stored for these runs."""
        claim, of_claim = ALL_CLAIMS[argument], self.rows.setdefault(argument, {})
        runs = [run_name(config) for configs in claim.experiments("quick") for config in configs]
        if mutant not in of_claim or of_claim[mutant]["runs"] != runs:
            asked = FEWER.get(argument, lambda config: True)
            few = replace(claim, configs=lambda scale: [each for each in claim.configs(scale) if asked(each)])
            of_claim[mutant] = {"runs": runs, "rows": measure(few, mutant, self.directory)}
            self.directory.mkdir(parents=True, exist_ok=True)
            new = self.file.with_suffix(".new")
            new.write_text(json.dumps(self.rows, default=float), encoding="utf-8")
            new.replace(self.file)
        return judge(argument, claim, "quick", [{"seed": 0} | row for row in of_claim[mutant]["rows"]]).criteria


def measure(claim: Claim, mutant: str, directory: Path) -> list[dict[str, Any]]:
    """The rows of a claim, at quick scale, for seed 0, with one part broken. For BASE, nothing is broken."""
    broken, experiments = MUTANTS[mutant] if mutant else Mutant(""), claim.experiments("quick")
    place = directory / "broken" / mutant.replace(" ", "-") if mutant else directory
    configs = [config for each in experiments for config in each]
    store = Store(directory / "runs")

    def run_of(config: TrainingConfig) -> Run:
        other = replace(broken.instead(config, configs), threads=1)
        run = broken.change(replace(store.get(other), config=replace(config, threads=1)))
        retrains = broken.retrains and not config.snapshots         # a run with snapshots keeps its directory
        return replace(run, directory=place / "runs" / run_name(config)) if retrains else run

    stages = STAGES[: 2 if all(config.rule in RULES for config in configs) else 4]
    with mock.patch("minimod.discovery.search.STAGES", stages), broken.patch():
        return [row for each in experiments for row in claim.measure(*map(run_of, each))]


@dataclass(frozen=True)
class Outcome:
    """A claim under a mutant. lost: the criteria that it misses now, as they were and as they are now."""

    claim: str
    mutant: str
    lost: list[tuple[Judged, Judged]]

    @property
    def falls(self) -> bool:
        """Whether the claim falls."""
        return bool(self.lost)

    @property
    def why(self) -> str:
        """Why the claim stands, or "" if no reason is known."""
        return STANDS.get((name_of(self.claim), self.mutant), "")


def outcome(measured: Measured, argument: str, mutant: str) -> Outcome:
    """The outcome of a claim under a mutant, compared with the claim under BASE."""
    pairs = zip(measured.judged(argument, BASE), measured.judged(argument, mutant), strict=True)
    return Outcome(argument, mutant, [(was, now) for was, now in pairs if was.met == [True] and now.met != [True]])


def page(outcomes: Sequence[Outcome]) -> str:
    """The page docs/mutants.md."""
    lines = [
        "# Claims under broken parts", "",
        "Written by `python tests/mutants.py DIRECTORY`, which says how it measures. Each line is a claim that was",
        "measured with one part broken, at quick scale, for seed 0. The claim falls where a criterion that is met",
        "otherwise is met no more. The first of these is shown, with its number as it is and with the broken part, and",
        "how many there are. nan: it could not be measured.", "",
        f"{date.today()}, NumPy {np.__version__}, one thread of {machine()}.", "",
        f"{sum(each.falls for each in outcomes)} of {len(outcomes)} fall. The others stand; the line says why.",
        "", "## Broken parts", "", "| mutant | what is broken |", "| --- | --- |",
        *(f"| {name} | {MUTANTS[name].what} |" for name in dict.fromkeys(each.mutant for each in outcomes)),
        "", "## Claims", "", "| claim | mutant | falls at | asked | as it is | broken | criteria lost |",
        "| --- | --- | --- | --- | --: | --: | --: |", *(map(line, outcomes)),
    ]
    return "\n".join(lines) + "\n"


def line(outcome: Outcome) -> str:
    """A line of the table of claims."""
    cells = [name_of(outcome.claim), outcome.mutant, f"**stands**: {outcome.why}", "", "", "", "0"]
    if outcome.falls:
        was, now = outcome.lost[0]
        numbers = (f"{each.values[0]:.3g}" for each in (was, now))
        cells[2:] = was.statement, was.bound_in_words, *numbers, str(len(outcome.lost))
    return f"| {' | '.join(cells)} |"


def main(directory: str, *arguments: str) -> None:
    """Measure the rows that are missing, print the outcome of every claim, and write the page if all are measured."""
    measured, chosen = Measured(Path(directory)), [each for each in arguments if each != "--anew"] or [*MUTANTS_OF]
    if "--anew" in arguments:
        for each in chosen:
            measured.rows.pop(each, None)
    outcomes = []
    for argument in chosen:
        for mutant in MUTANTS_OF[argument]:
            one = outcome(measured, argument, mutant)
            at = f"falls: {one.lost[0][0].statement}" if one.falls else f"STANDS {one.why}"
            print(f"{argument}, {mutant}: {at}", flush=True)
            outcomes.append(one)
    if chosen == [*MUTANTS_OF]:
        PAGE.write_text(page(outcomes), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
