import numpy as np
import pytest

from minimod.errors import InputError
from minimod.groups.rules import make_rule
from minimod.rules import RULES


@pytest.mark.parametrize("modulus", [3, 7, 13])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_cyclic_addition_in_its_coordinates(name, modulus):
    rule = make_rule(name, modulus)
    x = np.arange(rule.order)
    labels = rule.label_table[rule.tokens_a[:, None], rule.tokens_b[None, :]]
    assert (labels == rule.tokens_c[(x[:, None] + x) % rule.order]).all()


@pytest.mark.parametrize("name", RULES)
def test_coordinates_do_not_repeat_a_token(name):
    rule = make_rule(name, 13)
    for tokens in (rule.tokens_a, rule.tokens_b, rule.tokens_c):
        assert len(set(tokens.tolist())) == rule.order


def test_label_tables_against_python():
    operations = {"add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b}
    for name, operation in operations.items():
        expected = [[operation(a, b) % 11 for b in range(11)] for a in range(11)]
        assert make_rule(name, 11).label_table.tolist() == expected


@pytest.mark.parametrize("P", [3, 11, 13])
def test_division_against_pythons_inverses(P):
    expected = [[-1 if b == 0 else a * pow(b, -1, P) % P for b in range(P)] for a in range(P)]
    assert make_rule("div", P).label_table.tolist() == expected


def test_division_undoes_multiplication():
    x = np.arange(1, 23)
    product = make_rule("mul", 23).label_table[x[:, None], x]
    assert (make_rule("div", 23).label_table[product, x] == x[:, None]).all()


@pytest.mark.parametrize("name", ["mul", "div"])
def test_only_zero_is_set_apart_and_only_by_mul_and_div(name):
    assert make_rule("add", 7).has_components.all()
    assert make_rule("sub", 7).has_components.all()
    apart = ~make_rule(name, 7).has_components
    assert apart[0].all() and apart[:, 0].all() and not apart[1:, 1:].any()


@pytest.mark.parametrize(("name", "expected"), [("add", True), ("sub", True), ("mul", False), ("div", False)])
def test_a_rule_with_zero_set_apart_is_no_latin_square(name, expected):
    assert make_rule(name, 7).is_latin_square == expected


CYCLIC = [("add", 23), ("add", 24), ("sub", 24), ("mul", 23), ("div", 23)]


@pytest.mark.parametrize(("name", "modulus"), CYCLIC)
def test_the_bases_are_orthonormal(name, modulus):
    rule = make_rule(name, modulus)
    for basis in rule.bases[:3]:
        assert basis.shape == (modulus, rule.order)
        np.testing.assert_allclose(basis.T @ basis, np.eye(rule.order), atol=1e-12)


@pytest.mark.parametrize(("name", "modulus"), CYCLIC)
def test_every_basis_vector_is_a_wave_of_the_frequency_that_labels_it(name, modulus):
    rule = make_rule(name, modulus)
    *bases, label = rule.bases
    frequencies = np.arange(rule.order // 2 + 1)
    twice = (frequencies > 0) & (2 * frequencies < rule.order)
    assert label.tolist() == frequencies.repeat(1 + twice).tolist()
    for basis, tokens in zip(bases, (rule.tokens_a, rule.tokens_b, rule.tokens_c)):
        spectrum = np.abs(np.fft.rfft(basis[tokens], axis=0))
        assert ((spectrum > 1e-9) == (frequencies[:, None] == label)).all()
        assert not np.delete(basis, tokens, axis=0).any(), "tokens that have no coordinate"


@pytest.mark.parametrize("modulus", [1, 0, -3])
def test_modulus_below_two_is_refused(modulus):
    with pytest.raises(InputError, match=r"modulus is .*; it must be a whole number in \[2, inf\)"):
        make_rule("add", modulus)


@pytest.mark.parametrize("name", ["mul", "div"])
@pytest.mark.parametrize("modulus", [2, 4, 9, 15, 91])
def test_mul_and_div_refuse_a_modulus_without_discrete_logarithms(modulus, name):
    with pytest.raises(InputError, match=f"modulus is {modulus}; it must be an odd prime for the rule {name}"):
        make_rule(name, modulus)


def test_unknown_rule_is_refused():
    with pytest.raises(InputError, match="one of add, sub, mul, div"):
        make_rule("pow", 7)
