"""The folder of pages that .ci/pages makes, in a small form."""

import shutil
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from page_cases import ask, needs_browser, serious, visit

from minimod.version import VERSION

pytest.importorskip("bokeh")

ROOT = Path(__file__).parents[2]
GRID = ("--grid", "modulus=7", "--grid", "width=4,8", "--grid", "epochs=2")


@pytest.fixture(scope="module")
def pages():
    """The script as a module."""
    loader = SourceFileLoader("pages", str(ROOT / ".ci/pages"))
    module = module_from_spec(spec_from_loader("pages", loader))
    loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(once, pages):
    """The folder for a tiny run, a tiny sweep and one claim."""
    def make(place):
        (place / "rows").mkdir()
        shutil.copy(ROOT / "docs/rows/phases.json", place / "rows")
        run = ("--modulus", "11", "--width", "16", "--epochs", "2", "--snapshots", "0,1", "--record")
        pages.make(place / "made", run, GRID, place, seconds=1)

    return once("site", make) / "made"


def test_the_folder_has_the_front_page_and_all_that_it_links_to(folder, pages):
    assert {path.name for path in folder.iterdir()} == {"index.html", *pages.LINKS}
    front = (folder / "index.html").read_text(encoding="utf-8")
    assert all(f'href="{file}"' in front for file in pages.LINKS)


def test_the_version_stands_on_every_page(folder):
    assert all(f"Made by minimod {VERSION}." in path.read_text(encoding="utf-8") for path in folder.iterdir())


@needs_browser
def test_the_front_page_leads_to_every_page(browser, folder, pages):
    visit(browser, folder / "index.html")
    links = ask(browser, "return Array.from(document.querySelectorAll('main a'), (link) => link.getAttribute('href'))")
    assert links == list(pages.LINKS)
    ask(browser, "document.querySelector('main a[href=\"sweep.html\"]').click()")
    assert browser.current_url.endswith("sweep.html") and browser.title


@needs_browser
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_front_page_has_no_error_and_fits_every_window(browser, folder, scheme, colours):
    browser.get_log("browser")
    for width in (360, 390, 1280, 1920):
        visit(browser, folder / "index.html", width)
        scheme(colours)
        assert ask(browser, "return document.documentElement.scrollWidth") <= width
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    assert serious(browser) == []
