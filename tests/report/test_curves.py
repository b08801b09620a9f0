from math import inf, nan

import pytest
from matplotlib.colors import to_rgba
from sweep_cases import points_of

from minimod.report.curves import axis_of, behind_each_point, curves, draw_heat_map, label_of
from minimod.report.draw import draw

CURVES = points_of({0.1: {64: [0.5, 0.7], 8: [0.1, 0.3]}, 0.02: {8: [0.2], 64: [0.9]}}, modulus=7, weight_decay=2.0)


def test_curves_are_drawn_in_the_order_of_their_numbers():
    (axes,) = draw(curves(CURVES, "width", "test_accuracy", "noise_ratio", log_x=True)).axes
    assert [line.get_label() for line in axes.lines] == ["0.02", "0.1", "chance, 0.143"]
    assert axes.lines[1].get_xydata().tolist() == [[8, 0.2], [64, 0.6]]
    assert axes.get_xscale() == "log"


def test_a_dollar_sign_is_no_mathematics():
    """Of mathematics, Matplotlib would refuse these."""
    name = "table:mt$^$/t.csv"
    for numbers in ({name: {8: [0.1]}}, {1: {name: [0.1], "$_$": [0.2]}}):
        points = points_of(numbers, rule=name)
        for figure in (draw(curves(points, "width", "loss", "tied")), draw_heat_map(points, "width", "loss", "tied")):
            figure.draw_without_rendering()
            assert r"mt\$^\$" in figure.get_suptitle()


def test_a_heat_map_has_a_cell_for_every_pair_of_values():
    axes = draw_heat_map(CURVES, "width", "test_accuracy", "noise_ratio").axes[0]
    assert axes.images[0].get_array().tolist() == [[0.2, 0.9], [0.2, 0.6]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["8", "64"]


def test_what_no_run_has_is_left_white():
    axes = draw_heat_map(points_of({1: {8: [0.5]}, 2: {8: [0.5], 64: [0.5]}}), "width", "test_accuracy", "seed").axes[0]
    assert axes.images[0].get_array().mask.tolist() == [[False, True], [False, False]]


def test_words_and_what_is_unset_are_drawn_by_their_names():
    points = points_of({None: {False: [0.1], True: [0.2]}, 3: {False: [0.3]}})
    figure = draw(curves(points, "tied", "final_loss", "init_seed"))
    figure.draw_without_rendering()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["False", "True"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["None", "3"]


def test_all_curves_have_a_value_at_the_same_place():
    """Though a curve has numbers alone, and another has runs where the column is unset."""
    points = points_of({1: {10: [0.1], 20: [0.2]}, 2: {None: [0.3], 10: [0.4]}})
    figure = draw(curves(points, "batch_size", "loss", "seed"))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["None", "10", "20"]
    unset, ten, twenty = axes.get_xticks()
    assert [line.get_xdata(orig=False).tolist() for line in axes.lines] == [[ten, twenty], [unset, ten]]


@pytest.mark.parametrize(("column", "label"), [
    ("dominant_test", "dominant, test accuracy"), ("raw_noisy", "raw, noisy accuracy"),
    ("raw+quadratic_repaired", "raw+quadratic, repaired accuracy"), ("test_accuracy", "test accuracy"),
    ("final_loss", "final loss"),
])  # fmt: skip
def test_an_axis_says_what_is_an_accuracy(column, label):
    assert label_of(column) == label


@pytest.mark.parametrize(("points", "words"), [
    (CURVES, "1 to 2 runs, of 2 seeds, behind each point"), (points_of({None: {8: [0.1]}}), "1 run behind each point"),
    (points_of({None: {8: [0.1, 0.2, 0.3]}}), "3 seeds behind each point"),
    ([points_of({None: {8: [0.1] * 4}})[0]._replace(over={"optimizer": 2, "seed": 2})],
     "2 seeds × 2 optimizers behind each point"),
    ([points_of({None: {8: [0.1] * 3}})[0]._replace(over={"modulus": 2, "seed": 2})],
     "3 runs, of 2 seeds × 2 values of modulus, behind each point"),
    (points_of({None: {8: [0.1, inf, nan]}}), "2 seeds behind each point; 1 of 3 runs never came there, as marked, and "
     "are in no mean; 1 of 3 runs are not measured and in no mean"),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_what_a_point_is_the_mean_of_in_words(points, words):
    assert behind_each_point(points) == words


@pytest.mark.parametrize("made", [draw_heat_map, lambda *given, **where: draw(curves(*given, **where))])
def test_the_title_has_the_runs_behind_a_point_and_the_settings(made):
    figure = made(CURVES, "width", "test_accuracy", "noise_ratio", where=["optimizer"])
    first, second = figure.get_suptitle().splitlines()
    assert first.endswith("1 to 2 runs, of 2 seeds, behind each point")
    assert second == "modulus 7, optimizer adamw, weight decay 2.0"


NEVER = points_of({0.1: {8: [5.0, inf, inf], 64: [7.0, 9.0]}, 0.2: {8: [inf, inf], 64: [300.0]}}, "sgd")


def test_what_never_came_is_counted_at_the_upper_edge_and_is_in_no_mean():
    (axes,) = draw(curves(NEVER, "width", "first_epoch_test_0.5", "noise_ratio", "optimizer")).axes
    assert axes.get_title() == "optimizer: sgd"
    first, second, *marks = axes.lines
    assert first.get_xydata().tolist() == [[8, 5], [64, 8]] and second.get_xydata()[1].tolist() == [64, 300]
    assert [mark.get_xdata()[0] for mark in marks] == [8, 8]
    assert [mark.get_color() for mark in marks] == [first.get_color(), second.get_color()]
    assert [text.get_text().strip() for text in axes.texts] == ["2/3", "2/2"]
    heights = [mark.get_window_extent().y0 for mark in marks]
    assert axes.bbox.y1 <= heights[0] + 5 < heights[1]


def test_a_cell_says_how_many_never_came():
    axes = draw_heat_map(NEVER, "width", "first_epoch_test_0.5", "noise_ratio", "optimizer").axes[0]
    texts = {text.get_position(): text.get_text() for text in axes.texts if text.get_text()}
    assert texts == {(0, 0): "2/3", (0, 1): "2/2"} and axes.images[0].get_array().mask.tolist() == [[0, 0], [1, 0]]


@pytest.mark.parametrize("made", [draw_heat_map, lambda *given: draw(curves(*given))])
def test_every_panel_has_the_same_series_and_scale(made):
    points = [*points_of({1: {8: [0.5], 64: [0.9]}}, "sgd"), *points_of({1: {8: [0.1]}, 2: {8: [0.2]}}, "adamw")]
    left, right = made(points, "width", "test_accuracy", "seed", "optimizer").axes[:2]
    assert [left.get_title(), right.get_title()] == ["optimizer: adamw", "optimizer: sgd"]
    if left.images:
        assert left.images[0].get_clim() == right.images[0].get_clim() == (0.1, 0.9)
    else:
        assert left.get_ylim() == right.get_ylim() and left.get_xlim() == right.get_xlim()
        assert [line.get_color() for line in left.lines] == [line.get_color() for line in right.lines]


@pytest.mark.parametrize(("column", "values", "scale"), [
    ("width", [64, 2048], "log"), ("width", [64, 128], "linear"), ("noise_ratio", [0, 0.1, 0.9], "linear"),
    ("weight_decay", [0, 0.01, 1], "log"), ("seed", range(100), "linear"), ("test_accuracy", [0.001, 1], "linear"),
    ("dominant_test", [0.001, 1], "linear"), ("final_loss", [1e-4, 4], "log"), ("final_loss", [-1, 1, 30], "linear"),
    ("width", [0], "linear"), ("first_epoch_test_0.5", [], "linear"), ("optimizer", ["sgd", "adamw"], "linear"),
])  # fmt: skip
def test_an_axis_is_logarithmic_where_its_numbers_span_a_factor_of_20(column, values, scale):
    assert axis_of(column, values).scale == scale


def test_the_y_axis_may_be_logarithmic():
    (axes,) = draw(curves(CURVES, "width", "test_accuracy", "noise_ratio", log_x=False, log_y=True)).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")


def test_six_lines_differ_in_dashes_and_markers_and_their_bands_have_edges_as_they_have():
    points = points_of({n: {8: [n, n + 1], 64: [n, n + 2]} for n in range(6)})
    (axes,) = draw(curves(points, "width", "final_loss", "noise_ratio")).axes
    assert len({line.get_marker() for line in axes.lines}) == 6
    assert len({str(band.get_linestyle()) for band in axes.collections}) == 6
    for line, band in zip(axes.lines, axes.collections):
        assert band.get_edgecolor().tolist() == [list(to_rgba(line.get_color()))] and band.get_linewidth() == [0.6]


def test_many_values_have_a_label_here_and_there():
    many = points_of({n: {width: [0.5] for width in range(100)} for n in range(100)})
    axes = draw_heat_map(many, "width", "test_accuracy", "seed").axes[0]
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 20
