from dataclasses import fields
from math import inf

import click
import pytest

from minimod import TrainingConfig
from minimod.errors import InputError
from minimod.runs.config import CONSTRAINTS
from minimod.runs.constraints import Boolean, Choice, Epochs, Interval, Pair, RuleName

KINDS = {
    "interval": Interval(float, 0, 1), "open interval": Interval(float, 0, 1, open=0),
    "half line": Interval(int, 2), "choice": Choice(("a", "b")), "boolean": Boolean(),
    "pair": Pair(Interval(float, 0, 1, open=1)),
    "or none": Interval(int, 1).or_none("all"), "epochs": Epochs(),
}  # fmt: skip


def invalid(constraint):
    """Some values that a constraint does not allow."""
    if not constraint.none:
        yield None
    match constraint:
        case Interval():
            yield from (float("nan"), inf, 10**400, True, "many", "1", [])
            yield constraint.low if constraint.open == constraint.low else constraint.low - 1
            yield constraint.high if constraint.open == constraint.high else constraint.high + 1
            if constraint.kind is int:
                yield constraint.low + 0.5
        case RuleName():
            yield from (1, [], 2.5, True)
        case Choice():
            yield from ("", "no such name", 1, [])
        case Boolean():
            yield from (0, 1, "yes", "true", [])
        case Pair():
            low = constraint.each.low
            yield from ((), (low,), (low, low, low), low)
            yield from ((value, low) for value in invalid(constraint.each))
        case Epochs():
            yield from ((), [], "", "often", 3, "0,3", {0, 3})
            yield from ((0, value) for value in invalid(constraint.each))


@pytest.mark.parametrize("name", KINDS)
def test_every_invalid_value_is_refused_with_what_is_allowed(name):
    for value in invalid(KINDS[name]):
        with pytest.raises(ValueError) as caught:
            KINDS[name].check(value)
        assert str(caught.value) == str(KINDS[name]), value


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_every_invalid_value_of_a_field_is_an_input_error_that_names_it(name):
    values = list(invalid(CONSTRAINTS[name]))
    assert len(values) > 4
    for value in values:
        with pytest.raises(InputError) as caught:
            TrainingConfig(**{name: value})
        assert caught.value.option == name and caught.value.allowed == str(CONSTRAINTS[name])


@pytest.mark.parametrize("field", fields(TrainingConfig), ids=lambda field: field.name)
def test_the_default_of_a_field_is_allowed_and_survives_text(field):
    constraint = CONSTRAINTS[field.name]
    assert constraint.check(field.default) == field.default
    assert constraint.read(str(field.default)) == field.default


@pytest.mark.parametrize(("constraint", "said"), [
    (Interval(int, 2, 100_000), "a whole number in [2, 100000]"), (Interval(int, 0), "a whole number in [0, inf)"),
    (Interval(float, 0, 1, open=0), "a number in (0, 1]"), (Choice(("a", "b")), "one of a, b"),
    (Interval(float, 0, 1, open=1), "a number in [0, 1)"), (Boolean(), "true or false"),
    (Pair(Interval(float, 0, 1, open=1)), "two numbers in [0, 1)"),
    (Interval(float, 0, open=0).or_none("M^(-1/2)"), "a number in (0, inf)"),
    (Epochs(), "log, or whole numbers in [0, inf), as 0,10,100"),
])  # fmt: skip
def test_a_constraint_says_what_it_allows(constraint, said):
    assert str(constraint) == said


@pytest.mark.parametrize(("constraint", "domain"), [
    (Interval(int, 2, 100_000), "[2, 100000]"), (Interval(float, 0, 1, open=0), "(0, 1]"),
    (Interval(int, 0), "[0, inf)"), (Pair(Interval(float, 0, 1, open=1)), "[0, 1)"),
])  # fmt: skip
def test_the_domain_is_the_values_in_short(constraint, domain):
    assert constraint.domain == domain


@pytest.mark.parametrize(("constraint", "text", "value"), [
    (KINDS["half line"], "3", 3), (KINDS["half line"], "3.0", 3), (KINDS["interval"], "0.5", 0.5),
    (KINDS["pair"], "(0.1, 0.2)", (0.1, 0.2)), (KINDS["boolean"], "True", True), (KINDS["or none"], "none", None),
    (KINDS["or none"], "", None), (KINDS["or none"], "4", 4), (KINDS["choice"], "b", "b"),
    (KINDS["epochs"], "100, 0,10,0", (0, 10, 100)), (KINDS["epochs"], "(3,)", (3,)), (KINDS["epochs"], "log", "log"),
])  # fmt: skip
def test_values_are_read_from_text(constraint, text, value):
    read = constraint.read(text)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(("name", "text"), [
    ("half line", "many"), ("half line", "1"), ("interval", ""), ("pair", "0.1"), ("pair", "0.1, many"),
    ("boolean", "yes"), ("choice", "c"), ("or none", "0"), ("epochs", "0,x"), ("epochs", "0.5"), ("epochs", ""),
])  # fmt: skip
def test_text_that_stands_for_no_allowed_value_is_refused(name, text):
    with pytest.raises(ValueError):
        KINDS[name].read(text)


def test_a_choice_sees_what_its_table_has_gained():
    table = {"a": 1}
    constraint = Choice(table)
    table["b"] = 2
    assert constraint.check("b") == "b" and str(constraint) == "one of a, b"


@pytest.mark.parametrize(("constraint", "text"), [
    (Boolean(), "maybe"), (Interval(int, 0), "many"), (Pair(Interval(float, 0, 1)), "0.1, x"),
])  # fmt: skip
def test_text_that_stands_for_no_value_is_refused(constraint, text):
    with pytest.raises(ValueError):
        constraint.read(text)


@pytest.mark.parametrize("name", KINDS)
def test_a_refused_text_of_the_command_line_names_the_option_the_text_and_what_is_allowed(name):
    with pytest.raises(InputError) as caught:
        KINDS[name].convert("no such value", click.Option(["--some-option"]), None)
    assert (caught.value.option, caught.value.value) == ("some_option", "no such value")
    assert caught.value.allowed == str(KINDS[name])
