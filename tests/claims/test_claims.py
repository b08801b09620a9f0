"""Every claim carried through on networks that are hardly trained."""

import itertools
from dataclasses import replace

import pytest
from claim_cases import ALL_CLAIMS

from minimod import train
from minimod.claims import CLAIMS
from minimod.claims.chart import chart_of
from minimod.claims.claim import HOLDS, judge
from minimod.claims.results import section
from minimod.report.draw import draw
from minimod.rules import RULES

SELF_TRAINING = ALL_CLAIMS["experiments/self_training.py::self-training"]


@pytest.fixture(scope="module", params=ALL_CLAIMS)
def untrained(request, tmp_path_factory):
    """The result of a claim on tiny networks after one epoch, as many as it asks for."""
    claim = ALL_CLAIMS[request.param]
    if all(config.epochs == 0 for configs in claim.experiments("quick") for config in configs):
        pytest.skip("it is of labels alone, and trains nothing")

    moduli = sorted({config.modulus for configs in claim.experiments("quick") for config in configs})

    def shrunk(config):
        # The moduli of agnostic-limit stay: its noise ratios are made for them. A group has its own.
        is_free = not request.param.endswith("::agnostic-limit") and config.rule in RULES
        modulus = 11 + 2 * moduli.index(config.modulus) if is_free else config.modulus
        return replace(config, modulus=modulus, epochs=1, eval_every=1, threads=1)

    def trained(config, seed):
        place = tmp_path_factory.mktemp("runs") / "runs" / "one" if config.snapshots else None      # they are files
        return train(replace(shrunk(config), seed=seed), place)

    rows = [
        {"seed": seed} | row
        for seed in range(2) for configs in claim.experiments("quick")
        for row in claim.measure(*(trained(config, seed) for config in configs))
    ]
    return judge(request.param, claim, "quick", rows)


def test_no_claim_holds_of_networks_that_are_hardly_trained(untrained):
    assert untrained.verdict != HOLDS
    assert len(untrained.criteria) == len(ALL_CLAIMS[untrained.argument].criteria)
    for each in untrained.criteria:
        assert len(each.values) == 2 and all(isinstance(value, (int, float)) for value in each.values)


def test_the_keys_tell_the_rows_of_a_seed_apart(untrained):
    rows = [row for row in untrained.rows if row["seed"] == 0]
    assert len({tuple(row[key] for key in untrained.keys) for row in rows}) == len(rows)
    assert len(untrained.rows) == 2 * len(rows)


def test_a_claim_is_drawn_and_written_without_a_gap(untrained):
    figure = draw(chart_of(untrained))
    figure.draw_without_rendering()
    inside, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(inside.x0, inside.y0) > -0.02 and inside.x1 < width + 0.02 and inside.y1 < height + 0.02, "cut off"
    plot = untrained.plot
    assert {plot.x, *plot.columns, *plot.panel} <= {*untrained.keys, *untrained.columns}
    text = section(untrained)
    assert text.startswith(f"## {untrained.name}: {untrained.verdict}\n")
    assert untrained.statement in " ".join(text.split())
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == (
        2 + len(untrained.criteria) + len(untrained.rows) // 2
    )


def test_long_titles_of_panels_do_not_overlap():
    rows = [
        {"seed": 0, "noise_ratio": 0.5, "relabelled_by": f"the masked readout, noise 0.{i}", "round": n}
        | dict.fromkeys(SELF_TRAINING.plot.columns, 0.5)
        for i in range(6) for n in range(3)
    ]
    figure = draw(chart_of(judge("self-training", replace(SELF_TRAINING, criteria=()), "quick", rows)))
    figure.draw_without_rendering()
    titles = [axes.title.get_window_extent() for axes in figure.axes]
    assert not any(first.overlaps(second) for first, second in itertools.combinations(titles, 2))


def test_seeds_that_agree_are_drawn_though_their_mean_is_rounded():
    assert sum([0.1] * 3) / 3 > 0.1 and sum([0.7] * 3) / 3 < 0.7
    for value in (0.1, 0.7):
        numbers = dict.fromkeys(CLAIMS["optimizers"].plot.columns, value)
        rows = [{"seed": seed, "optimizer": "sgd"} | numbers for seed in range(3)]
        draw(chart_of(judge("optimizers", CLAIMS["optimizers"], "quick", rows))).draw_without_rendering()
