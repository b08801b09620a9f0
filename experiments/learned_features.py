"""What a network that learns features can do, and a network with frozen input weights cannot do.

    minimod reproduce experiments/learned_features.py
"""

from functools import partial

from minimod import SCORES, Analysis, Run
from minimod.claims import (
    CLEAN,
    FROZEN,
    L2,
    Claim,
    Number,
    Plot,
    Row,
    all_of,
    cell,
    highest,
    least,
    lowest,
    most,
    note,
    read,
    runs,
)
from minimod.claims.criteria import SWAPPED
from minimod.claims.settings import network_of

# A frozen network fits every label without decay.
learned = partial(runs, {"modulus": 59, "width": 512}, {"modulus": 113, "width": 2048}, noise_ratio=[0.1, 0.3, 0.8])


def measure_learned(run: Run) -> list[Row]:
    """The accuracies of readouts, filtration and masks; the phase error; dominant shares, also before training."""
    columns = ("raw noisy", "raw test", "interaction test", "norm+interaction test", "dominant test", *SWAPPED,
               "random subnetwork test")
    with Analysis(run) as study:
        trained, untrained = study.structure.typical, study.untrained.typical
        row = read(study, *columns)
        row["best subnetwork test"] = max(study.row(f"{score} subnetwork").test for score in SCORES)
    return [row | {
        "noise_ratio": run.config.noise_ratio, "network": network_of(run.config),
        "phase error": trained["phase_error_rms"], "dominant share": trained["median_share"],
        "untrained share": untrained["median_share"],
    }]


def share_gained(network: str) -> Number:
    """The median dominant share, over the median dominant share before training.

    With more frequencies, the share before training is smaller.
    """
    now, before = (cell(f"{when} share", network=network, noise_ratio=0.3) for when in ("dominant", "untrained"))
    return lambda rows: now(rows) / before(rows)


LEARNED_FEATURES = Claim(
    phrase="Near-perfect accuracy after filtration is no evidence of learned features.",
    statement="(Beyond the paper.) Near-perfect accuracy after frequency filtration is no evidence that features were "
    "learned. A network whose U and V, or whose W, stay as drawn has this accuracy too. What such a network cannot do "
    "shows what is learned. It answers nothing itself. Its interactions answer nothing. No score picks neurons that "
    "answer. Its frequencies do not stand out. With the quadratic activation, filtration is no evidence of the "
    "frequency either.",
    experiment="Three kinds of networks: all weights trained, with Adam and a little L2; W and μ alone trained "
    "(frozen); U and V alone trained (frozen output). Best subnetwork is the best over all scores on the test pairs. "
    f"The shares of the subnetworks, and of norm+interaction, are {CLEAN}",
    configs=all_of(learned(**L2), learned(**FROZEN), learned(**FROZEN | {"trained": "input"})),
    measure=measure_learned, keys=("noise_ratio", "network"), seeds=2,
    criteria=(
        least("lowest raw noisy", 0.95, lowest("raw noisy")),
        least("dominant+quadratic test", 0.95, network="frozen", noise_ratio=0.1),
        least("dominant+quadratic test", 0.95, network="frozen", noise_ratio=0.3),
        note("dominant+quadratic test", network="frozen", noise_ratio=0.8),
        least("random frequency+quadratic test", 0.95, network="frozen", noise_ratio=0.1, because=(
            "the bound of dominant+quadratic: if any frequency answers, accuracy is no evidence of the frequency"
        )),
        most("highest untrained dominant+quadratic test", 0.05, highest("untrained dominant+quadratic test"), because=(
            "training wrote the answers, even if not into U and V"
        )),
        least("raw test", 0.9, network="trained", noise_ratio=0.1),
        least("interaction test", 0.9, network="trained", noise_ratio=0.3),
        most("frozen: highest raw test", 0.05, highest("raw test", network="frozen")),
        most("frozen: highest interaction test", 0.1, highest("interaction test", network="frozen")),
        most("frozen: highest test of a score's subnetwork", 0.1, highest("best subnetwork test", network="frozen")),
        most("frozen output: highest raw test", 0.05, highest("raw test", network="frozen output")),
        most("frozen, noise 0.3: dominant share over that before training", 1.5, share_gained("frozen"), because=(
            "with twice the frequencies a share is half as large, whatever is learned, so ratios are compared"
        ), before="asked a difference of at most 0.05, measured 0.013"),
        least("trained, noise 0.3: the same", 2, share_gained("trained"), because="as above", before=(
            "asked 0.1 more than the frozen network's share, measured 0.071 at full scale"
        )),
        least("phase error", 0.2, network=("frozen", "trained"), noise_ratio=0.3),
    ),
    plot=Plot("network", {
        "raw test": "", "interaction test": "", "best subnetwork test": "test pairs, by the best score's top neurons",
        "dominant test": "", "dominant+quadratic test": "",
    }, ("noise_ratio",)),
    remark="At noise 0.1 and with the quadratic activation, a random frequency answers 98 % of the test pairs in a "
    "frozen network, and 14 % in a trained network. So filtration cannot tell the frequency in a frozen network, and "
    "can tell it if features are learned. At noise 0.8, the trained network's own answers, interactions and shares "
    "show nothing either. Only its phase error is smaller than a frozen network's.",
)

CLAIMS = {"learned-features": LEARNED_FEATURES}
