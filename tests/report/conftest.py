import pytest
from page_cases import CHROMIUM, DRIVER


@pytest.fixture(scope="session")
def browser():
    """A headless browser, one for all tests of pages."""
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def scheme(browser):
    """A function that makes the screen light or dark."""
    def choose(value):
        feature = {"name": "prefers-color-scheme", "value": value}
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    yield choose
    choose("light")
