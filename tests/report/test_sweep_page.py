"""The page of a sweep in a real browser: skipped where there is none, or no Selenium."""

import subprocess
import sys
import time

import pytest
from page_cases import ask, mouse, needs_browser, visit

from minimod import load_sweep
from minimod.report.style import MARKERS, STYLES

pytest.importorskip("bokeh")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A sweep with its page, and a run of it with its own."""
    directory = tmp_path_factory.mktemp("pages") / "<i>sweep"

    def call(*arguments):
        subprocess.run([sys.executable, "-m", "minimod", *map(str, arguments)], check=True, capture_output=True)

    call("sweep", directory, "--grid", "width=4,8", "--grid", "rule=add,mul", "--grid", "modulus=7",
         "--grid", "epochs=2", "--quiet")
    call("report", min((directory / "runs").iterdir()))
    call("report", directory)
    return directory


@needs_browser
def test_a_click_on_a_run_of_a_sweep_opens_its_page(browser, place):
    visit(browser, place / "report.html")
    x, y, link = ask(browser, """const { x, y, link } = minimod.model("points").data;
        const i = link.findIndex((each) => each); return [x[i], y[i], link[i]]""")
    mouse(browser, "curves-plot", x, y, click=True)
    time.sleep(0.5)
    assert browser.current_url.endswith(link) and link.endswith("/report.html")


@needs_browser
def test_the_columns_of_a_sweep_are_drawn_as_they_are_chosen(browser, place):
    visit(browser, place / "report.html")
    ask(browser, """minimod.model("sweep-x").value = "width"; minimod.model("sweep-by").value = "rule";
        minimod.model("sweep-y").value = "norm_W" """)
    xs, labels = ask(browser, "const { data } = minimod.model('points'); return [[...data.x], [...data.by]]")
    assert sorted(xs) == [4, 4, 8, 8] and sorted(labels) == ["add", "add", "mul", "mul"]
    looks = ask(browser, """const { by, color, marker } = minimod.model('points').data;
        return by.map((name, i) => [name, color[i], marker[i]])""")
    first, second = STYLES[:2]
    assert {tuple(look) for look in looks} == {
        ("add", first.color, MARKERS[first.marker][1]), ("mul", second.color, MARKERS[second.marker][1])
    }
    cells = ask(browser, """const { at, by, mean } = minimod.model('cells').data;
        return at.map((x, i) => [x, by[i], mean[i]])""")
    rows = list(load_sweep(place))
    assert {(x, rule): mean for x, rule, mean in cells} == pytest.approx({
        (str(row["width"]), row["rule"]): row["norm_W"] for row in rows
    })
    ask(browser, """const input = document.querySelector("input.filter"); input.value = "mul";
        input.dispatchEvent(new Event("input"))""")
    assert ask(browser, "return document.querySelectorAll('#runs-table tbody tr:not([hidden])').length") == 2
