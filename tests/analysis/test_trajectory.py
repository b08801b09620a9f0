"""The numbers of a trajectory are those of the run at each epoch, and its losses those of Nanda et al.'s formulas."""

from dataclasses import replace

import numpy as np
import pytest

from minimod import TrainingConfig, analyze, load_run, train
from minimod.analysis.collapse import classes
from minimod.analysis.trajectory import FOLLOWED, trajectory
from minimod.errors import InputError
from minimod.runs.data import UserData

P = 11
CONFIG = TrainingConfig(
    modulus=P, width=24, epochs=30, noise_ratio=0.2, learning_rate=0.02, snapshots=(0, 10, 20), dtype="float64",
    threads=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train(CONFIG, tmp_path_factory.mktemp("trajectory") / "run")


@pytest.fixture(scope="module")
def followed(run):
    return trajectory(run)


def cross_entropy(network, a, b, label):
    """The mean of log Σ exp F - F_label, with a direct sum over neurons."""
    F = np.maximum(network.U[a] + network.V[b], 0) @ network.W + network.mu
    return float((np.log(np.exp(F).sum(axis=1)) - F[np.arange(len(F)), label]).mean())


def part_of(matrix, k):
    """The cosine and sine of frequency k alone in every column m of a matrix over tokens, by projection."""
    x = 2 * np.pi * np.arange(P) / P
    kept = np.empty_like(matrix)
    for m, frequency in enumerate(k):
        basis = np.stack([np.cos(frequency * x), np.sin(frequency * x)], axis=1) * np.sqrt(2 / P)
        kept[:, m] = basis @ (basis.T @ matrix[:, m])
    return kept


def parts(run, at):
    """At an epoch, the network of the frequencies that are dominant in the end, and that of all else, μ included."""
    k = analyze(run)["neurons"]
    network = run.at(at).network
    kept = replace(
        network, U=part_of(network.U, k["frequency_u"]), V=part_of(network.V, k["frequency_v"]),
        W=part_of(network.W.T, k["frequency_w"]).T, mu=np.zeros(P),
    )
    return kept, replace(network, U=network.U - kept.U, V=network.V - kept.V, W=network.W - kept.W)


def test_a_course_has_a_number_for_every_snapshot_and_the_end(followed):
    assert followed["epoch"].tolist() == [0, 10, 20, 30] and {len(column) for column in followed.values()} == {4}


@pytest.mark.parametrize("i", range(4))
def test_accuracies_and_structure_are_those_of_analyze_at_the_epoch(i, followed, run):
    summary = analyze(run.at(int(followed["epoch"][i])))
    for name in FOLLOWED:
        assert followed[f"{name} test"][i] == summary["methods"][name]["test"]
    for name in ("median_share", "phase_error_rms", "ideal_power_share"):
        assert followed[name][i] == summary["structure"]["trained"][name]


@pytest.mark.parametrize("i", range(4))
def test_norms_are_of_the_weights_at_the_epoch(i, followed, run):
    network = run.at(int(followed["epoch"][i])).network
    for name in "UVW":
        assert followed[f"norm {name}"][i] == pytest.approx((network.arrays[name] ** 2).sum() ** 0.5)


@pytest.mark.parametrize("epoch", [0, 10, 30])
def test_the_restricted_loss_is_of_the_final_frequencies_alone_on_test_pairs(epoch, followed, run):
    kept, _ = parts(run, epoch)
    test = run.dataset.test
    expected = cross_entropy(kept, test.a, test.b, (test.a + test.b) % P)
    assert followed["restricted_loss"][[0, 10, 20, 30].index(epoch)] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("epoch", [0, 10, 30])
def test_the_excluded_loss_is_of_all_else_on_the_labels_that_were_fitted(epoch, followed, run):
    _, rest = parts(run, epoch)
    pairs = run.dataset.train
    expected = cross_entropy(rest, pairs.a, pairs.b, pairs.label)
    assert followed["excluded_loss"][[0, 10, 20, 30].index(epoch)] == pytest.approx(expected, rel=1e-9)


def test_separation_is_the_inverse_of_nc1_of_the_fitted_labels(followed, run):
    pairs, network = run.dataset.train, run.network
    H = np.maximum(network.U[pairs.a] + network.V[pairs.b], 0)
    within = classes(H.__getitem__, pairs.label, P).within
    assert followed["separation"][-1] == pytest.approx(1 / within)


def test_labels_that_were_fitted_in_place_of_the_datasets_count(tmp_path):
    labels = np.arange(len(train(replace(CONFIG, epochs=0, snapshots=None)).dataset.train)) % P
    run = train(replace(CONFIG, epochs=2, snapshots=(0,)), tmp_path / "run", data=UserData(labels=labels))
    _, rest = parts(run, 2)
    pairs = run.dataset.train
    expected = cross_entropy(rest, pairs.a, pairs.b, labels)
    assert trajectory(run)["excluded_loss"][-1] == pytest.approx(expected, rel=1e-9)


def test_of_a_snapshot_the_course_goes_up_to_it(run, followed):
    early = trajectory(load_run(run.directory, 10))
    assert early["epoch"].tolist() == [0, 10]
    assert early["norm U"].tolist() == followed["norm U"][:2].tolist()


def test_a_run_without_snapshots_has_no_course(tmp_path):
    with pytest.raises(InputError, match="asked for when the run is trained"):
        trajectory(train(replace(CONFIG, epochs=1, snapshots=None), tmp_path / "run"))


def test_without_components_there_are_accuracies_norms_and_separation(tmp_path):
    pairs = np.array([[a, b, a, -1, 0] for a in range(4) for b in range(4)])
    config = TrainingConfig(modulus=4, width=6, epochs=2, snapshots=(0,), threads=1).on_pairs(pairs)
    found = trajectory(train(config, tmp_path / "run", data=UserData(pairs=pairs)))
    assert found.keys() == {"epoch", "raw test", "interaction test", "norm U", "norm V", "norm W", "separation"}


@pytest.mark.parametrize("n", [1, 2], ids=["one pair", "one label"])
def test_of_labels_that_no_two_classes_have_there_is_no_separation(n, tmp_path):
    pairs = np.array([[0, 0, 1, -1, 0], [0, 1, 1, -1, 0]])[:n]
    config = TrainingConfig(modulus=2, width=3, epochs=1, snapshots=(0,), threads=1).on_pairs(pairs)
    assert np.isnan(trajectory(train(config, tmp_path / "run", data=UserData(pairs=pairs)))["separation"]).all()


def test_a_network_of_dead_neurons_has_no_separation(tmp_path):
    run = train(replace(CONFIG, epochs=0, snapshots=(0,)), tmp_path / "run")
    dead = replace(run, network=replace(run.network, U=-abs(run.network.U), V=-abs(run.network.V)))
    assert np.isnan(trajectory(dead)["separation"]).all()
