"""A page in a browser, and what its tests share."""

import shutil
import time

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
