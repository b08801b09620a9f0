"""What the chart of a claim says and draws, from made-up rows."""

import math
from dataclasses import replace

import pytest
from claim_cases import made_up_claim

from minimod.claims.chart import chart_of, named
from minimod.claims.claim import Plot, judge
from minimod.claims.criteria import least, most
from minimod.report.draw import draw

COLUMNS = {"raw test": "", "epoch": "half of the labels fitted"}


def result_of(*rows, criteria=(), **plot):
    """The result of rows (seed, noise ratio, raw test, epoch)."""
    claim = replace(
        made_up_claim(*criteria), keys=("noise_ratio",), phrase="It is so.",
        plot=replace(Plot("noise_ratio", COLUMNS), **plot),
    )
    named_rows = [dict(zip(("seed", "noise_ratio", "raw test", "epoch"), row, strict=True)) for row in rows]
    return judge("made up", claim, "quick", named_rows)


ROWS = (0, 0.1, 0.9, 10.0), (1, 0.1, 0.7, 30.0), (0, 0.8, math.nan, math.inf), (1, 0.8, 0.1, 50.0)


def test_the_title_is_the_sentence_and_beneath_it_scale_seeds_and_verdict():
    assert chart_of(result_of(*ROWS)).title.splitlines()[:2] == [
        "It is so.", "made up at quick scale, mean and range of 2 seeds: holds",
    ]  # fmt: skip


def test_series_are_in_plain_words_with_their_columns_in_brackets():
    assert named("raw test") == "test pairs, by the network itself [raw test]"
    assert named("share_cut") == "share cut" and named("epoch", "half fitted") == "half fitted [epoch]"
    (panel,) = chart_of(result_of(*ROWS)).panels.values()
    assert [series.name for series in panel] == [
        "test pairs, by the network itself [raw test]", "half of the labels fitted [epoch]", "chance, 1 / P",
    ]  # fmt: skip


def test_never_is_counted_and_a_mean_is_over_the_others():
    chart = chart_of(result_of(*ROWS, label="epoch"))
    (test, epoch), = chart.panels.values()
    assert epoch.never == ["", "1/2"] and not test.never
    assert epoch.y == [20, 50] and test.y[0] == pytest.approx(0.8) and math.isnan(test.y[1])
    assert chart.y.ticks[chart.y.places[math.inf]] == "never" and chart.y.places[math.inf] > 50


def test_a_bound_on_a_number_that_is_drawn_is_drawn():
    criteria = (
        least("raw test", 0.6, noise_ratio=0.1), most("epoch", 5.0, noise_ratio=0.8),
        most("raw test", 0.1, noise_ratio=(0.8, 0.1)), least("lowest", 0.0, lambda rows: 1.0),
    )
    chart = chart_of(result_of(*ROWS, criteria=criteria, label="epoch"))
    (test, epoch), = chart.panels.values()
    assert test.wanted == {0.1: (0.6, math.inf)} and epoch.wanted == {0.8: (-math.inf, 5.0)}
    assert chart.ends(test)[1][0] == chart.y.limits[1] and chart.ends(epoch)[0][1] == chart.y.limits[0]


def test_chance_is_one_in_the_modulus_of_the_runs():
    chart = chart_of(result_of(*ROWS))
    result = replace(result_of(*ROWS), moduli=[("add", 11), ("add", 13)])
    assert next(iter(chart.panels.values()))[-1].y == [1 / 59, 1 / 59]
    assert [series.name for series in next(iter(chart_of(result).panels.values()))][-1] != "chance, 1 / P"


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_both_renderers_take_the_ends_and_ticks_of_an_axis_from_the_chart(scale):
    plots = pytest.importorskip("minimod.report.plot")
    chart = chart_of(result_of(*ROWS, label="epoch", yscale=scale, xscale="log"))
    (axes,), (figure,) = draw(chart).axes, plots.plot(chart, "name").children
    assert axes.get_ylim() == pytest.approx(chart.y.limits)
    assert (figure.y_range.start, figure.y_range.end) == chart.y.limits
    for drawn, made, axis in ((axes.xaxis, figure.xaxis[0], chart.x), (axes.yaxis, figure.yaxis[0], chart.y)):
        assert drawn.get_ticklocs().tolist() == list(made.ticker.ticks) == list(axis.ticks)
        assert [text.get_text() for text in drawn.get_ticklabels()] == list(axis.ticks.values())
    assert [axes.get_xscale(), axes.get_yscale()] == ["log", scale]


@pytest.mark.parametrize(("value", "text"), [(1e-5, "0.00001"), (0.1, "0.1"), (2048, "2,048"), (0.0, "0")])
def test_values_are_written_as_people_write_them(value, text):
    from minimod.claims.chart import _text

    assert _text(value) == text
    assert _text(f"adam, {1e-5:g}") == "adam, 0.00001"
