"""The page of claims in a real browser: skipped where there is none, or no Selenium."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from page_cases import ask, needs_browser, quiet, serious, until, visit

from minimod.claims.rows import load_rows
from minimod.cli import commands

pytest.importorskip("bokeh")

ROWS = Path(__file__).parents[2] / "docs/rows"
FILES = ("headline", "headline-full", "noise-first", "weight-decay", "readout")


@pytest.fixture(scope="module")
def page(once):
    """The page of some claims, of the paper and beyond it, one of them at two scales."""
    return once("claims", make_page) / "report.html"


def make_page(directory):
    (directory / "rows").mkdir()
    for name in FILES:
        shutil.copy(ROWS / f"{name}.json", directory / "rows")
    commands.main(["report", str(directory)], standalone_mode=False)


def shown(browser, place):
    """What stands in the rectangle of an element, in pixels, (height, width, 3)."""
    from io import BytesIO

    from PIL import Image

    x, y, width, height = ask(browser, f"const box = {place}; return [box.x, box.y, box.width, box.height]")
    image = Image.open(BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    return np.asarray(image.crop((int(x), int(y), int(x + width), int(y + height))), int)


@needs_browser
def test_a_claim_is_counted_once_and_has_both_verdicts_in_one_row(browser, page):
    visit(browser, page, anew=True)
    assert ask(browser, "return document.querySelector('.lead').textContent").startswith("4 claims, measured: at quick")
    rows = ask(browser, """return Array.from(document.querySelectorAll("#verdicts-table tbody tr"),
        (row) => Array.from(row.cells, (cell) => cell.textContent.trim()))""")
    assert [row[0] for row in rows] == ["headline", "noise-first", "weight-decay", "readout"]
    assert rows[0][2:5] == ["✓ holds", "✓ holds", "the paper"]
    assert rows[3][3:5] == ["", "beyond the paper"]
    folds = ask(browser, "return Array.from(document.querySelectorAll('details'), ({ id, open }) => [id, open])")
    assert folds == [[row[0], False] for row in rows]


@needs_browser
def test_a_plot_is_drawn_when_its_claim_is_opened(browser, page):
    visit(browser, page, anew=True)
    assert ask(browser, "return document.documentElement.scrollHeight") < 2500
    assert ask(browser, "return Bokeh.documents.length") == 0
    ask(browser, "document.querySelector('#headline > summary').click()")
    assert until(browser, "return !!minimod.model('headline-quick')")
    assert ask(browser, "return minimod.csv('headline-quick')").startswith("panel,series,x,y,low,high,never\n")
    assert ask(browser, "return location.hash") == "#headline"


@needs_browser
@pytest.mark.parametrize("place", ["noise-first", "headline-full", "beyond"])
def test_the_address_opens_what_it_names(browser, page, place):
    visit(browser, page, anew=True)
    ask(browser, "location.hash = arguments[0]", place)
    assert until(browser, f"const box = document.getElementById('{place}').getBoundingClientRect(); "
                          "return box.top > -2 && box.top < innerHeight")
    fold = "document.getElementById(arguments[0]).closest('details')"
    assert ask(browser, f"return {fold}?.open ?? true", place)
    time.sleep(0.3)
    assert ask(browser, "return location.hash") == f"#{place}"


@needs_browser
def test_a_claim_is_opened_by_keyboard(browser, page):
    visit(browser, page, anew=True)
    ask(browser, "document.querySelector('#weight-decay > summary').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.execute_cdp_cmd("Input.dispatchKeyEvent", {
            "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r",
        })
    assert until(browser, "return !!minimod.model('weight-decay-quick')")


@needs_browser
def test_the_page_of_claims_fits_every_window_and_asks_for_nothing(browser, page):
    with quiet(browser):
        for width in (360, 390, 1280, 1920):
            visit(browser, page, width, anew=width == 360)
            ask(browser, """document.querySelectorAll("details")
                .forEach((each) => { each.open = true; minimod.reach(each) })""")
            assert until(browser, "return Bokeh.documents.length === document.querySelectorAll('.plot').length")
            assert ask(browser, "return document.documentElement.scrollWidth") <= width


@needs_browser
def test_a_page_at_rest_asks_nothing_again_and_again(browser, page):
    visit(browser, page, anew=True)
    ask(browser, """window.calls = 0;
        for (const name of ["setInterval", "setTimeout", "requestAnimationFrame"]) {
          const of_browser = window[name];
          window[name] = (...all) => { window.calls += 1; return of_browser(...all) };
        }""")
    time.sleep(0.5)
    assert ask(browser, "return window.calls") == 0


@needs_browser
@pytest.mark.parametrize("schemes", [("light",), ("dark",), ("light", "dark")], ids="-".join)
def test_titles_of_panels_are_seen_in_light_and_dark(browser, page, scheme, schemes):
    scheme(schemes[0])
    visit(browser, page.parent / "report.html")
    ask(browser, "location.hash = 'noise-first'")
    assert until(browser, "return !!minimod.model('noise-first-quick')")
    for each in schemes:
        scheme(each)
    time.sleep(0.3)
    view = "Bokeh.index.find_one(minimod.model('noise-first-quick-plot'))"
    ask(browser, f"{view}.el.scrollIntoView()")
    time.sleep(0.3)
    at = f"(({{ x, y, width }}) => ({{ x, y, width, height: 24 }}))({view}.el.getBoundingClientRect())"
    pixels = shown(browser, at).mean(axis=2)
    assert pixels.max() - pixels.min() > 120


@needs_browser
def test_the_heights_of_lists_are_of_their_names(browser, page):
    visit(browser, page, anew=True)
    ask(browser, "location.hash = 'readout'")
    assert until(browser, "return !!minimod.model('readout-quick')")
    height, n = ask(browser, """const plot = minimod.model('readout-quick-plot');
        return [plot.height, plot.y_range.start - plot.y_range.end]""")
    assert n == len({row["method"] for row in load_rows(ROWS.parent, "readout", "quick").rows}) and height > 15 * n


@needs_browser
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_nothing_serious_stands_in_the_way_of_a_reader(browser, page, scheme, colours):
    scheme(colours)
    visit(browser, page, anew=True)
    ask(browser, "document.querySelectorAll('details').forEach((each) => { each.open = true; minimod.reach(each) })")
    assert until(browser, "return Bokeh.documents.length === document.querySelectorAll('.plot').length")
    time.sleep(0.5)
    assert serious(browser) == []
