import copy
from dataclasses import replace

import matplotlib
import matplotlib.image
import matplotlib.style
import numpy as np
import pytest

from minimod import TrainingConfig, analyze, train
from minimod.analysis.trajectory import trajectory
from minimod.report.figures import FIGURES, draw_figures
from minimod.report.style import STYLE

CONFIG = TrainingConfig(modulus=11, width=12, epochs=3, noise_ratio=0.5, threads=1)


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    run = train(replace(CONFIG, snapshots=(0, 1, 2)), tmp_path_factory.mktemp("run"))
    return analyze(run) | {"course": trajectory(run)}


def test_every_figure_is_written_as_png_and_svg(summary, tmp_path):
    paths = draw_figures(summary, tmp_path / "figures")
    names = ("accuracies", "methods", "masks", "spectrum", "neurons", "phases", "course")
    expected = {f"{name}.{kind}" for name in names for kind in ("png", "svg")}
    assert {path.name for path in paths} == expected == {path.name for path in (tmp_path / "figures").iterdir()}
    for path in paths:
        if path.suffix == ".png":
            assert matplotlib.image.imread(path).std() > 0.01
        else:
            assert path.read_text().rstrip().endswith("</svg>")


@pytest.mark.parametrize("options", [
    {"noise_ratio": 0}, {"noise_ratio": 0, "train_fraction": 1}, {"epochs": 0}, {"modulus": 2, "width": 1},
    {"rule": "mul", "modulus": 3}, {"rule": "S3", "modulus": 6}, {"activation": "gelu", "noise_kind": "symmetric"},
    {"noise_kind": "uniform"},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("name", [name for name in FIGURES if name != "course"])
def test_a_figure_can_be_drawn_of_any_run(name, options):
    summary = analyze(train(TrainingConfig(**CONFIG.to_dict() | options)))
    figure = FIGURES[name](summary)
    figure.draw_without_rendering()


@pytest.mark.parametrize("name", FIGURES)
def test_drawing_changes_nothing(name, summary):
    before = copy.deepcopy(summary)
    FIGURES[name](summary)
    np.testing.assert_equal(summary, before)


@pytest.mark.parametrize("name", FIGURES)
@matplotlib.style.context(["default", STYLE])
@pytest.mark.parametrize("long", [False, True])
def test_no_text_is_cut_off(name, long, summary):
    if long:
        title = "mul mod 113, width 4097, 33.3333 % of the training labels symmetrically wrong, seed 1, frequency by w"
        summary = summary | {"title": title}
    figure = FIGURES[name](summary)
    figure.draw_without_rendering()
    inside = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    assert inside.x0 > -0.02 and inside.y0 > -0.02 and inside.x1 < width + 0.02 and inside.y1 < height + 0.02


def test_the_curves_are_the_history(summary):
    figure = FIGURES["accuracies"](summary)
    curves = {line.get_label(): list(line.get_ydata()) for line in figure.axes[0].lines}
    assert curves["right training labels"] == summary["history"]["clean_accuracy"].tolist()
    assert curves["test pairs"] == summary["history"]["test_accuracy"].tolist()


def test_the_points_are_the_methods(summary):
    tests, wrong, _ = FIGURES["methods"](summary).axes[0].lines
    rows = summary["methods"].values()
    assert list(tests.get_xdata()) == [row["test"] for row in rows]
    assert list(wrong.get_xdata()) == [row["noisy"] for row in rows]


def test_a_share_of_nothing_is_no_point_at_zero():
    figure = FIGURES["methods"](analyze(train(TrainingConfig(**CONFIG.to_dict() | {"noise_ratio": 0}))))
    assert np.isnan(figure.axes[0].lines[1].get_xdata()).all()


def test_neurons_without_one_frequency_are_not_in_the_phase_plot():
    summary = analyze(train(CONFIG), by="each")
    (points,) = (line.get_ydata() for line in FIGURES["phases"](summary).axes[0].lines if line.get_marker() == "o")
    drawn = ~np.isnan(points)
    assert drawn.tolist() == (~np.isnan(summary["neurons"]["phase_error"])).tolist() and not drawn.all()


def test_a_notebooks_settings_are_left_alone(summary, tmp_path):
    before = dict(matplotlib.rcParams)
    draw_figures(summary, tmp_path)
    assert dict(matplotlib.rcParams) == before
