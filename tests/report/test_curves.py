from minimod.report.curves import draw_curves, draw_heat_map

CURVES = {0.1: {64: [0.5, 0.7], 8: [0.1, 0.3]}, 0.02: {8: [0.2], 64: [0.9]}}


def test_curves_are_drawn_in_the_order_of_their_numbers():
    (axes,) = draw_curves(CURVES, "width", "test_accuracy", "noise_ratio", True).axes
    assert [line.get_label() for line in axes.lines] == ["0.02", "0.1"]
    assert axes.lines[1].get_xydata().tolist() == [[8, 0.2], [64, 0.6]]
    assert axes.get_xscale() == "log"


def test_a_heat_map_has_a_cell_for_every_pair_of_values():
    axes = draw_heat_map(CURVES, "width", "test_accuracy", "noise_ratio").axes[0]
    assert axes.images[0].get_array().tolist() == [[0.2, 0.9], [0.2, 0.6]]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["8", "64"]


def test_what_no_run_has_is_left_white():
    axes = draw_heat_map({1: {8: [0.5]}, 2: {8: [0.5], 64: [0.5]}}, "width", "test_accuracy", "seed").axes[0]
    assert axes.images[0].get_array().mask.tolist() == [[False, True], [False, False]]


def test_words_and_what_is_unset_are_drawn_by_their_names():
    curves = {None: {False: [0.1], True: [0.2]}, 3: {False: [0.3]}}
    figure = draw_curves(curves, "tied", "final_loss", "init_seed", False)
    figure.draw_without_rendering()
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["False", "True"]
    assert [line.get_label() for line in figure.axes[0].lines] == ["None", "3"]


def test_all_curves_have_a_value_at_the_same_place():
    """Though a curve has numbers alone, and another has runs where the column is unset."""
    figure = draw_curves({1: {10: [0.1], 20: [0.2]}, 2: {None: [0.3], 10: [0.4]}}, "batch_size", "loss", "seed", False)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["None", "10", "20"]
    unset, ten, twenty = axes.get_xticks()
    assert [line.get_xdata(orig=False).tolist() for line in axes.lines] == [[ten, twenty], [unset, ten]]
