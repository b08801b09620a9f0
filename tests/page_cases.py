"""A page in a browser: the helpers that tests of pages share."""

import json
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
AXE = Path(__file__).parents[1] / "node_modules/axe-core/axe.min.js"
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium and chromedriver here")


def visit(browser, path, width=1280, anew=False):
    """Open a page and wait until its plots are drawn. A page that is open already only returns to its first state."""
    url = path if isinstance(path, str) else path.resolve().as_uri()
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    if not anew and browser.current_url.partition("#")[0] == url:
        ask(browser, """minimod.section = "";
            minimod.set(Object.fromEntries(Object.entries(minimod.beginning).filter(([name, value]) =>
                minimod.state[name] !== value)));
            scrollTo(0, 0)""")
        return
    browser.get(url)
    for _ in range(200):
        if browser.execute_script("return document.body.dataset.ready"):
            return
        time.sleep(0.05)
    raise AssertionError("the page is not ready after ten seconds")


def ask(browser, script, *arguments):
    return browser.execute_script(script, *arguments)


@contextmanager
def quiet(browser):
    """Assert that the block causes no error and no warning in the browser, and requests nothing from other machines."""
    browser.get_log("browser"), browser.get_log("performance")
    yield
    assert [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]
    assert asked and all(url.startswith(("file:", "data:", "blob:")) for url in asked)


def until(browser, script, *arguments):
    """Wait until a script returns true. Returns whether it did within five seconds."""
    for _ in range(100):
        if ask(browser, script, *arguments):
            return True
        time.sleep(0.05)
    return False


def mouse(browser, plot, x, y, click=False):
    """Point at, or click on, a place in a plot. x, y: in the coordinates of the plot."""
    at = place_on_screen(browser, plot, x, y)
    for kind in ("mouseMoved", *(("mousePressed", "mouseReleased") if click else ())):
        event = {"type": kind, **at, "button": "left" if click else "none", "clickCount": int(click)}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", event)
    time.sleep(0.1)


def tap(browser, plot, x, y):
    """Touch a place in a plot with a finger. x, y: in the coordinates of the plot."""
    at = place_on_screen(browser, plot, x, y)
    for kind, points in (("touchStart", [at]), ("touchEnd", [])):
        browser.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    time.sleep(0.5)


def place_on_screen(browser, plot, x, y):
    ask(browser, "Bokeh.index.find_one(minimod.model(arguments[0])).el.scrollIntoView({ block: 'center' })", plot)
    return ask(browser, """const view = Bokeh.index.find_one(minimod.model(arguments[0]));
        const box = view.el.getBoundingClientRect(), { x_scale, y_scale } = view.frame;
        return { x: box.x + x_scale.compute(arguments[1]), y: box.y + y_scale.compute(arguments[2]) }""", plot, x, y)


def serious(browser):
    """The serious and critical problems that axe-core finds on the page. Empty if axe-core is not installed here."""
    if not AXE.exists():
        return []
    ask(browser, AXE.read_text(encoding="utf-8"))
    found = browser.execute_async_script("axe.run().then(({ violations }) => arguments[0](violations))")
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found if each["impact"] in ("serious", "critical")]
