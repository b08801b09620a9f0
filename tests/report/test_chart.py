"""A chart, and that both of its renderers draw the same: names, numbers and looks."""

import itertools
import math

import numpy as np
import pytest
from sweep_cases import points_of

from minimod import TrainingConfig, analyze, train
from minimod.analysis.trajectory import trajectory
from minimod.report import charts
from minimod.report.chart import Axis, Chart, Series, around, by_name, logarithmic
from minimod.report.curves import curves
from minimod.report.draw import draw
from minimod.report.style import DASHES, MARKERS, STYLES

models = pytest.importorskip("bokeh.models")
plots = pytest.importorskip("minimod.report.plot")

POINTS = points_of({0.1: {64: [0.5, 0.7], 8: [0.1, 0.3]}, 0.02: {8: [0.2], 64: [0.9]}})
NAMED = Chart("", by_name("", ["one", "two"]), Axis("y"), {
    title: [Series(name, ["one", "two"], [0.1, np.nan], style, [0.0, np.nan], [0.2, np.nan])
            for name, style in zip(("p", "q"), (charts.NEURON, charts.NEURON))]
    for title in ("left", "right")
}, is_list=True)  # fmt: skip


# What never came, and what is asked for.
MARKED = Chart("", logarithmic("x", [1, 10]), around("y", [1, 5, math.inf]), {"": [
    Series("p", [1, 10], [1, np.nan], STYLES[0], never=["1/3", "3/3"], wanted={10: (2, math.inf)}),
    Series("q", [1, 10], [2, 5], STYLES[7], never=["", "1/3"]),
]})  # fmt: skip


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    config = TrainingConfig(modulus=11, width=12, epochs=6, noise_ratio=0.5, snapshots=(0, 1, 2), threads=1)
    run = train(config, tmp_path_factory.mktemp("run") / "run")
    return analyze(run) | {"course": trajectory(run)}


def chart_named(name, summary):
    if name == "detectors":
        curve = np.array([0, 0.5, 1]), np.array([0, 0.7, 1])
        found = {name: {"curve": curve} for name in "abcdefghijklm"}
        return charts.detectors(summary, {"detectors": found})
    if name == "components":
        counts = {"power": np.array([0.3, 0.7]), "neurons": np.array([4, 8])}
        shown = {"what": "component", "components": ["1", "2a"], "moments": [{"counts": counts}], "untrained": counts}
        return charts.components(shown)
    swept = curves(POINTS, "width", "test_accuracy", "noise_ratio", log_x=True)
    made = {"curves": swept, "named": NAMED, "marked": MARKED}
    return made[name] if name in made else getattr(charts, name)(summary)


NAMES = ("accuracies", "methods", "masks", "neurons", "phases", "course", "growth", "components", "detectors", "curves",
         "named", "marked")


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_and_a_page_have_the_same_names_numbers_and_looks(name, summary):
    chart = chart_named(name, summary)
    drawn, row = draw(chart).axes, plots.plot(chart, "name")
    assert len(drawn) == len(row.children) == len(chart.panels)
    for axes, figure, panel in zip(drawn, row.children, chart.panels.values(), strict=True):
        assert [line.get_label() for line in axes.lines][: len(panel)] == [series.name for series in panel]
        for line, series in zip(axes.lines, panel, strict=False):
            glyphs = [each for each in figure.renderers if each.name == series.name]
            data, look = glyphs[0].data_source.data, series.style
            x, y = ("y", "x") if chart.is_list else ("x", "y")
            np.testing.assert_array_equal(np.array([data[x], data[y]], float), np.array(line.get_data(), float))
            assert line.get_color() == look.color and line.get_marker() == MARKERS[look.marker][0]
            painted = {glyph.glyph.__class__.__name__: glyph.glyph for glyph in glyphs}
            assert painted.keys() >= {*["Line"] * bool(look.dash), *["Scatter"] * bool(look.marker)}
            for glyph in painted.values():
                assert getattr(glyph, "line_color", look.color) == look.color
            if look.dash:
                assert tuple(painted["Line"].line_dash) == DASHES[look.dash]
            if look.marker:
                assert painted["Scatter"].marker == MARKERS[look.marker][1]
            if len(series.low):
                assert ("VArea" if look.dash else "Segment") in painted
                np.testing.assert_array_equal(data["high"], series.high)
        if not chart.is_list:
            is_log = [isinstance(scale, models.LogScale) for scale in (figure.x_scale, figure.y_scale)]
            assert [axes.get_xscale() == "log", axes.get_yscale() == "log"] == is_log


@pytest.mark.parametrize("name", NAMES)
def test_no_series_is_told_apart_by_its_colour_alone(name, summary):
    for panel in chart_named(name, summary).panels.values():
        looks = {(series.style.marker, series.style.dash) for series in panel}
        assert len(looks) == len(panel) or name == "named"


def test_the_styles_of_the_table_differ_without_their_colours():
    assert len({(style.marker, style.dash) for style in STYLES}) == len(STYLES) == 56
    assert len({style.marker for style in STYLES[:8]}) == 8
    assert len({style.swatch for style in STYLES}) == 56


@pytest.mark.parametrize(("values", "ticks"), [
    ([0, 0.3, 1, 3, 6, 10, 30, 90], ["0", "0.3", "1", "3", "10", "30", "90"]), ([8, 64], ["8", "64"]),
    ([0], ["0", "1"]), (range(101), ["0", "1", "10", "100"]), ([20], ["20"]), ([0, 5], ["0", "5"]),
    (range(20, 40), ["20", "25", "31", "39"]),
], ids=str)  # fmt: skip
def test_a_logarithmic_axis_has_zero_and_ticks_that_do_not_overlap(values, ticks):
    axis = logarithmic("", values)
    assert list(axis.ticks.values()) == ticks
    assert sorted(axis.ticks) == list(axis.ticks) and min(axis.ticks, default=1) > 0
    assert axis.places[0] < min((value for value in values if value > 0), default=1)


def test_the_points_of_a_list_do_not_hide_one_another():
    (panel, *_) = NAMED.panels.values()
    places = [NAMED.places(panel, i) for i in range(len(panel))]
    assert all(abs(p - q) > 0.1 for p, q in itertools.combinations([p[0] for p in places], 2))
    assert all(abs(place - i) < 0.5 for each in places for i, place in enumerate(each))


@pytest.mark.parametrize("n", [1, 16, 17, 100])
def test_a_line_has_a_few_markers_and_points_have_all(n):
    line = Series("", range(n), range(n), STYLES[0])
    assert 0 < len(line.marked(0)) <= 16 and (n < 17 or not set(line.marked(0)) & set(line.marked(1)))
    assert len(Series("", range(n), range(n), charts.NEURON).marked(3)) == n


def test_the_dominant_method_is_a_line_in_every_panel_of_the_masks(summary):
    for title, panel in charts.masks(summary).panels.items():
        measure = "noisy" if title.startswith("wrong") else "test"
        (line,) = (series for series in panel if series.name == "dominant, all neurons")
        assert line.y == [summary["methods"]["dominant"][measure]] * 2


def test_where_truth_is_not_known_the_accuracies_are_of_all_training_labels(summary):
    history = summary["history"] | {"clean_accuracy": summary["history"]["clean_accuracy"] * np.nan}
    (panel,) = charts.accuracies(summary | {"history": history}).panels.values()
    names = [series.name for series in panel]
    assert "training labels" in names and "right training labels" not in names


def test_what_never_came_and_what_is_asked_for_are_drawn_by_both_renderers():
    (axes,), (figure,) = draw(MARKED).axes, plots.plot(MARKED, "name").children
    assert sorted(text.get_text().strip() for text in axes.texts) == ["1/3", "1/3", "3/3", "▲", "▲", "▲"]
    texts = [each for each in figure.renderers if isinstance(each.glyph, models.Text)]
    assert [list(each.data_source.data["never"]) for each in texts] == [["▲ 1/3", "3/3 ▲"], ["", "1/3 ▲"]]
    assert {*texts[0].data_source.data["edge"]} == {MARKED.y.places[math.inf]}
    (bar,) = (each for each in figure.renderers if isinstance(each.glyph, models.Segment))
    ends = MARKED.ends(MARKED.panels[""][0])
    assert ends[0][1] == 2 and ends[1][1] == MARKED.y.limits[1] and math.isnan(ends[0][0])
    np.testing.assert_array_equal([bar.data_source.data["least"], bar.data_source.data["most"]], ends)
    (lines,) = axes.collections
    assert [path.vertices[:, 1].tolist() for path in lines.get_paths()][1] == [2, MARKED.y.limits[1]]


@pytest.mark.parametrize(("values", "scale", "ticks"), [
    ([0, 1], "linear", ["0", "0.2", "0.4", "0.6", "0.8", "1"]), ([0.003, 0.11], "linear", None),
    ([7.5, 45], "log", ["10", "20"]), ([1, 1000], "log", ["1", "10", "100", "1,000"]), ([0.2], "linear", None),
    ([3.0, math.inf], "linear", None), ([math.nan], "log", None), ([-2, -1], "log", None),
], ids=str)  # fmt: skip
def test_an_axis_around_what_was_measured_has_round_ticks_within_its_ends(values, scale, ticks):
    axis = around("", values, scale)
    assert ticks is None or list(axis.ticks.values()) == ticks
    assert axis.limits[0] < min(axis.ticks) and max(axis.ticks) < axis.limits[1]
    assert ("never" in axis.ticks.values()) == (math.inf in values)
    assert not any("e" in text for text in axis.ticks.values() if text != "never")
