from collections import Counter

import numpy as np
import pytest
from run_cases import build_dataset

from minimod import TrainingConfig
from minimod.arrays import STREAMS, random_stream
from minimod.errors import InputError
from minimod.noise import NOISE_KINDS, Noise, corrupt
from minimod.rules import Rule, make_rule

# Weights of the corrupted labels, a row a true one.
MATRIX = np.random.default_rng(0).uniform(0, 1, (31, 31)) * (1 - np.eye(31))

# Those that draw each wrong label equally often.
EVEN = ("wrong", "uniform", "symmetric")


def dataset(**options):
    config = TrainingConfig(**{"modulus": 31, "noise_ratio": 0.5} | options)
    return build_dataset(config, **({"noise_matrix": MATRIX} if config.noise_kind == "matrix" else {}))


def indices(pairs):
    return set((pairs.a * 31 + pairs.b).tolist())


def test_the_parts_cover_every_pair_once():
    data = dataset()
    parts = [indices(pairs) for pairs in (data.train, data.validation, data.test)]
    assert [len(part) for part in parts] == [round(0.8 * 961), 96, 96]
    assert set.union(*parts) == set(range(961))


def test_the_test_part_takes_the_odd_pair():
    data = dataset(modulus=5, train_fraction=0.8)
    assert (len(data.train), len(data.validation), len(data.test)) == (20, 2, 3)


def test_all_pairs_can_be_trained_on():
    data = dataset(train_fraction=1)
    assert (len(data.train), len(data.validation), len(data.test)) == (961, 0, 0)


@pytest.mark.parametrize("kind", NOISE_KINDS)
@pytest.mark.parametrize("ratio", [0, 0.3, 1])
def test_the_split_does_not_depend_on_the_noise(kind, ratio):
    plain, noisy = dataset(noise_ratio=0), dataset(noise_ratio=ratio, noise_kind=kind)
    for name in ("train", "validation", "test"):
        assert indices(getattr(plain, name)) == indices(getattr(noisy, name))


def test_another_seed_is_another_split():
    assert indices(dataset(seed=0).train) != indices(dataset(seed=1).train)


def test_the_streams_of_a_seed_differ():
    draws = {random_stream(0, name).integers(2**62) for name in STREAMS}
    draws |= {random_stream(0, "batches", epoch).integers(2**62) for epoch in (1, 2)}
    assert len(draws) == len(STREAMS) + 2


@pytest.mark.parametrize("rule", ["add", "sub"])
@pytest.mark.parametrize("kind", sorted({*NOISE_KINDS} - {"uniform", "symmetric"}))
@pytest.mark.parametrize("ratio", [0, 0.1, 0.33, 0.8, 1])
def test_the_exact_number_of_labels_is_corrupted_and_each_is_wrong(ratio, kind, rule):
    train = dataset(noise_ratio=ratio, noise_kind=kind, rule=rule).train
    assert (train.label != train.true_label).sum() == train.is_noisy.sum() == round(ratio * len(train))
    assert (train.is_noisy == (train.label != train.true_label)).all()


def test_pair_noise_is_one_too_high():
    train = dataset(noise_kind="pair").train
    assert (train.label == (train.true_label + train.is_noisy) % 31).all()


@pytest.mark.parametrize(("rule", "modulus"), [("add", 31), ("sub", 30), ("add", 2)])
def test_bijective_noise_is_another_latin_square_of_the_rules_kind(rule, modulus):
    """In every part: π(a) ∘ b = a ∘ b + (π(a) - a), a shift that the row alone decides, and that is never 0."""
    data = dataset(noise_kind="bijective", noise_ratio=1, train_fraction=0.5, rule=rule, modulus=modulus)
    pairs = [np.concatenate(both) for both in zip(*(
        (each.a, each.b, (each.label - each.true_label) % modulus) for each in (data.train, data.noisy_validation)
    ))]  # fmt: skip
    shifts = [set(pairs[2][pairs[0] == a].tolist()) for a in range(modulus)]
    assert all(len(shift) == 1 and 0 not in shift for shift in shifts)
    assert len({(a + shift.pop()) % modulus for a, shift in enumerate(shifts)}) == modulus


def test_derangements_are_drawn_with_the_seed_and_all_alike():
    """Of four tokens there are nine: each within five standard deviations of a ninth of the seeds."""
    counts = Counter(
        tuple(Noise(make_rule("add", 4), random_stream(seed, "noise", 2)).derangement.tolist()) for seed in range(1800)
    )
    assert len(counts) == 9 and all(abs(count - 200) < 5 * np.sqrt(200) for count in counts.values())


def test_bijective_noise_needs_a_latin_square():
    assert not make_rule("mul", 7).is_latin_square and make_rule("sub", 6).is_latin_square
    for rule in ("add", "sub", "mul"):
        assert make_rule(rule, 7).is_latin_square == Rule.is_latin_square.fget(make_rule(rule, 7))
    with pytest.raises(InputError, match="whose table is no Latin square"):
        TrainingConfig(rule="mul", noise_kind="bijective")


def test_labels_are_drawn_by_the_matrix():
    """Chi squared over the labels of every true one, 30 seeds: within five standard deviations of its 29 degrees."""
    parts = [dataset(noise_kind="matrix", noise_ratio=1, seed=seed).train for seed in range(30)]
    counts = np.zeros((31, 31))
    for train in parts:
        np.add.at(counts, (train.true_label, train.label), 1)
    expected = MATRIX / MATRIX.sum(axis=1, keepdims=True) * counts.sum(axis=1, keepdims=True)
    off_diagonal = ~np.eye(31, dtype=bool)
    chi2 = ((counts - expected)[off_diagonal] ** 2 / expected[off_diagonal]).sum()
    n = 31 * 29
    assert not counts.diagonal().any() and abs(chi2 - n) < 5 * np.sqrt(2 * n)


def test_what_a_matrix_leaves_out_is_never_drawn():
    one_way = np.roll(np.eye(31), 1, axis=1)        # c -> c + 1
    config = TrainingConfig(modulus=31, noise_kind="matrix")
    train = build_dataset(config, noise_matrix=one_way).train
    assert (train.label == (train.true_label + train.is_noisy) % 31).all()
    scaled = build_dataset(config, noise_matrix=1e-300 * one_way).train
    assert (scaled.label == train.label).all()


@pytest.mark.parametrize(("matrix", "message"), [
    (None, "must be given with noise of kind matrix"),
    (np.ones((31, 30)), r"float64 of shape \(31, 30\)'; it must be numbers, of shape \(31, 31\)"),
    (np.full((31, 31), "x"), "it must be numbers"), (MATRIX * (1 + 1j), "it must be numbers"),
    (np.ones((31, 31)), "row 0 of noise_matrix"), (MATRIX - 2 * np.eye(31, k=1), "row 0 of noise_matrix"),
    (MATRIX * (np.arange(31) != 3)[:, None], "row 3 of noise_matrix"),
    (np.where(MATRIX, np.inf, 0), "row 0 of noise_matrix"), (1e308 * (1 - np.eye(31)), "row 0 of noise_matrix"),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_matrix_that_cannot_be_used_is_refused(matrix, message):
    with pytest.raises(InputError, match=message):
        build_dataset(TrainingConfig(modulus=31, noise_kind="matrix"), noise_matrix=matrix)


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_noise_leaves_true_labels_and_held_out_labels_alone(kind):
    data = dataset(noise_ratio=1, noise_kind=kind)
    for pairs in (data.train, data.validation, data.test):
        assert (pairs.true_label == (pairs.a + pairs.b) % 31).all()
    for pairs in (data.validation, data.test):
        assert (pairs.label == pairs.true_label).all() and not pairs.is_noisy.any()


@pytest.mark.parametrize("rule", ["add", "sub"])
@pytest.mark.parametrize("kind", EVEN)
def test_corrupted_labels_are_uniform_over_what_is_allowed(kind, rule):
    """Offsets from the true label, over several seeds: 0 only for uniform noise, and every other one equally often."""
    seeds = [dataset(rule=rule, noise_ratio=1, noise_kind=kind, seed=seed).train for seed in range(20)]
    labels = np.concatenate([train.label for train in seeds])
    assert labels.min() == 0 and labels.max() == 30
    counts = np.bincount(np.concatenate([(train.label - train.true_label) % 31 for train in seeds]), minlength=31)
    if kind != "uniform":
        assert counts[0] == 0
        counts = counts[1:]
    # Symmetric labels come in twos, which doubles the variance of a count: five standard deviations of that.
    expected = counts.mean()
    assert (abs(counts - expected) < 5 * np.sqrt(2 * expected)).all()


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_corrupted_pairs_are_anywhere(kind):
    noisy = dataset(noise_kind=kind).train.is_noisy
    halves = noisy[: len(noisy) // 2].mean(), noisy[len(noisy) // 2 :].mean()
    assert all(0.4 < half < 0.6 for half in halves)


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_the_noise_comes_from_its_own_stream(kind):
    train, again = dataset(noise_kind=kind).train, dataset(noise_ratio=0).train
    noise = Noise(dataset().rule, random_stream(0, "noise", 2), MATRIX)
    corrupt(again, 0.5, kind, noise, random_stream(0, "noise"))
    assert (train.label == again.label).all() and (train.is_noisy == again.is_noisy).all()


def test_pairs_are_sorted():
    data = dataset()
    for pairs in (data.train, data.validation, data.test):
        assert (np.diff(pairs.a * 31 + pairs.b) > 0).all()


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_every_label_can_be_drawn(kind):
    seeds = [dataset(noise_ratio=1, noise_kind=kind, seed=seed).train for seed in range(3)]
    assert set(np.concatenate([train.label for train in seeds]).tolist()) == set(range(31))


def test_uniform_noise_marks_the_exact_number_and_is_right_by_chance():
    train = dataset(noise_ratio=1, noise_kind="uniform").train
    assert train.is_noisy.all()
    assert 0 < (train.label == train.true_label).mean() < 3 / 31


@pytest.mark.parametrize("rule", ["add", "sub"])
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.95])
def test_symmetric_noise_gives_mirrored_pairs_one_wrong_label(rule, ratio):
    train = dataset(rule=rule, noise_ratio=ratio, noise_kind="symmetric").train
    assert round(ratio * len(train)) - train.is_noisy.sum() in (0, 1)
    assert (train.label != train.true_label)[train.is_noisy].all()
    assert (train.label == train.true_label)[~train.is_noisy].all()
    columns = (x[train.is_noisy].tolist() for x in (train.a, train.b, train.label))
    noisy = {(a, b): label for a, b, label in zip(*columns)}
    present = set(zip(train.a.tolist(), train.b.tolist()))
    mirrored = [(a, b) for a, b in noisy if (b, a) in present]
    assert len(mirrored) > 10
    assert all(noisy[b, a] == noisy[a, b] for a, b in mirrored)


def test_full_symmetric_noise_corrupts_everything():
    assert dataset(noise_ratio=1, noise_kind="symmetric").train.is_noisy.all()


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_the_held_out_labels_are_the_validation_pairs_with_noise_of_their_own(kind):
    data = dataset(noise_ratio=0.4, noise_kind=kind)
    held_out, validation = data.noisy_validation, data.validation
    assert (held_out.a == validation.a).all() and (held_out.b == validation.b).all()
    assert held_out.is_noisy.sum() == pytest.approx(0.4 * len(held_out), abs=1)
    assert not validation.is_noisy.any() and (validation.label == validation.true_label).all()
    assert (held_out.label == held_out.true_label)[~held_out.is_noisy].all()
