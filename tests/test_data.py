import numpy as np
import pytest

from minimod import TrainingConfig
from minimod.data import NOISE_KINDS, STREAMS, build_dataset, corrupt, random_stream


def dataset(**options):
    return build_dataset(TrainingConfig(**{"modulus": 31, "noise_ratio": 0.5} | options))


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


@pytest.mark.parametrize("ratio", [0, 0.1, 0.33, 0.8, 1])
def test_wrong_noise_corrupts_the_exact_number_of_labels(ratio):
    train = dataset(noise_ratio=ratio).train
    assert (train.label != train.true_label).sum() == train.is_noisy.sum() == round(ratio * len(train))
    assert (train.is_noisy == (train.label != train.true_label)).all()


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_noise_leaves_true_labels_and_held_out_labels_alone(kind):
    data = dataset(noise_ratio=1, noise_kind=kind)
    for pairs in (data.train, data.validation, data.test):
        assert (pairs.true_label == (pairs.a + pairs.b) % 31).all()
    for pairs in (data.validation, data.test):
        assert (pairs.label == pairs.true_label).all() and not pairs.is_noisy.any()


@pytest.mark.parametrize("rule", ["add", "sub"])
@pytest.mark.parametrize("kind", NOISE_KINDS)
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
    corrupt(again, 31, 0.5, kind, random_stream(0, "noise"))
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
    dataset = build_dataset(TrainingConfig(modulus=23, noise_ratio=0.4, noise_kind=kind))
    held_out, validation = dataset.held_out, dataset.validation
    assert (held_out.a == validation.a).all() and (held_out.b == validation.b).all()
    assert held_out.is_noisy.sum() == pytest.approx(0.4 * len(held_out), abs=1)
    assert not validation.is_noisy.any() and (validation.label == validation.true_label).all()
    assert (held_out.label == held_out.true_label)[~held_out.is_noisy].all()
