"""That CrossSplit is judged beside self-training and its controls, and how labels are corrected."""

import numpy as np
import pytest
from cross_split import (
    CLAIMS,
    CROSS,
    LITTLE,
    LONG,
    OWN,
    RAW,
    SELF,
    SHUFFLED,
    WAYS,
    Way,
    by_network,
    corrected,
    cross_configs,
    cross_split,
    measure_cross_split,
)

from minimod import TrainingConfig, train
from minimod.claims.claim import FAILS, HOLDS, judge

# (noise ratio, corrected by, round) -> test, kept, repaired: as it is where both claims hold.
GOOD = {
    (LITTLE, CROSS, 0): (0.9, 1.0, 0.3), (LITTLE, CROSS, 1): (1.0, 1.0, 0.95), (LITTLE, OWN, 0): (0.9, 1.0, 0.1),
    (LITTLE, SHUFFLED, 1): (0.5, 0.9, 0.01), (LITTLE, RAW, 0): (0.9, 0.9, 0.8), (LITTLE, SELF, 2): (1.0, 1.0, 0.9),
    (LITTLE, LONG, 0): (0.9, 1.0, 0.8), (0.0, CROSS, 0): (1.0, 1.0, np.nan), (0.45, CROSS, 1): (0.1, 0.5, 0.1),
    (0.45, SELF, 2): (1.0, 1.0, 0.9),
}  # fmt: skip


def rows(changes):
    """Rows of both claims."""
    return [
        {"seed": 0, "noise_ratio": ratio, "corrected_by": by, "round": number, "test": test, "kept": kept,
         "repaired": repaired, "wrong after": (1 - ratio) * (1 - kept) + (ratio * (1 - repaired) if ratio else 0)}
        for (ratio, by, number), (test, kept, repaired) in (GOOD | changes).items()
    ]  # fmt: skip


@pytest.mark.parametrize(("changes", "verdict"), [
    ({}, HOLDS), ({(LITTLE, RAW, 0): (0.0, 0.2, 0.0)}, FAILS), ({(LITTLE, SELF, 2): (1.0, 1.0, 0.99)}, FAILS),
    ({(LITTLE, LONG, 0): (1.0, 1.0, 0.99)}, FAILS),
])  # fmt: skip
def test_cross_split_has_to_beat_what_costs_no_more(changes, verdict):
    assert judge("cross-split", CLAIMS["cross-split"], "quick", rows(changes)).verdict == verdict


@pytest.mark.parametrize(("changes", "verdict"), [
    ({(LITTLE, RAW, 0): (0.0, 0.2, 0.0)}, HOLDS), ({}, FAILS), ({(LITTLE, OWN, 0): (0.9, 1.0, 0.3)}, FAILS),
    ({(LITTLE, SHUFFLED, 1): (0.9, 1.0, 0.9)}, FAILS), ({(0.0, CROSS, 0): (1.0, 0.9, np.nan)}, FAILS),
    ({(0.45, CROSS, 1): (0.9, 1.0, 0.9)}, FAILS), ({(0.45, SELF, 2): (0.5, 0.9, 0.5)}, FAILS),
])  # fmt: skip
def test_the_parts_of_cross_split_are_judged_one_by_one(changes, verdict):
    changes = {(LITTLE, RAW, 0): (0.0, 0.2, 0.0)} | changes if changes else {}
    assert judge("cross-split-parts", CLAIMS["cross-split-parts"], "quick", rows(changes)).verdict == verdict


def logits(*p):
    """The logits of probabilities, a row a pair."""
    return np.log(np.array(p))


# A network that agrees with a label, one that doubts it, and one that contradicts it, of pairs with the label 0.
AGREES, DOUBTS, CONTRADICTS = (0.9, 0.05, 0.05), (0.4, 0.5, 0.1), (0.01, 0.98, 0.01)


def test_a_label_is_corrected_where_the_network_contradicts_it_most():
    assert corrected(logits(AGREES, DOUBTS, CONTRADICTS), np.zeros(3, int)).tolist() == [0, 0, 1]


def test_the_scale_of_contradiction_is_that_of_a_class():
    """The same doubt is the least of one class, whose labels stay, and the most of another, where it changes one."""
    F = logits(AGREES, DOUBTS, DOUBTS, CONTRADICTS)
    assert corrected(F[:2], np.zeros(2, int)).tolist() == [0, 1]
    assert corrected(F[2:], np.zeros(2, int)).tolist() == [0, 1]
    mixed = np.concatenate([F[:2], np.roll(F[2:], 1, axis=1)])
    assert corrected(mixed, np.array([0, 0, 1, 1])).tolist() == [0, 1, 1, 2]


def test_corrected_labels_are_the_formula():
    """s = β p + (1 - β) onehot(y), with β the Jensen-Shannon divergence from 0 to 1 within the class."""
    generator, P, n = np.random.default_rng(0), 5, 60
    F, label = 3 * generator.normal(size=(n, P)), generator.integers(0, P, n)
    p, hot = np.exp(F) / np.exp(F).sum(axis=1, keepdims=True), np.eye(P)[label]

    def kl(x, y):
        return sum(a * np.log(a / b) for a, b in zip(x, y) if a)

    jsd = np.array([(kl(x, (x + y) / 2) + kl(y, (x + y) / 2)) / 2 for x, y in zip(p, hot)])
    scaled = [(jsd[i] - jsd[label == y].min()) / np.ptp(jsd[label == y]) for i, y in enumerate(label)]
    s = [beta * x + (1 - beta) * y for beta, x, y in zip(scaled, p, hot)]
    assert corrected(F, label).tolist() == np.argmax(s, axis=1).tolist()
    assert 0 < (corrected(F, label) != label).sum() < (p.argmax(axis=1) != label).sum()


@pytest.mark.parametrize("certain", [0.0, -800.0])
def test_certain_networks_and_classes_of_one_pair_are_corrected_without_a_warning(certain):
    F = np.array([[0.0, certain, certain], [certain, 0.0, certain], [certain, certain, 0.0]], np.float32)
    assert corrected(F, np.array([0, 0, 2])).tolist() == [0, 1 if certain else 0, 2]


TINY = TrainingConfig(modulus=11, width=24, epochs=4, noise_ratio=LITTLE, threads=1)


@pytest.mark.parametrize(("by", "peer"), [(RAW, 1), (OWN, 0)])
def test_a_network_gets_corrected_labels_of_its_half_and_its_own_answers_on_the_other(monkeypatch, by, peer):
    """No given label of the other half reaches it. Who corrects its own half is the other network, or itself."""
    if by == OWN:
        monkeypatch.setitem(WAYS, by, Way(by_network, is_own=True))
    runs = []
    monkeypatch.setattr("cross_split.trained", lambda config, data, place: runs.append(
        train(config, data=data)) or runs[-1])
    cross_split(TINY, by, 1, None)
    half, labels, pairs = runs[0].data.subset, runs[2].data.labels, runs[0].dataset.train
    assert (runs[1].data.subset == ~half).all() and runs[2].data.subset is None
    logits = [run.network.logits(pairs.a, pairs.b) for run in runs[:2]]
    assert (labels[~half] == logits[0].argmax(axis=1)[~half]).all()
    assert (labels[half] == corrected(logits[peer][half], pairs.label[half])).all()
    assert (runs[0].network.U != runs[1].network.U).any()


def test_runs_are_kept_and_used_again(tmp_path):
    run = train(TINY, tmp_path / "runs" / "one")
    rows = measure_cross_split(run)
    assert [row["round"] for row in rows if row["corrected_by"] == CROSS] == [0, 1]
    before = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "rounds").rglob("*.npz"))
    again = measure_cross_split(run)
    assert str(again) == str(rows)
    assert sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "rounds").rglob("*.npz")) == before


@pytest.mark.parametrize("scale", ["quick", "full"])
def test_the_longer_run_costs_what_cross_split_does(scale):
    """Two networks on half of the pairs for three times the epochs, then two on all pairs: five trainings."""
    for first, *longer in cross_configs(scale):
        assert all(run.epochs == 5 * first.epochs for run in longer)
