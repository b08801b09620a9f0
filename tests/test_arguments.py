"""Arguments of the Python library: one that makes no sense is an InputError that names it, and what is alike works."""

import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from minimod import (
    SGD,
    Adam,
    AdamW,
    Analysis,
    Muon,
    TrainingConfig,
    TwoLayerNet,
    UserData,
    analyze,
    detect,
    discover,
    discover_run,
    extend,
    extract,
    filter_frequencies,
    fit,
    import_network,
    load_run,
    load_sweep,
    make_dataset,
    make_rule,
    resume,
    train,
)  # fmt: skip
from minimod.arrays import Pairs
from minimod.errors import InputError, checked_number

P, WIDTH = 7, 8
CONFIG = TrainingConfig(modulus=P, width=WIDTH, epochs=2, threads=1)
RULE = make_rule("add", P)
TABLE = RULE.label_table
MATRIX = 1 - np.eye(P)
DATA = make_dataset(RULE)
N = len(DATA.train)
LABELS = DATA.train.label
A, B = np.divmod(np.arange(P * P), P)
C = (A + B) % P
PATH = "a\0b"


def masked(array):
    """The array with one entry masked."""
    mask = np.zeros(array.shape, bool)
    mask.flat[1] = True
    return np.ma.masked_array(array, mask)


def changed(**columns):
    """The training pairs with other columns."""
    return Pairs(**{name: getattr(DATA.train, name) for name in Pairs.__dataclass_fields__} | columns)


def fit_with(pairs=DATA.train, optimizer=AdamW, epochs=1, other=False, **options):
    """Fit a new network; other: the optimiser is of another one."""
    network = TwoLayerNet.init(P, WIDTH)
    parameters = (TwoLayerNet.init(P, WIDTH) if other else network).parameters
    return fit(network, pairs, optimizer(parameters) if isinstance(optimizer, type) else optimizer, epochs, **options)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """What the calls below get: a run in memory, one in a directory, and a file of a network."""
    place = tmp_path_factory.mktemp("given")
    network = TwoLayerNet.init(P, WIDTH)
    np.savez(place / "net.npz", U=network.U, V=network.V, W=network.W)
    (place / "swept").mkdir()
    return SimpleNamespace(
        run=train(CONFIG), stored=train(CONFIG.changed(snapshots=(0, 1)), place / "run"), directory=place / "run",
        file=place / "net.npz", place=place, swept=place / "swept", network=network, parameters=network.parameters,
    )


def init(**options):
    return lambda given: TwoLayerNet.init(**{"modulus": P, "width": WIDTH} | options)


def dataset(**options):
    return lambda given: make_dataset(RULE, **options)


def optimizer(kind, **options):
    return lambda given: kind(given.parameters, **options)


def fitted(**options):
    return lambda given: fit_with(**options)


def logits(a, b):
    return lambda given: given.network.logits(a, b)


def table(given_table):
    return lambda given: make_rule("table:x", table=given_table)


def found(*arrays, **options):
    return lambda given: discover(*(arrays or (A, B, C)), **options)


def analysis(**options):
    return lambda given: Analysis(given.run, **options)


def trained(config=CONFIG, directory=None, **options):
    return lambda given: train(config, directory, **options)


def with_data(config=CONFIG, **arrays):
    return lambda given: train(config, data=UserData(**arrays))


def imported(**options):
    return lambda given: import_network(
        **{"file": given.file, "directory": given.place / "new", "rule": "add", "modulus": P} | options
    )


OF_TABLE = TrainingConfig(rule="table:x", width=WIDTH, epochs=1, threads=1)
BY_MATRIX = CONFIG.changed(noise_kind="matrix")
NAN = math.nan

# The start of the message: the argument, and its value. The calls come by the name of what they call.
REFUSED = {
    "make_rule": [
        (lambda given: make_rule("add", 7.5), "modulus is 7.5"),
        (lambda given: make_rule("add", True), "modulus is True"),
        (lambda given: make_rule("add", "7"), "modulus is '7'"), (lambda given: make_rule("S3", "x"), "modulus is 'x'"),
        (lambda given: make_rule(3), "rule is 3"), (lambda given: make_rule(["add"]), "rule is ['add']"),
        (table(TABLE.astype(object)), "table is 'object"), (table(masked(TABLE)), "table is 'masked int64"),
        (table([[1, 2], [3]]), "table is [[1, 2], [3]]"), (table(3), "table is 'int64 of shape ()"),
        (table(TABLE + 0.5), "table is 'given'"),
    ],
    "make_dataset": [
        (lambda given: make_dataset("add"), "rule is 'add'; it must be a rule, such as make_rule('add')"),
        (dataset(noise_matrix=MATRIX), "noise_kind is 'wrong'; it must be matrix"), (dataset(seed=-1), "seed is -1"),
        (dataset(noise_kind="matrix", noise_matrix=masked(MATRIX)), "noise_matrix is 'masked float64"),
        (dataset(noise_kind="matrix", noise_matrix=[[1], [2, 3]]), "noise_matrix is [[1], [2, 3]]"),
        (dataset(noise_kind=["wrong"]), "noise_kind is ['wrong']"), (dataset(seed=1.5), "seed is 1.5"),
        (dataset(seed=None), "seed is None"), (dataset(noise_ratio=1.2), "noise_ratio is 1.2"),
        (dataset(noise_ratio="x"), "noise_ratio is 'x'"), (dataset(train_fraction=-1), "train_fraction is -1"),
        (dataset(train_fraction=None), "train_fraction is None"), (dataset(noise_ratio=NAN), "noise_ratio is nan"),
    ],
    "TwoLayerNet": [
        (init(dtype="int32"), "dtype is 'int32'"), (init(dtype=3), "dtype is '3'"), (init(width=0), "width is 0"),
        (init(width=2.5), "width is 2.5"), (init(modulus=1), "modulus is 1"), (init(init_std=-1), "init_std is -1"),
        (init(seed=-1), "seed is -1"), (init(activation=["relu"]), "activation is ['relu']"),
        (init(trained=3), "trained is 3"),
        (lambda given: TwoLayerNet([[1.0]], [[1.0]], [[1.0]], [1.0]), "U is [[1.0]]"),
        (lambda given: TwoLayerNet(*(np.zeros(3) for _ in range(4))), "U is array"),
        (lambda given: TwoLayerNet(*(np.zeros((3, 3), int) for _ in range(4))), "U is array"),
        (logits([0, -1], [0, 0]), "a is -1"), (logits([0], [P]), "b is 7"), (logits([[0], [1, 2]], [0]), "a is [[0]"),
        (logits([0.5], [0]), "a is 'float64"), (logits([0], [0, 1]), "b is 'int64 of shape (2,)"),
        (logits(masked(A), B), "a is 'masked"), (lambda given: given.network.predict([7], [0]), "a is 7"),
        (lambda given: given.network.gradient(DATA.train, smoothing=2), "smoothing is 2"),
        (lambda given: given.network.gradient(DATA.train, loss=["mse"]), "loss is ['mse']"),
        (lambda given: given.network.gradient(DATA), "pairs is Dataset"),
    ],
    "optimizers": [
        (optimizer(AdamW, learning_rate=-1), "learning_rate is -1"), (optimizer(AdamW, betas=(1, 2)), "betas is 1"),
        (optimizer(AdamW, learning_rate="x"), "learning_rate is 'x'"), (optimizer(Adam, betas=0.9), "betas is 0.9"),
        (optimizer(AdamW, betas=(0.9,)), "betas is (0.9,)"), (optimizer(AdamW, weight_decay=-1), "weight_decay is -1"),
        (optimizer(Adam, epsilon=-1), "epsilon is -1"), (optimizer(SGD, momentum=1.5), "momentum is 1.5"),
        (optimizer(SGD, weight_decay=NAN), "weight_decay is nan"), (optimizer(Muon, momentum=1.5), "momentum is 1.5"),
        (optimizer(Muon, betas=(1, 2)), "betas is 1"), (lambda given: SGD(given.network), "parameters is TwoLayerNet"),
        (lambda given: Muon(given.network), "parameters is TwoLayerNet"),
        (optimizer(AdamW, lr=1), "keyword of AdamW is 'lr'; it must be one of learning_rate"),
        (optimizer(SGD, momntum=1), "keyword of SGD is 'momntum'; it must be one of momentum"),
    ],
    "fit": [
        (fitted(other=True), "optimizer is"), (fitted(other=True, optimizer=Muon), "optimizer is"),
        (fitted(optimizer="adamw"), "optimizer is 'adamw'"), (fitted(epochs=-1), "epochs is -1"),
        (fitted(epochs=2.5), "epochs is 2.5"), (fitted(smoothing=2), "smoothing is 2"),
        (fitted(callback=3), "callback is 3"), (fitted(pairs=changed(a=DATA.train.a - 1)), "a is -1"),
        (fitted(pairs=changed(label=LABELS + 1)), "label is 7"), (fitted(pairs=DATA), "pairs is Dataset"),
        (fitted(pairs=changed(b=DATA.train.b[:3])), "b is 'int64 of shape (3,)"),
    ],
    "filter_frequencies": [
        (lambda given: filter_frequencies(given.network, "add"), "rule is 'add'"),
        (lambda given: filter_frequencies(given.network, make_rule("add", 11)), "rule is CyclicRule"),
        (lambda given: filter_frequencies(given.run, RULE), "network is Run"),
        (lambda given: filter_frequencies(given.network, RULE, by=3), "by is 3"),
    ],
    "discover": [
        (found(seed=-1), "seed is -1"), (found(threads=0), "threads is 0"), (found(max_starts=-1), "max_starts is -1"),
        (found(seconds=-1), "seconds is -1"), (found(seconds="x"), "seconds is 'x'"),
        (found(n_tokens=7.5), "n_tokens is"),
        (found(device=3), "device is 3"), (found(tell=3), "tell is 3"), (found(A, B, C[:3]), "label is"),
        (found(A, B, C.astype(float)), "label is 'float64"), (found(A, masked(B), C), "b is 'masked"),
        (found(max_strats=3), "keyword of discover is 'max_strats'; it must be one of max_starts"),
        (lambda given: discover_run(given.run, source="foo"), "source is 'foo'"),
        (lambda given: discover_run(given.run, max_strats=3), "keyword of discover_run is 'max_strats'"),
        (lambda given: discover_run(given.run, n_tokens=7), "keyword of discover_run is 'n_tokens'"),
        (lambda given: discover_run(3), "run is 3"),
    ],
    "Analysis": [
        (analysis(by="foo"), "by is 'foo'"), (analysis(by=["joint"]), "by is ['joint']"),
        (analysis(threads=0), "threads is 0"),
        (analysis(threads=1.5), "threads is 1.5"), (analysis(rule="add"), "rule is 'add'"),
        (analysis(rule=make_rule("add", 11)), "rule is CyclicRule"), (analysis(ensemble=3), "ensemble is 3"),
        (lambda given: Analysis(3), "run is 3"), (lambda given: Analysis(given.run).row(3), "row is 3"),
        (lambda given: Analysis(given.run).ranking(["norm"]), "score is ['norm']"),
        (lambda given: Analysis(given.run).table(given.network, readout="foo"), "readout is 'foo'"),
        (lambda given: list(Analysis(given.stored).moments(-1)), "most is -1"),
        (lambda given: analyze(3), "run is 3"),
        (lambda given: analyze(given.run, thresholds=["x"]), "threshold is 'x'"),
        (lambda given: analyze(given.run, thresholds=0.5), "thresholds is 0.5"),
        (lambda given: analyze(given.run, thresholds=[2]), "threshold is 2"),
    ],
    "detect": [
        (lambda given: detect(3), "run is 3"), (lambda given: detect(given.run, extracted=3), "extracted is 3"),
        (lambda given: detect(given.run, held_out=np.zeros((3, P))), "held_out is 'float64 of shape (3, 7)"),
        (lambda given: detect(given.run, held_out=np.full(N, NAN)), "held_out is nan"),
        (lambda given: detect(given.run, table=np.zeros((3, 3), int)), "table is 'int64 of shape (3, 3)"),
        (lambda given: detect(given.run, table=TABLE + 5), "table is 7"),
        (lambda given: detect(given.run, table=masked(TABLE)), "table is 'masked"),
    ],
    "extract": [
        (lambda given: extract(given.run, 1.5), "rounds is 1.5"),
        (lambda given: extract(given.run, -1), "rounds is -1"),
        (lambda given: extract(3, 1), "run is 3"), (lambda given: extract(given.run, 1, tell=3), "tell is 3"),
        (lambda given: extract(given.run, 1, answers="raw"), "answers is 'raw'"),
        (lambda given: extract(given.run, 1, PATH), "directory is 'a"),
        (lambda given: extract(given.run, 1, width=0), "width is 0"),
    ],
    "UserData": [
        (with_data(labels=LABELS, answers_of="raw"), "answers_of is 'raw'; it must be a tuple of names of rows"),
        (lambda given: UserData(lables=[1]), "field of UserData is 'lables'; it must be one of labels"),
        (with_data(labels=LABELS.astype(float)), "labels is 'float64"), (with_data(labels=LABELS + 7), "labels is 7"),
        (with_data(labels=LABELS.astype(object)), "labels is 'object"), (with_data(labels=3), "labels is 'int64"),
        (with_data(labels=masked(LABELS)), "labels is 'masked"), (with_data(labels=[[1], [2, 3]]), "labels is [[1]"),
        (with_data(subset=[1] * N), "subset is 'int64"),
        (with_data(subset=masked(np.ones(N, bool))), "subset is 'masked"),
        (with_data(pairs=3), "pairs is 'int64 of shape ()"), (with_data(noise_matrix=MATRIX), "noise_kind is 'wrong'"),
        (with_data(OF_TABLE, table=masked(TABLE)), "table is 'masked"),
        (with_data(OF_TABLE, table=3), "table is 'int64"),
        (with_data(OF_TABLE, table=TABLE.astype(object)), "table is 'object"),
        (with_data(BY_MATRIX, noise_matrix=masked(MATRIX)), "noise_matrix is 'masked"),
        (lambda given: CONFIG.on_pairs(3), "pairs is 'int64"),
    ],
    "train": [
        (trained(callback=3), "callback is 3"), (trained(checkpoint_every=0), "checkpoint_every, in epochs, is 0"),
        (trained(directory=PATH), "directory is 'a"), (trained(directory=3), "directory is 3"),
        (trained(config=3), "config is 3"), (trained(data=3), "data is 3"),
        (lambda given: resume(PATH), "directory is 'a"),
        (lambda given: extend(PATH, 1), "directory is 'a"),
        (lambda given: extend(given.directory, 1.5), "epochs is 1.5"),
    ],
    "load_run": [
        (lambda given: load_run(PATH), "directory is 'a"), (lambda given: load_run(3), "directory is 3"),
        (lambda given: load_run(given.directory, 1.5), "epoch is 1.5"),
        (lambda given: given.stored.at("x"), "epoch is 'x'"),
        (lambda given: given.stored.at(True), "epoch is True"), (lambda given: load_sweep(PATH), "directory is 'a"),
        (lambda given: load_sweep(given.swept, ["foo"]), "column is 'foo'"),
        (imported(file=PATH), "file is 'a"), (imported(directory=PATH), "directory is 'a"),
        (imported(maps=3), "maps is 3"),
        (imported(pairs=PATH), "pairs is 'a"), (imported(layout=3), "layout is 3"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("call", "start"), [
    pytest.param(*case, id=f"{name}: {case[1]}") for name, cases in REFUSED.items() for case in cases
])
def test_an_argument_that_makes_no_sense_is_named(given, call, start):
    with pytest.raises(InputError) as caught:
        call(given)
    assert str(caught.value).startswith(start) and "; it must be " in str(caught.value)


# Two calls that are to give the same.
ALIKE = {
    "a modulus of NumPy": (make_rule("add", np.int64(P)).label_table, TABLE),
    "a modulus of a float": (make_rule("add", 7.0).label_table, TABLE),
    "a table of lists": (make_rule("table:x", table=TABLE.tolist()).label_table, TABLE),
    "a table of floats": (make_rule("table:x", table=TABLE.astype(float)).label_table, TABLE),
    "a ratio in float32": (
        make_dataset(RULE, noise_ratio=np.float32(0.8)).train.label,
        make_dataset(RULE, noise_ratio=float(np.float32(0.8))).train.label,
    ),
    "a seed of NumPy": (make_dataset(RULE, seed=np.int64(3)).train.label, make_dataset(RULE, seed=3).train.label),
    "pairs of lists": (fit_with(changed(a=DATA.train.a.tolist())), fit_with()),
    "epochs of NumPy": (fit_with(epochs=np.int64(1)), fit_with()),
}


@pytest.mark.parametrize("name", ALIKE)
def test_numbers_of_numpy_and_lists_do_as_numbers_of_python_and_arrays(name):
    one, other = ALIKE[name]
    assert np.array_equal(one, other)


def test_options_of_numpy_change_no_bit_of_a_step(given):
    def after(rate):
        network = given.network.convert(np.copy)
        fit(network, DATA.train, AdamW(network.parameters, rate, weight_decay=rate), 3)
        return network.W

    assert (after(np.float64(0.1)) == after(0.1)).all()


@pytest.mark.parametrize(("options", "expected"), [
    ({"noise_ratio": np.float32(0.5)}, 0.5), ({"width": np.int32(8)}, 8), ({"tied": np.True_}, True),
    ({"betas": np.array([0.5, 0.25])}, (0.5, 0.25)), ({"snapshots": range(0, 9, 4)}, (0, 4, 8)),
    ({"snapshots": np.array([4, 0])}, (0, 4)),
])  # fmt: skip
def test_a_configuration_takes_numpys_numbers_and_arrays_as_pythons(options, expected):
    (name,) = options
    with warnings.catch_warnings(action="error"):
        value = getattr(TrainingConfig(**options), name)
    assert value == expected and type(value) is type(expected)


def test_a_run_takes_numpys_numbers_and_lists(given):
    assert given.stored.at(np.int64(1)).epoch == load_run(given.directory, 1.0).epoch == 1
    assert len(extract(given.run, np.int64(0))) == 1
    assert detect(given.run, held_out=np.zeros(N).tolist(), table=TABLE.tolist())["auroc"].keys() >= {"discovery"}
    assert train(CONFIG, data=UserData(labels=LABELS.tolist(), subset=[True] * N), checkpoint_every=np.int64(2))
    assert train(OF_TABLE, data=UserData(table=TABLE.tolist())).config.modulus == P
    assert discover(A.tolist(), B.tolist(), C.tolist(), n_tokens=7.0).group == "Z7"
    assert "first_epoch_test_0.5" in analyze(given.run, thresholds=np.array([0.5]))["first_epochs"]


@pytest.mark.parametrize("value", [True, NAN, math.inf, -math.inf, 10**400, "1", None, [1], np.array([1]), np.True_])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(InputError, match=r"x is .*; it must be a number in \(0, inf\)"):
        checked_number("x", value, 0, open=0)


@pytest.mark.parametrize("value", [3, 3.0, np.int8(3), np.uint64(3), np.float16(3), 2**70])
def test_a_whole_number_comes_back_as_an_int(value):
    number = checked_number("x", value, 2, kind=int)
    assert type(number) is int and number == value
