"""Claims on other settings: optimisers, activations, rules, tied weights, and the system of Doshi et al."""

from typing import Any

from minimod.analysis.analysis import Analysis
from minimod.analysis.masking import KEEP
from minimod.claims.claim import Claim, Number, Plot, Row
from minimod.claims.criteria import highest, least, lowest, most, note, select
from minimod.claims.settings import all_of, middle_runs, read, read_from, reading, runs
from minimod.runs.accuracy import share
from minimod.runs.run import Run

# Rates and decays with which each fits every label within a hundred epochs.
OPTIMIZER_SETTINGS: dict[str, dict[str, Any]] = {
    "adamw": {"learning_rate": 5e-3, "weight_decay": 0.5},
    "adam": {"learning_rate": 5e-3, "weight_decay": 0.0},
    "muon": {"learning_rate": 0.1, "momentum": 0.95, "weight_decay": 0.1},
    "sgd": {"learning_rate": 20.0, "weight_decay": 0.0},
}

METHOD_COLUMNS = ("raw clean", "raw noisy", "raw test", "dominant test", "dominant+quadratic test", "residual noisy")

OPTIMIZERS = Claim(
    statement="Coexistence is not owed to one optimiser: AdamW, Adam, Muon and SGD show it.",
    experiment="80 % noise at modulus 113, a hundred epochs, each optimiser with a rate and decay that fit the labels.",
    configs=all_of(*(
        runs({"width": 512}, {"width": 2048}, modulus=113, epochs=100, noise_ratio=0.8, optimizer=name, **values)
        for name, values in OPTIMIZER_SETTINGS.items()
    )),
    measure=reading(("optimizer",), *METHOD_COLUMNS), keys=("optimizer",), seeds=2,
    criteria=(
        least("least raw noisy", 0.95, lowest("raw noisy")),
        most("largest raw test", 0.05, highest("raw test")),
        least("least dominant+quadratic test", 0.9, lowest("dominant+quadratic test")),
    ),
    plot=Plot("optimizer", METHOD_COLUMNS),
)

ACTIVATIONS = Claim(
    statement="Coexistence does not depend on ReLU: networks with reverse ReLU, GELU and quadratic activation fit the "
    "noise, answer at chance, and hold the rule. How much of it comes out by filtration depends on the activation that "
    "evaluates it: GELU has a low ceiling, the quadratic one has none.",
    experiment="Each activation at three noise ratios, filtered and evaluated as trained and with the quadratic one.",
    configs=runs(
        quick={"modulus": 59, "width": 512}, full={"modulus": 113, "width": 2048}, learning_rate=0.01, weight_decay=0.5,
        noise_ratio=[0.5, 0.8, 0.9], activation=["relu", "reverse_relu", "gelu", "quadratic"], epochs=120,
    ),
    measure=reading(("noise_ratio", "activation"), *METHOD_COLUMNS), keys=("noise_ratio", "activation"), seeds=2,
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        most("noise 0.8: highest raw test", 0.05, highest("raw test", noise_ratio=0.8)),
        least("noise 0.8: lowest dominant+quadratic test", 0.9, lowest("dominant+quadratic test", noise_ratio=0.8)),
        most("dominant test", 0.5, noise_ratio=0.8, activation="gelu"),
        least("dominant test", 0.95, noise_ratio=0.8, activation="quadratic"),
    ),
    plot=Plot("activation", METHOD_COLUMNS, ("noise_ratio",)),
    remark="Filtered GELU networks hold the rule as well as the others, as the quadratic activation shows; "
    "evaluated with GELU itself, neurons of one frequency answer little of it.",
)

CEILING = Claim(
    statement="Raw test accuracy grows with width under ReLU; under the quadratic activation and GELU it has a "
    "ceiling.",
    experiment="The networks of the claim width at 30 % noise, from width 256 on, under three activations; whether the "
    "last doubling still adds anything.",
    configs=runs(
        quick={"modulus": 59, "epochs": 200}, full={"modulus": 113, "epochs": 600},
        noise_ratio=0.3, activation=["relu", "quadratic", "gelu"], width=[256, 512, 1024, 2048],
    ),
    measure=reading(("activation", "width"), "raw noisy", "raw test", "interaction test"),
    keys=("activation", "width"), seeds=1,
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        least("raw test", 0.02, activation="relu", width=(2048, 1024)),
        most("raw test", 0.02, activation="quadratic", width=(2048, 1024)),
        most("raw test", 0.02, activation="gelu", width=(2048, 1024)),
        note("raw test", activation=("quadratic", "relu"), width=2048),
    ),
    plot=Plot("width", ("raw noisy", "raw test", "interaction test"), ("activation",), "log"),
)


def measure_tied(run: Run) -> list[Row]:
    """What is fitted, answered and extracted."""
    name = f"{'tied' if run.config.tied else 'untied'}, {run.config.noise_kind} noise"
    return [{"network": name} | read(run, *METHOD_COLUMNS)]


TIED = Claim(
    statement="With tied weights, U = V, a network cannot fit noise that differs between (a, b) and (b, a), and the "
    "picture breaks; symmetric noise restores it.",
    experiment="Tied and untied networks, 30 % noise, drawn for each pair or for both orders alike.",
    configs=middle_runs(noise_ratio=0.3, tied=[False, True], noise_kind=["wrong", "symmetric"], epochs=150),
    measure=measure_tied, keys=("network",), seeds=2,
    criteria=(
        most("raw noisy", 0.8, network="tied, wrong noise"),
        least("raw noisy", 0.99, network="tied, symmetric noise"),
        least("raw noisy", 0.99, network="untied, wrong noise"),
        least("dominant test", 0.9, network="tied, symmetric noise"),
    ),
    plot=Plot("network", METHOD_COLUMNS),
)

# The setting of Doshi et al. at their weight decays; the number of epochs is ours.
doshi_configs = runs(
    quick={"epochs": 1200}, full={"epochs": 5000}, modulus=97, width=500, activation="quadratic", bias=False,
    loss="mse", init_std=(16 * 500) ** (-1 / 3), train_fraction=0.5, noise_ratio=0.35, noise_kind="uniform",
    learning_rate=0.01, weight_decay=[0.0, 5.0, 15.0, 20.0],
)


def doshi_phase(train: float, test: float, noise_ratio: float) -> str:
    """The name of a phase by final accuracies, as in the table of Doshi et al. (arXiv 2310.13061)."""
    if test < 0.9:
        return "memorisation" if train >= 0.9 else "forgetting"
    if train >= 0.9:
        return "coexistence"
    return "full inversion" if train < 1.05 - noise_ratio else "partial inversion"


def measure_doshi(run: Run) -> list[Row]:
    """The phase, by the accuracies over all training labels and over test pairs."""
    train = run.dataset.train
    with Analysis(run) as study:
        table, test = study.predict("raw"), study.row("raw").test
        rest = read_from(study, "raw noisy", "raw repaired", "dominant test", "interaction test")
    fitted = share(table[train.a, train.b] == train.label)
    return [{
        "weight_decay": run.config.weight_decay, "train": fitted, "test": test,
        "phase": doshi_phase(fitted, test, run.config.noise_ratio), **rest,
    }]


DOSHI_PHASES = {0.0: "coexistence", 5.0: "partial inversion", 15.0: "full inversion", 20.0: "forgetting"}


def is_phase(decay: float, phase: str) -> Number:
    """1 if the network with this decay is in the phase, else 0."""
    return lambda rows: float([row["phase"] for row in select(rows, weight_decay=decay)] == [phase])


DOSHI = Claim(
    statement="(Doshi et al., arXiv 2310.13061.) With growing weight decay, a quadratic network with squared error "
    "goes through coexistence, partial inversion, full inversion and forgetting.",
    experiment="Their setting: modulus 97, width 500, half of the pairs, 35 % of the labels drawn from all, init std "
    "(16 N)^(-1/3), AdamW at rate 0.01; ours is the number of epochs. Phases by their table.",
    configs=doshi_configs, measure=measure_doshi, keys=("weight_decay",), seeds=1,
    criteria=tuple(
        least(f"decay {decay:g}: {phase} (1 if it is)", 1, is_phase(decay, phase))
        for decay, phase in DOSHI_PHASES.items()
    ),
    plot=Plot("weight_decay", ("train", "test", "raw noisy", "raw repaired", "dominant test")),
    remark="The number of epochs matters at decay 20: after 500 the network is still in full inversion, and only "
    "then begins to forget.",
)


def measure_pruning(run: Run) -> list[Row]:
    """Accuracies of what is left when neurons are cut from the bottom and from the top of the ranking by IPR."""
    with Analysis(run) as study:
        curves = study.curves("ipr")
    return [{
        "weight_decay": run.config.weight_decay, "share_cut": cut,
        **{f"lowest cut: {name}": curves.logits[name][KEEP.index(round(1 - cut, 2))] for name in ("noisy", "test")},
        **{f"highest cut: {name}": curves.rest[name][KEEP.index(cut)] for name in ("noisy", "test")},
    } for cut in KEEP if round(10 * cut, 6).is_integer()]


DOSHI_PRUNING = Claim(
    statement="(Doshi et al.) Neurons of high IPR hold the rule and those of low IPR the noise: cutting the lowest "
    "removes memorised labels first, cutting the highest removes the answers first.",
    experiment="The runs of the claim doshi at decay 0 and 5, their neurons cut one share after another from either "
    "end of the ranking by IPR (mean of u, v, w).",
    configs=lambda scale: doshi_configs(scale)[:2], measure=measure_pruning,
    keys=("weight_decay", "share_cut"), seeds=1,
    criteria=(
        least("lowest cut: test", 0.9, weight_decay=5.0, share_cut=0.3),
        least("lowest cut: noisy", 0.1, weight_decay=5.0, share_cut=(0.0, 0.3)),
        least(("lowest cut: test", "highest cut: test"), 0.05, weight_decay=5.0, share_cut=0.3),
    ),
    plot=Plot("share_cut", (
        "lowest cut: noisy", "lowest cut: test", "highest cut: noisy", "highest cut: test"
    ), ("weight_decay",)),
)
