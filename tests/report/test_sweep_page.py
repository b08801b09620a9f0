"""The page of a sweep in a real browser: skipped where there is none, or no Selenium."""

import csv
import math
import statistics
import time
from functools import partial

import pytest
from page_cases import ask, mouse, needs_browser, quiet, tap, visit

from minimod.cli import commands
from minimod.report.chart import logarithmic
from minimod.report.curves import plural
from minimod.report.style import DASHES, MARKERS, STYLES
from minimod.sweeps.table import curves

pytest.importorskip("bokeh")
pytestmark = needs_browser

NEVER = "first_epoch_test_0.5"
DECAYS = (0.0, 0.1, 3.0)


@pytest.fixture(scope="module")
def place(once):
    """A sweep of two optimisers and two seeds: some runs never came to half of the test pairs, or were not measured."""
    return once("sweeps", make_sweep) / "<i>sweep"


def make_sweep(place):
    directory = place / "<i>sweep"

    def call(*arguments):
        commands.main([*map(str, arguments)], standalone_mode=False)

    grid = ("width=4,8", "optimizer=adamw,sgd", "weight_decay=0,0.1,3", "modulus=7", "epochs=2")
    call("sweep", directory, *(f"--grid={axis}" for axis in grid), "--seeds", 2, "--quiet", "--jobs", 1)
    rows = table_of(directory)
    epochs = ["", "nan", "inf", "inf", "31.0", "7.0", "112.0"]
    for i, row in enumerate(rows):
        row[NEVER] = epochs[i * 5 % 7]
    with open(directory / "results.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    (directory / "runs" / rows[-1]["run"] / "report.html").write_text("<title>a run</title>")
    call("report", directory)


def test_a_sweep_of_failed_runs_has_a_page(tmp_path):
    grid = ("modulus=7", "width=4", "epochs=2", "learning_rate=1e30", "optimizer=sgd")
    call = partial(commands.main, standalone_mode=False)
    call(["sweep", str(tmp_path / "sweep"), *(f"--grid={axis}" for axis in grid), "--quiet", "--jobs", "1"])
    call(["report", str(tmp_path / "sweep")])
    assert "So no curve is drawn." in (tmp_path / "sweep/report.html").read_text(encoding="utf-8")


def table_of(directory):
    """The rows of results.csv as text."""
    with open(directory / "results.csv", newline="") as file:
        return list(csv.DictReader(file))


def choose(browser, **choices):
    """Choose by the controls, as a hand does; `log_x` is the box of log-x."""
    for name, value in choices.items():
        ask(browser, """const control = document.querySelector(`[data-state="${arguments[0]}"]`);
            if (control.type === "checkbox") control.checked = arguments[1]; else control.value = arguments[1];
            control.dispatchEvent(new Event("input", { bubbles: true }))""", name.replace("log_", "log-"), value)


def data_of(browser, name):
    """The data of a source of the page, as rows."""
    return ask(browser, """const { data } = minimod.model(arguments[0]), columns = Object.entries(data);
        return Array.from(columns[0][1], (_, i) => Object.fromEntries(columns.map(([column, values]) =>
            [column, Number.isNaN(values[i]) ? null : values[i]])))""", name)


CHOICES = [
    {"x": "width", "y": NEVER, "by": "optimizer", "panels": "none", "weight_decay": "0.1"},
    {"x": "width", "y": NEVER, "by": "none", "panels": "optimizer", "weight_decay": "3"},
    {"x": "weight_decay", "y": NEVER, "by": "width", "panels": "optimizer"},
    {"x": "weight_decay", "y": "test_accuracy", "by": "none", "panels": "none", "optimizer": "sgd", "width": "8"},
    {"x": "seed", "y": "final_loss", "by": "optimizer", "panels": "weight_decay", "width": "4"},
    {"x": "weight_decay", "y": NEVER, "by": "seed", "panels": "width", "optimizer": "adamw"},
]


@pytest.mark.parametrize("chosen", CHOICES, ids=lambda chosen: " ".join(chosen.values()))
def test_the_number_under_every_point_is_the_table_s(browser, place, chosen):
    """Against numbers computed here from the text of the table, and against the points of `minimod plot`."""
    visit(browser, place / "report.html")
    choose(browser, **chosen)
    axes = {"x": chosen["x"], "by": chosen["by"], "panel": chosen["panels"]}
    where = {name: value for name, value in chosen.items() if name not in ("x", "y", "by", "panels")}
    groups = {}
    for row in table_of(place):
        if all(float(row[k]) == float(v) if k != "optimizer" else row[k] == v for k, v in where.items()):
            key = tuple(number_or_text(row[column]) for column in axes.values() if column != "none")
            groups.setdefault(key, []).append(float(row[chosen["y"]] or "nan"))
    expected = {}
    for key, numbers in groups.items():
        finite, never = [y for y in numbers if math.isfinite(y)], numbers.count(math.inf)
        if finite or never:
            ends = (statistics.fmean(finite), min(finite), max(finite)) if finite else (True,) * 3
            expected[key] = [len(numbers), never, len(numbers) - len(finite) - never, *ends]
    y = chosen["y"]
    columns = ("runs", "never", "not measured", f"mean of {y}", f"lowest {y}", f"highest {y}")
    shown = {tuple(number_or_text(row[column]) for column in axes.values() if column != "none"):
             [row[column] for column in columns] for row in data_of(browser, "points")}
    assert shown.keys() == expected.keys() and len(shown) > 1
    for key, numbers in expected.items():
        assert shown[key][:3] == numbers[:3] and [n is None or n for n in shown[key][3:]] == pytest.approx(numbers[3:])

    of_plot = curves(place, chosen["x"], y, *(None if chosen[name] == "none" else chosen[name] for name in (
        "by", "panels")), {name: [number_or_text(value)] for name, value in where.items()})
    parts = [part for part, column in axes.items() if column != "none"]
    python = {tuple(getattr(point, part) for part in parts): point for point in of_plot}
    assert {key: [point.runs, point.never] for key, point in python.items()} == {
        key: numbers[:2] for key, numbers in expected.items()
    }
    for row in data_of(browser, "points"):
        over = python[tuple(number_or_text(row[axes[part]]) for part in parts)].over
        assert {*row["over"].split(" × ")} == ({f"{n} {plural(name)}" for name, n in over.items()} or {""})
    for row in data_of(browser, "points"):
        assert all(row[name] == value for name, value in where.items()), "and the table of points says what is held"


def number_or_text(value):
    try:
        return float(value)
    except ValueError:
        return value


def test_a_dot_is_a_run_with_its_number(browser, place):
    visit(browser, place / "report.html")
    choose(browser, x="weight_decay", by="optimizer", panels="width", y=NEVER, log_y=False)
    rows = {row["run"]: row for row in table_of(place)}
    dots = [dot for which in ("", "-1") for dot in data_of(browser, f"dots{which}")]
    finite = {run for run, row in rows.items() if math.isfinite(float(row[NEVER] or "nan"))}
    assert {dot["run"] for dot in dots} == finite and len(dots) == len(finite) > 8
    for dot in dots:
        row = rows[dot["run"]]
        assert dot["y"] == float(row[NEVER]) and f"optimizer {row['optimizer']}" in dot["at"]


def test_what_never_came_is_counted_at_the_upper_edge_and_in_the_words(browser, place):
    visit(browser, place / "report.html")
    choose(browser, x="width", by="optimizer", panels="none", y=NEVER, weight_decay="0.1")
    marks, dots = data_of(browser, "never"), data_of(browser, "dots")
    points = [row for row in data_of(browser, "points") if row["never"]]
    assert [mark["text"] for mark in marks] == [f"{row['never']}/{row['runs']}" for row in points] and marks
    assert all(f"{row['never']} of {row['runs']} never" in mark["told"] for mark, row in zip(marks, points))
    end = ask(browser, "return minimod.model('y-range').end")
    assert max((dot["y"] for dot in dots), default=0) < min(mark["y"] for mark in marks) <= end
    told = ask(browser, "return document.getElementById('told').textContent")
    assert f" {sum(row['never'] for row in points)} of " in told and "are in no mean" in told
    cells = {(cell["x"], cell["y"]): cell["text"] for cell in data_of(browser, "cells")}
    assert sorted(filter(None, cells.values())) == sorted(mark["text"] for mark in marks)


def test_by_default_the_column_that_varies_most_is_below_and_nothing_is_mixed(browser, place):
    visit(browser, place / "report.html")
    state = ask(browser, "return minimod.state")
    assert (state["x"], state["y"], state["log-x"]) == ("weight_decay", "test_accuracy", "true")
    points = data_of(browser, "points")
    assert {row["over"] for row in points} == {"2 seeds"} and len(points) == 3 * 2
    assert "chance, 0.1429" in ask(browser, "return document.getElementById('told').textContent")
    assert ask(browser, "return minimod.model('chance').location") == pytest.approx(1 / 7)


def test_a_logarithmic_axis_is_the_chart_s_with_zero_on_it(browser, place):
    visit(browser, place / "report.html")
    axis = logarithmic("weight decay", DECAYS)
    ticks, labels, xs = ask(browser, """const axis = minimod.model("curves-plot").below[0];
        return [axis.ticker.ticks, [...axis.major_label_overrides.values()], minimod.model("dots").data.x]""")
    assert ticks == pytest.approx([math.log10(tick) for tick in axis.ticks]) and labels == list(axis.ticks.values())
    assert sorted({*xs}) == pytest.approx([math.log10(axis.places.get(value, value)) for value in DECAYS])
    choose(browser, log_x=False)
    assert sorted({dot["x"] for dot in data_of(browser, "dots")}) == list(DECAYS)


def test_a_control_is_there_where_its_option_would_be_mixed(browser, place):
    visit(browser, place / "report.html")
    shown = """return [...document.querySelectorAll(".controls select")].filter((each) => each.offsetParent)
        .map((each) => each.dataset.state).slice(4)"""
    choose(browser, x="width", by="optimizer", panels="none")
    assert ask(browser, shown) == ["weight_decay"]
    choose(browser, panels="weight_decay")
    assert ask(browser, shown) == []
    choose(browser, x="seed", by="none", panels="none")
    assert ask(browser, shown) == ["weight_decay", "width", "optimizer"]


def test_the_address_keeps_what_is_chosen(browser, place):
    visit(browser, place / "report.html")
    choose(browser, x="width", by="none", panels="optimizer", y=NEVER, weight_decay="3", log_y=True)
    address, seen = browser.current_url, data_of(browser, "points")
    assert "y=first_epoch_test_0.5" in address
    browser.get("about:blank")
    browser.get(address)
    for _ in range(200):
        if ask(browser, "return document.body.dataset.ready"):
            break
        time.sleep(0.05)
    assert data_of(browser, "points") == seen and browser.current_url == address
    controls = ask(browser, """return Object.fromEntries([...document.querySelectorAll("[data-state]")]
        .map((each) => [each.dataset.state, minimod.value(each)]))""")
    assert controls.items() >= {"x": "width", "panels": "optimizer", "weight_decay": "3", "log-y": "true"}.items()


def test_a_key_moves_a_control(browser, place):
    visit(browser, place / "report.html")
    ask(browser, """document.querySelector('[data-state="x"]').focus()""")
    before = ask(browser, "return minimod.state.x")
    browser.switch_to.active_element.send_keys("w", "i", "d")
    assert before != "width" and ask(browser, "return minimod.state.x") == "width"


@pytest.mark.parametrize("hand", ["mouse", "touch"])
def test_a_dot_opens_its_run_s_page(browser, place, hand):
    visit(browser, place / "report.html")
    run = table_of(place)[-1]
    choose(browser, x="weight_decay", by="width", panels="none", optimizer=run["optimizer"])
    (dot,) = (dot for dot in data_of(browser, "dots") if dot["run"] == run["run"])
    if hand == "touch":
        tap(browser, "curves-plot", dot["x"], dot["y"])
    else:
        mouse(browser, "curves-plot", dot["x"], dot["y"], click=True)
    time.sleep(0.5)
    assert browser.current_url.endswith(f"runs/{run['run']}/report.html")


def test_series_have_the_looks_of_figures_in_the_legend_too(browser, place):
    visit(browser, place / "report.html")
    choose(browser, x="width", by="weight_decay", panels="none")
    looks = {(dot["at"].split("weight decay ")[1], dot["color"], dot["marker"]) for dot in data_of(browser, "dots")}
    names = [f"{value:g}" for value in DECAYS]
    assert looks == {(name, style.color, MARKERS[style.marker][1]) for name, style in zip(names, STYLES)}
    legend = ask(browser, """return [...document.querySelectorAll("#looks li")].map((each) => [each.textContent.trim(),
        ...["stroke", "stroke-dasharray"].map((name) => each.querySelector("line").getAttribute(name))])""")
    assert [(text.split()[0], text.split()[-1], color, dash) for text, color, dash in legend] == [
        (MARKERS[style.marker][2], name, style.color, " ".join(map(str, DASHES[style.dash])))
        for name, style in zip(names, STYLES)
    ]
    all_looks = ask(browser, "return minimod.facts.looks.map(({ marker, dash }) => `${marker} ${dash}`)")
    assert len(set(all_looks)) == len(all_looks) == len(STYLES)


def test_the_files_say_their_columns_and_what_is_held(browser, place):
    visit(browser, place / "report.html")
    choose(browser, x="width", by="optimizer", panels="none", y=NEVER, weight_decay="3")
    head, *lines = csv.reader(ask(browser, "return minimod.csv('points')").splitlines())
    assert head == ["optimizer", "width", "weight_decay", "over", "runs", "never", "not measured", f"mean of {NEVER}",
                    f"lowest {NEVER}", f"highest {NEVER}"]
    assert {line[2] for line in lines} == {"3"} and len(lines) > 1
    head, *lines = csv.reader(ask(browser, "return minimod.csv('runs')").splitlines())
    assert {"run", "modulus", "optimizer", NEVER} <= set(head) and len(lines) == len(table_of(place))


def test_the_page_has_no_error_asks_for_nothing_and_fits_every_window(browser, place):
    with quiet(browser):
        for width in (360, 390, 1280, 1920):
            visit(browser, place / "report.html", width, anew=width == 360)
            choose(browser, panels="optimizer", y=NEVER)
            assert ask(browser, "return document.documentElement.scrollWidth") <= width


def test_rows_are_found_by_their_text(browser, place):
    visit(browser, place / "report.html")
    ask(browser, """const input = document.querySelector("input.filter"); input.value = "sgd";
        input.dispatchEvent(new Event("input"))""")
    rows = ask(browser, "return document.querySelectorAll('#runs-table tbody tr:not([hidden])').length")
    assert rows == len(table_of(place)) / 2
