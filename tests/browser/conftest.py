"""A browser for the tests of TensorBoard's tabs; pictures of the tabs are left in `build/browser`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .tabs import CHROMIUM, DRIVER, Tab

PICTURES = Path(__file__).parent.parent.parent / "build" / "browser"
FLAGS = """--headless --no-sandbox --disable-gpu --enable-unsafe-swiftshader --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync --window-size=1400,1000"""
SETTLING = 0.7  # seconds for a tab to end its animations, before its picture is taken


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    PICTURES.mkdir(parents=True, exist_ok=True)
    yield driver
    driver.quit()


@pytest.fixture
def open_tab(browser: Any, address: str, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Tab]]:
    """Opens a tab; after the test a picture is taken of it."""
    opened = []

    def open_it(name: str) -> Tab:
        opened.append(name)
        return Tab(browser, address, name)

    yield open_it
    time.sleep(SETTLING)
    name = f"{request.module.PICTURED}{opened[-1]}.png"
    browser.save_screenshot(str(PICTURES / name))
