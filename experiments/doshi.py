"""The system of Doshi et al. (arXiv 2310.13061): phases by weight decay, and neurons cut by their IPR.

    minimod reproduce experiments/doshi.py
"""

from minimod import Analysis, Run
from minimod.analysis.masking import MASK_SHARES
from minimod.claims import Claim, Number, Plot, Row, least, read, runs, select
from minimod.runs.accuracy import share

# The setting and the weight decays of Doshi et al. The number of epochs is ours.
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
        rest = read(study, "raw noisy", "raw repaired", "dominant test", "interaction test")
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
    phrase="Growing weight decay leads through coexistence, inversion and forgetting.",
    statement="(Doshi et al., arXiv 2310.13061.) With growing weight decay, a quadratic network with squared error "
    "goes through coexistence, partial inversion, full inversion and forgetting.",
    experiment="The setting of Doshi et al.: modulus 97, width N = 500, half of the pairs, 35 % of the labels drawn "
    "from all classes, initial standard deviation (16 N)^(-1/3), AdamW with learning rate 0.01. Only the number of "
    "epochs is ours. The phases are named by their table.",
    configs=doshi_configs, measure=measure_doshi, keys=("weight_decay",), seeds=1,
    criteria=tuple(
        least(f"decay {decay:g}: {phase} (1 if it is)", 1, is_phase(decay, phase), "their table")
        for decay, phase in DOSHI_PHASES.items()
    ),
    plot=Plot("weight_decay", {
        "train": "training labels, by the network itself", "test": "test pairs, by the network itself",
        "raw noisy": "", "raw repaired": "", "dominant test": "",
    }),
    remark="At decay 20 the number of epochs matters. After 500 epochs the network is still in full inversion, and "
    "only then it begins to forget.",
)


def measure_pruning(run: Run) -> list[Row]:
    """Accuracies after neurons are cut from the bottom, or from the top, of the ranking by IPR."""
    with Analysis(run) as study:
        curves = study.curves("ipr")
    return [{
        "weight_decay": run.config.weight_decay, "share_cut": cut,
        **{f"lowest cut: {name}": curves.logits[name][MASK_SHARES.index(round(1 - cut, 2))]
           for name in ("noisy", "test")},
        **{f"highest cut: {name}": curves.rest[name][MASK_SHARES.index(cut)] for name in ("noisy", "test")},
    } for cut in MASK_SHARES if round(10 * cut, 6).is_integer()]


DOSHI_PRUNING = Claim(
    phrase="Neurons of high IPR hold the rule, neurons of low IPR hold the noise.",
    statement="(Doshi et al.) Neurons of high IPR hold the rule, and neurons of low IPR hold the noise. Cutting the "
    "neurons of lowest IPR removes memorised labels first. Cutting the neurons of highest IPR removes the answers "
    "first.",
    experiment="The runs of the claim doshi at decay 0 and 5. Growing shares of the neurons are cut from either end of "
    "the ranking by IPR (mean of u, v, w).",
    configs=lambda scale: doshi_configs(scale)[:2], measure=measure_pruning,
    keys=("weight_decay", "share_cut"), seeds=1,
    criteria=(
        least("lowest cut: test", 0.9, weight_decay=5.0, share_cut=0.3),
        least("lowest cut: noisy", 0.1, weight_decay=5.0, share_cut=(0.0, 0.3)),
        least(("lowest cut: test", "highest cut: test"), 0.05, weight_decay=5.0, share_cut=0.3),
    ),
    plot=Plot("share_cut", {
        f"{end} cut: {measure}": f"{labels}, neurons of {end} IPR cut"
        for end in ("lowest", "highest") for measure, labels in {"noisy": "wrong labels", "test": "test pairs"}.items()
    }, ("weight_decay",)),
)

CLAIMS = {"doshi": DOSHI, "doshi-pruning": DOSHI_PRUNING}
