import io
from functools import cache

import numpy as np
import pytest

from minimod.errors import InputError
from minimod.groups.rules import MOST_TOKENS, GroupRule, is_associative, kind_of, make_rule, rule_of_table, table_path
from minimod.runs.data import load_table

GROUPS = ["Z2", "Z7", "Z2^3", "S3", "Q8", "D6", "A4", "Z7:Z3", "S4", "SL(2,3)"]
A_GROUP, RENAMED, LATIN, NEITHER = (
    "a group", "a group under other names for a and b", "a Latin square, but no group",
    "neither a group nor a Latin square",
)


@cache
def table_of(name):
    return make_rule(name).label_table


def renamed(table, a, b, c):
    """The table whose tokens of a, b and c are a[x], b[y], c[z] where those of the given table are x, y, z."""
    new = np.empty_like(table)
    new[np.ix_(a, b)] = np.asarray(c)[table]
    return new


def quadrangles_close(table):
    """The quadrangle criterion (Frolov, Brandt): a Latin square is isotopic to a group if and only if, wherever three
    corners of two quadrangles have the same labels, the fourth do."""
    P, fourth = len(table), {}
    for a in range(P):
        for A in range(P):
            for b in range(P):
                for B in range(P):
                    corners = (table[a, b], table[a, B], table[A, b])
                    if fourth.setdefault(corners, table[A, B]) != table[A, B]:
                        return False
    return True


def with_an_intercalate_swapped(table):
    """Two rows and columns with (x y / y x) become (y x / x y): a Latin square again."""
    P = len(table)
    for a, A in np.argwhere(np.triu(np.ones((P, P)), 1)):
        for b, B in np.argwhere(np.triu(np.ones((P, P)), 1)):
            if table[a, b] == table[A, B] and table[a, B] == table[A, b]:
                new = table.copy()
                new[np.ix_([a, A], [b, B])] = table[np.ix_([a, A], [B, b])]
                return new
    raise AssertionError("there is none")


# Of order 5, the smallest with loops that are no groups: 1 has order 2, which does not divide 5.
LOOP_OF_FIVE = np.array([
    [0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 4, 0, 1, 3], [3, 2, 4, 0, 1], [4, 3, 1, 2, 0],
])


def latin_squares():
    x = np.arange(7)
    shuffle = [np.random.default_rng(seed).permutation(8) for seed in range(3)]
    yield "affine", (2 * x[:, None] + 3 * x) % 7, True
    yield "affine with a constant", (3 * x[:, None] - x + 4) % 7, True
    yield "subtraction", (x[:, None] - x) % 7, True
    yield "quaternions", renamed(table_of("Q8"), *shuffle), True
    yield "a loop of order 5", LOOP_OF_FIVE, False
    for name in ("Z6", "S3", "Z2^3", "Q8"):
        yield f"{name} with four labels changed", with_an_intercalate_swapped(table_of(name)), False
    yield "renamed", renamed(with_an_intercalate_swapped(table_of("Q8")), *shuffle), False


SQUARES = [pytest.param(square, group, id=name) for name, square, group in latin_squares()]


@pytest.mark.parametrize(("square", "group"), SQUARES)
def test_a_latin_square_is_a_groups_if_its_quadrangles_close(square, group):
    assert (np.sort(square, axis=0) == np.arange(len(square))[:, None]).all()
    assert (np.sort(square, axis=1) == np.arange(len(square))).all()
    assert quadrangles_close(square) == group
    assert kind_of(rule_of_table("table:x", square)) == (RENAMED if group else LATIN)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", GROUPS)
def test_a_group_under_other_names_for_its_elements_is_a_group(name, seed):
    table = table_of(name)
    names = np.random.default_rng(seed).permutation(len(table))
    assert kind_of(rule_of_table("table:x", renamed(table, names, names, names))) == A_GROUP


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", GROUPS)
def test_three_renamings_of_a_group_are_recognised(name, seed):
    generator, table = np.random.default_rng(seed), table_of(name)
    names = [generator.permutation(len(table)) for _ in range(3)]
    rule = rule_of_table("table:x", renamed(table, *names))
    assert isinstance(rule, GroupRule) and is_associative(rule.group.table)


@pytest.mark.parametrize("name", GROUPS)
def test_the_group_of_a_renamed_table_has_the_elements_of_the_group(name):
    generator, table = np.random.default_rng(0), table_of(name)
    names = [generator.permutation(len(table)) for _ in range(3)]
    group = rule_of_table("table:x", renamed(table, *names)).group
    assert sorted(group.orders) == sorted(make_rule(name).group.orders)
    assert sorted(np.bincount(group.classes)) == sorted(np.bincount(make_rule(name).group.classes))


@pytest.mark.parametrize("name", GROUPS)
def test_a_recognised_rule_gives_its_table_back(name):
    generator, table = np.random.default_rng(1), table_of(name)
    given = renamed(table, *(generator.permutation(len(table)) for _ in range(3)))
    assert (rule_of_table("table:x", given).label_table == given).all()


def test_a_groups_own_table_leaves_its_elements_their_names():
    rule = rule_of_table("table:x", table_of("S4"))
    assert (rule.group.table == table_of("S4")).all()
    assert (rule.elements_a == np.arange(24)).all() and (rule.elements_b == np.arange(24)).all()


@pytest.mark.parametrize(("name", "expected"), [("add", A_GROUP), ("sub", RENAMED), ("mul", NEITHER), ("div", NEITHER)])
def test_what_the_cyclic_rules_are_as_tables(name, expected):
    assert kind_of(rule_of_table("table:x", make_rule(name, 7).label_table)) == expected


@pytest.mark.parametrize("table", [
    np.zeros((3, 3), int), np.array([[0, 1], [1, 1]]), np.array([[0, 1, 2], [0, 1, 2], [0, 1, 2]]),
    np.array([[0, 0, 0], [1, 1, 1], [2, 2, 2]]), np.array([[-1, 1], [1, 0]]), np.add.outer(range(5), range(5)) // 2,
], ids=["constant", "or", "second", "first", "a label missing", "mean"])
def test_a_table_that_repeats_a_label_is_neither(table):
    rule = rule_of_table("table:x", table)
    assert kind_of(rule) == NEITHER and (rule.label_table == table).all() and not rule.has_components.any()


def test_a_table_that_is_no_groups_has_no_bases():
    with pytest.raises(InputError, match="this table is not the table of a group"):
        rule_of_table("table:x", LOOP_OF_FIVE).bases  # noqa: B018


@pytest.mark.parametrize("name", GROUPS)
def test_two_labels_exchanged_in_a_groups_table_are_noticed(name):
    generator, table = np.random.default_rng(0), table_of(name)
    for _ in range(20):
        changed, (a, b, A, B) = table.copy(), generator.integers(0, len(table), 4)
        changed[a, b], changed[A, B] = table[A, B], table[a, b]
        same = (changed == table).all()
        assert is_associative(changed) == same or len(table) == 2
        assert (kind_of(rule_of_table("table:x", changed)) == A_GROUP) == same


def associative_by_force(table):
    x = range(len(table))
    return all(table[table[i, j], k] == table[i, table[j, k]] for i in x for j in x for k in x)


@pytest.mark.parametrize("P", [2, 3, 4])
def test_is_associative_against_brute_force_on_random_tables(P):
    generator = np.random.default_rng(P)
    tables = generator.integers(0, P, (400, P, P))
    tables[200:] = np.minimum(tables[200:], generator.integers(0, 2, (200, 1, 1)))      # few labels: often associative
    expected = [associative_by_force(table.tolist() and table) for table in tables]
    assert [is_associative(table) for table in tables] == expected
    assert 10 < sum(expected) < 390, "both answers are asked for"


def test_is_associative_on_every_table_of_order_two():
    tables = [np.array(labels).reshape(2, 2) for labels in np.ndindex(2, 2, 2, 2)]
    assert sum(map(is_associative, tables)) == 8                # the eight semigroups on two labelled elements


@pytest.mark.parametrize("name", [*GROUPS, "S5", "Z11:Z10", "Z113"])
def test_is_associative_on_the_tables_of_groups(name):
    assert is_associative(table_of(name))


def test_is_associative_where_all_elements_are_needed_to_generate():
    x = np.arange(12)
    assert is_associative(np.minimum.outer(x, x)) and is_associative(np.tile(x, (12, 1)))
    assert not is_associative(np.abs(np.subtract.outer(x, x)))


def test_a_rule_is_made_of_a_table():
    rule = make_rule("table:x.csv", table=LOOP_OF_FIVE)
    assert (rule.name, rule.modulus) == ("table:x.csv", 5)
    with pytest.raises(InputError, match="modulus is 6; it must be 5"):
        make_rule("table:x.csv", 6, LOOP_OF_FIVE)


def test_the_path_of_a_table_is_in_its_rules_name():
    assert str(table_path("table:some/x.csv")) == "some/x.csv" and table_path("Z12") is None


def saved(tmp_path, content, suffix="csv"):
    path = tmp_path / f"table.{suffix}"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def csv(table):
    return "".join(",".join(map(str, row)) + "\n" for row in table.tolist())


@pytest.mark.parametrize("write", [
    csv, lambda table: csv(table).replace("\n", "\r\n"), lambda table: csv(table).rstrip(),
    lambda table: "\ufeff" + csv(table), lambda table: csv(table).replace(",", " , "), lambda table: csv(1.0 * table),
    lambda table: csv(table) + "\n\n",
], ids=["plain", "crlf", "no last newline", "byte order mark", "spaces", "as floats", "empty lines"])
def test_a_csv_is_read(tmp_path, write):
    table = load_table(saved(tmp_path, write(LOOP_OF_FIVE)))
    assert table.dtype == np.int64 and (table == LOOP_OF_FIVE).all()


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">i4", "i8", "u8", "f2", "f4", ">f8", "g"])
def test_an_npy_of_any_numbers_is_read(tmp_path, dtype):
    table = load_table(saved(tmp_path, npy(LOOP_OF_FIVE.astype(dtype)), "npy"))
    assert table.dtype == np.int64 and (table == LOOP_OF_FIVE).all()


def test_an_npy_in_fortran_order_is_not_transposed(tmp_path):
    table = load_table(saved(tmp_path, npy(np.asfortranarray(LOOP_OF_FIVE)), "npy"))
    assert (table == LOOP_OF_FIVE).all()


@pytest.mark.parametrize(("content", "suffix"), [
    ("0,1\n1\n", "csv"), ("0,1\n1,x\n", "csv"), ("a,b\n0,1\n1,0\n", "csv"), ("0,1,1\n1,0,1\n", "csv"), ("0\n", "csv"),
    ("0,1\n1,2\n", "csv"), ("0,1\n1,-1\n", "csv"), ("0,1\n1,0.5\n", "csv"), ("0,1\n1,nan\n", "csv"),
    ("0,1\n1,inf\n", "csv"), ("0,1\n1,1e400\n", "csv"), ("", "csv"), ("\n \n", "csv"), (",\n,\n", "csv"),
    ("0,1\n1,\n", "csv"), ("0,1\n1,0j\n", "csv"), ("#\n", "csv"),
    ("0,1\n1,0\n2\n", "csv"), (b"\xff\xfe0\0,\0", "csv"), (b"0,1\n1,\0\n", "csv"), (npy(LOOP_OF_FIVE), "csv"),
    (csv(LOOP_OF_FIVE), "npy"), (b"", "npy"), (npy(LOOP_OF_FIVE)[:-1], "npy"), (npy(LOOP_OF_FIVE)[:20], "npy"),
    (npy(np.array([[{}, {}]] * 2), allow_pickle=True), "npy"), (npy(np.eye(2, dtype=bool)), "npy"),
    (npy(np.eye(2, dtype=complex)), "npy"), (npy(np.full((2, 2), "0")), "npy"), (npy(np.zeros(4)), "npy"),
    (npy(np.zeros((2, 2, 2))), "npy"), (npy(np.zeros((0, 0))), "npy"), (npy(np.array(3)), "npy"),
    (npy(np.full((2, 2), -1)), "npy"), (npy(np.full((2, 2), np.nan)), "npy"), (npy(np.full((2, 2), 2**63)), "npy"),
    (npy(np.zeros((2, 2), "m8[s]")), "npy"), (npy(np.zeros((2, 2), "i4,i4")), "npy"),
    (npy(np.zeros((MOST_TOKENS + 1,) * 2, np.int8)), "npy"),
], ids=lambda value: repr(value)[-40:] if len(value) > 3 else value)
def test_what_is_no_table_is_refused_in_one_line(tmp_path, content, suffix):
    with pytest.raises(InputError) as caught:
        load_table(saved(tmp_path, content, suffix))
    assert "\n" not in str(caught.value) and "table" in str(caught.value)


@pytest.mark.parametrize("suffix", ["csv", "npy"])
def test_a_directory_or_a_missing_file_is_refused(tmp_path, suffix):
    (tmp_path / f"directory.{suffix}").mkdir()
    for name in ("directory", "missing"):
        with pytest.raises(InputError, match=name):
            load_table(tmp_path / f"{name}.{suffix}")


def test_an_npy_that_promises_more_than_it_holds_is_refused_before_memory_is_asked_for(tmp_path):
    content = npy(np.zeros((100, 100), np.int8)).replace(b"(100, 100), }" + 8 * b" ", b"(9999999, 9999999), }")
    with pytest.raises(InputError, match="file is"):
        load_table(saved(tmp_path, content, "npy"))


def mutated(content, generator):
    """The file with a few bytes changed, most often one for one, among those that such files are made of."""
    content = bytearray(content)
    for _ in range(generator.integers(1, 4)):
        at, length = int(generator.integers(0, len(content))), int(generator.integers(0, 4))
        alphabet = b"00112345.,-+eEnaif \n\"'(){}<>|:#_\0\xff" if generator.random() < 0.8 else bytes(range(256))
        inserted = length if generator.random() < 0.8 else generator.integers(0, 4)
        content[at:at + length] = bytes(alphabet[i] for i in generator.integers(0, len(alphabet), inserted))
    return bytes(content)


@pytest.mark.parametrize("suffix", ["csv", "npy"])
def test_a_damaged_file_is_refused_or_a_table(tmp_path, suffix):
    generator = np.random.default_rng(0)
    small = [table_of("Z2"), LOOP_OF_FIVE, LOOP_OF_FIVE.astype(np.int8), LOOP_OF_FIVE.astype(np.float32)]
    read = 0
    for n in range(250):
        table = small[n % 4]
        path = saved(tmp_path, mutated(csv(table).encode() if suffix == "csv" else npy(table), generator), suffix)
        try:
            loaded = load_table(path)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            read += 1
            assert loaded.dtype == np.int64 and loaded.ndim == 2 and len(loaded) == loaded.shape[1] >= 2
            assert loaded.min() >= 0 and loaded.max() < len(loaded)
    assert 10 < read < 240, "both are asked for"


@pytest.mark.parametrize(("name", "table", "message"), [
    ("add", np.zeros((3, 3), int), "rule is 'add'; it must be table:X, with a table"),
    ("S3", np.zeros((6, 6), int), "rule is 'S3'; it must be table:X, with a table"),
    ("table:x", np.zeros((3, 4), int), r"it has shape \(3, 4\)"),
    ("table:x", np.full((3, 3), 7), r"7 is none of 0 \.\. 2"),
    ("table:x", np.full((3, 3), 1.5), r"1\.5 is none of 0 \.\. 2"),
])
def test_a_rule_is_made_of_no_table_that_is_none(name, table, message):
    with pytest.raises(InputError, match=message):
        make_rule(name, table=table)
