"""Broken parts, see mutants.py: that every claim has some, and one that is measured."""

from dataclasses import replace

import mutants
import pytest
from claim_cases import ALL_CLAIMS, ROOT
from mutants import BASE, MUTANTS, MUTANTS_OF, STANDS, Measured

from minimod.claims.claim import name_of
from minimod.discovery import certificate

COMPLETION = "experiments/discovery.py::discover-completion"


def test_every_claim_has_a_mutant_and_every_mutant_a_claim():
    assert set(MUTANTS_OF) == set(ALL_CLAIMS) and all(MUTANTS_OF.values())
    assert {mutant for chosen in MUTANTS_OF.values() for mutant in chosen} == set(MUTANTS)


def test_the_page_has_every_claim_and_mutant_and_says_why_one_stands():
    text = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")
    for argument, chosen in MUTANTS_OF.items():
        for mutant in chosen:
            begin = f"| {name_of(argument)} | {mutant} | "
            assert begin in text, "to renew it: python tests/mutants.py DIRECTORY"
            stands = (name_of(argument), mutant) in STANDS
            assert (begin + "**stands**" in text) == stands, "STANDS says of all that stand, and of no other, why"


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_patch_finds_what_it_breaks_and_leaves_it_whole(mutant):
    old = certificate.p_value, certificate.highest_chance
    with MUTANTS[mutant].patch():
        pass
    assert (certificate.p_value, certificate.highest_chance) == old


def test_a_claim_falls_where_a_part_is_broken_and_is_not_measured_twice(monkeypatch, tmp_path):
    claim = ALL_CLAIMS[COMPLETION]
    configs = [
        each for each in claim.experiments("quick") if (each[0].noise_ratio, each[0].train_fraction) == (0.0, 0.2)
    ]
    criteria = tuple(each for each in claim.criteria if "random labels" in each.statement)
    monkeypatch.setitem(ALL_CLAIMS, COMPLETION, replace(claim, configs=lambda scale: configs, criteria=criteria))
    one = mutants.outcome(Measured(tmp_path), COMPLETION, "p-value 0")
    assert one.falls and one.lost[0][0].values == [1.0] and one.lost[0][1].values == [0.0]
    assert "| discover-completion | p-value 0 | lowest p_value in random labels |" in mutants.page([one])
    monkeypatch.setattr(mutants, "measure", None)
    again = Measured(tmp_path)
    assert again.judged(COMPLETION, BASE)[0].met == [True] and mutants.outcome(again, COMPLETION, "p-value 0").falls
