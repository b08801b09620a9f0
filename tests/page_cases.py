"""A page in a browser, and what its tests share."""

import os
import shutil
import time
from pathlib import Path

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium and chromedriver here")


def visit(browser, path, width=1280):
    """Open a page and wait until its plots are there."""
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.resolve().as_uri())
    for _ in range(200):
        if browser.execute_script("return document.body.dataset.ready"):
            return
        time.sleep(0.05)
    raise AssertionError("the page is not ready after ten seconds")


def ask(browser, script, *arguments):
    return browser.execute_script(script, *arguments)


def mouse(browser, plot, x, y, click=False):
    """Point at, or click on, a place in a plot, in its own numbers."""
    ask(browser, "Bokeh.index.find_one(minimod.model(arguments[0])).el.scrollIntoView({ block: 'center' })", plot)
    at = ask(browser, """const view = Bokeh.index.find_one(minimod.model(arguments[0]));
        const box = view.el.getBoundingClientRect(), { x_scale, y_scale } = view.frame;
        return { x: box.x + x_scale.compute(arguments[1]), y: box.y + y_scale.compute(arguments[2]) }""", plot, x, y)
    for kind in ("mouseMoved", *(("mousePressed", "mouseReleased") if click else ())):
        event = {"type": kind, **at, "button": "left" if click else "none", "clickCount": int(click)}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    time.sleep(0.3)


def serious(browser):
    """What axe-core of npm finds serious or critical on the page; the variable MINIMOD_AXE says where axe.min.js is."""
    if not (axe := os.environ.get("MINIMOD_AXE")):
        return []
    ask(browser, Path(axe).read_text(encoding="utf-8"))
    found = browser.execute_async_script("axe.run().then(({ violations }) => arguments[0](violations))")
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found if each["impact"] in ("serious", "critical")]
