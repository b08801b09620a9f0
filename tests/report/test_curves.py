import pytest
from matplotlib.colors import to_rgba

from minimod.report.curves import behind_each_point, curves, draw_heat_map, label_of
from minimod.report.draw import draw

CURVES = {0.1: {64: [0.5, 0.7], 8: [0.1, 0.3]}, 0.02: {8: [0.2], 64: [0.9]}}


def test_curves_are_drawn_in_the_order_of_their_numbers():
    (axes,) = draw(curves(CURVES, "width", "test_accuracy", "noise_ratio", True)).axes
    assert [line.get_label() for line in axes.lines] == ["0.02", "0.1"]
    assert axes.lines[1].get_xydata().tolist() == [[8, 0.2], [64, 0.6]]
    assert axes.get_xscale() == "log"


def test_a_dollar_sign_is_no_mathematics():
    """Of mathematics, Matplotlib would refuse these."""
    name = "table:mt$^$/t.csv"
    for points in ({name: {8: [0.1]}}, {1: {name: [0.1], "$_$": [0.2]}}):
        settings = {"rule": name}
        for figure in (
            draw(curves(points, "width", "loss", "rule", False, settings=settings)),
            draw_heat_map(points, "width", "loss", "rule", settings),
        ):
            figure.draw_without_rendering()
            assert r"mt\$^\$" in figure.get_suptitle()


def test_a_heat_map_has_a_cell_for_every_pair_of_values():
    axes = draw_heat_map(CURVES, "width", "test_accuracy", "noise_ratio").axes[0]
    assert axes.images[0].get_array().tolist() == [[0.2, 0.9], [0.2, 0.6]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["8", "64"]


def test_what_no_run_has_is_left_white():
    axes = draw_heat_map({1: {8: [0.5]}, 2: {8: [0.5], 64: [0.5]}}, "width", "test_accuracy", "seed").axes[0]
    assert axes.images[0].get_array().mask.tolist() == [[False, True], [False, False]]


def test_words_and_what_is_unset_are_drawn_by_their_names():
    points = {None: {False: [0.1], True: [0.2]}, 3: {False: [0.3]}}
    figure = draw(curves(points, "tied", "final_loss", "init_seed", False))
    figure.draw_without_rendering()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["False", "True"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["None", "3"]


def test_all_curves_have_a_value_at_the_same_place():
    """Though a curve has numbers alone, and another has runs where the column is unset."""
    figure = draw(curves({1: {10: [0.1], 20: [0.2]}, 2: {None: [0.3], 10: [0.4]}}, "batch_size", "loss", "seed", False))
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
    (CURVES, "1 to 2 runs behind each point"), ({None: {8: [0.1]}}, "1 run behind each point"),
    ({None: {8: [0.1, 0.2, 0.3]}}, "3 runs behind each point"),
])  # fmt: skip
def test_the_runs_behind_a_point_in_words(points, words):
    assert behind_each_point(points) == words


@pytest.mark.parametrize("made", [draw_heat_map, lambda *given: draw(curves(*given[:4], False, False, given[4]))])
def test_the_title_has_the_runs_behind_a_point_and_the_settings(made):
    figure = made(CURVES, "width", "test_accuracy", "noise_ratio", {"modulus": 7, "weight_decay": 2.0})
    first, second = figure.get_suptitle().splitlines()
    assert first.endswith("1 to 2 runs behind each point") and second == "modulus 7, weight decay 2.0"


def test_the_y_axis_may_be_logarithmic():
    (axes,) = draw(curves(CURVES, "width", "test_accuracy", "noise_ratio", False, True)).axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")


def test_six_lines_differ_in_dashes_and_markers_and_their_bands_have_edges_as_they_have():
    points = {n: {8: [n, n + 1], 64: [n, n + 2]} for n in range(6)}
    (axes,) = draw(curves(points, "width", "final_loss", "noise_ratio", False)).axes
    assert len({line.get_marker() for line in axes.lines}) == 6
    assert len({str(band.get_linestyle()) for band in axes.collections}) == 6
    for line, band in zip(axes.lines, axes.collections):
        assert band.get_edgecolor().tolist() == [list(to_rgba(line.get_color()))] and band.get_linewidth() == [0.6]


def test_many_values_have_a_label_here_and_there():
    many = {n: {width: [0.5] for width in range(100)} for n in range(100)}
    axes = draw_heat_map(many, "width", "test_accuracy", "seed").axes[0]
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 20
