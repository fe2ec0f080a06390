"""TensorBoard in a browser: each of its tabs shows what Reflow logged.

Needs Chromium and its driver (Debian: `apt-get install chromium chromium-driver`), and is skipped without
them. Pictures of the tabs are left in `build/browser`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from . import logs

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")

PICTURES = Path(__file__).parent.parent.parent / "build" / "browser"
FLAGS = """--headless --no-sandbox --disable-gpu --enable-unsafe-swiftshader --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync --window-size=1400,1000"""
PATIENCE = 40  # seconds for a tab to show something
SETTLING = 0.7  # and to end its animations, before its picture is taken
RUNS = ["cell=dense,rate=0.5", "cell=dense,rate=0.05"]

# Texts, and elements that a selector finds, wherever they are: in shadow trees and frames too.
TEXT = """
const hidden = ["STYLE", "SCRIPT", "NOSCRIPT", "HEAD"];
const walk = (node) => {
  if (node.nodeType === Node.TEXT_NODE) return node.textContent;
  if (hidden.includes(node.nodeName)) return "";
  if (node.nodeName === "IFRAME") return node.contentDocument ? walk(node.contentDocument) : "";
  const inside = node.shadowRoot ? walk(node.shadowRoot) : "";
  return inside + Array.from(node.childNodes).map(walk).join("") + "\\n";
};
return walk(document.documentElement);
"""
FIND = """
const walk = (root) => {
  const found = Array.from(root.querySelectorAll(arguments[0]));
  for (const node of root.querySelectorAll("*")) if (node.shadowRoot) found.push(...walk(node.shadowRoot));
  return found;
};
return walk(document).map((node) => %s);
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a TensorBoard serves the logs of two runs."""
    folder = tmp_path_factory.mktemp("logs")
    assert logs.write_logs(folder) == RUNS
    command = [sys.executable, "-m", "reflow", "board", "--port", "0", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as board:
        assert board.stderr is not None
        try:
            found = (re.search(r"http://localhost:\d+/", line) for line in board.stderr)
            yield next(match.group() for match in found if match)
        finally:
            board.terminate()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"]:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    PICTURES.mkdir(parents=True, exist_ok=True)
    yield driver
    driver.quit()


class Tab:
    """A tab of TensorBoard that has been opened."""

    def __init__(self, driver: Any, address: str, name: str) -> None:
        self.driver = driver
        driver.get("about:blank")  # the same page with another anchor would not be loaded again
        driver.get(f"{address}#{name}")

    def shows(self, *texts: str) -> str:
        """All text, once it has the given ones."""
        found = self._wait(
            lambda: self.driver.execute_script(TEXT), lambda text: all(t in text for t in texts)
        )
        assert [text for text in texts if text not in found] == []
        return str(found)

    def elements(self, selector: str, what: str, count: int) -> list[Any]:
        """What the elements of a selector say, once there are so many."""
        return list(
            self._wait(
                lambda: self.driver.execute_script(FIND % what, selector),
                lambda found: len(found) >= count and all(found),
            )
        )

    def _wait(self, look: Any, enough: Any) -> Any:
        end = time.monotonic() + PATIENCE
        while not enough(found := look()) and time.monotonic() < end:
            time.sleep(0.25)
        return found


@pytest.fixture
def open_tab(browser: Any, address: str) -> Iterator[Callable[[str], Tab]]:
    """Opens a tab; after the test a picture is taken of it."""
    opened = []

    def open_it(name: str) -> Tab:
        opened.append(name)
        return Tab(browser, address, name)

    yield open_it
    time.sleep(SETTLING)
    browser.save_screenshot(str(PICTURES / f"{opened[-1]}.png"))


def test_scalars(open_tab: Any) -> None:
    tab = open_tab("scalars")
    tab.shows("tag: train_cost", *RUNS)
    colours = tab.elements("path.line", "getComputedStyle(node).stroke", 2)
    assert len({colour for colour in colours if colour.startswith("rgb")}) >= 2


def test_time_series(open_tab: Any) -> None:
    open_tab("timeseries").shows("train_cost", "weights_1", "ramp_picture", *RUNS)


def test_graph(open_tab: Any) -> None:
    tab = open_tab("graphs")
    text = tab.shows("hidden_layer", "cost", "gradients", "words", "traced_step", *RUNS)
    assert "?×8" in text  # the shape of x, on its edge


@pytest.mark.parametrize("name", ["distributions", "histograms"])
def test_distributions_and_histograms(open_tab: Any, name: str) -> None:
    text = open_tab(name).shows("tag: hidden_layer/weights_1", *RUNS)
    assert text.count("tag: hidden_layer/weights_1") == len(RUNS)


def test_images(open_tab: Any) -> None:
    tab = open_tab("images")
    tab.shows("tag: ramp_picture/image/0", *RUNS)
    assert tab.elements("img", "[node.naturalWidth, node.naturalHeight]", 2) == [[32, 32], [32, 32]]


def test_audio(open_tab: Any) -> None:
    tab = open_tab("audio")
    tab.shows("tag: pure_tone/audio/0", *RUNS)
    assert tab.elements("audio", "node.duration", 2) == [0.25, 0.25]  # 2,000 samples of 8,000 a second


def test_text(open_tab: Any) -> None:
    tab = open_tab("text")
    tab.shows("tag: remark", *RUNS)
    assert tab.elements("strong", "node.textContent", 2) == ["Reflow", "Reflow"]


def test_hyperparameters(open_tab: Any) -> None:
    text = open_tab("hparams").shows("0.50000", "0.050000", "train_cost", *RUNS)
    assert "Number of matching session groups: 2" in text


def test_projector(open_tab: Any) -> None:
    size = f"Points: {len(logs.WORDS)}", "Dimension: 8"
    open_tab("projector").shows(*size, "2 runs found", "Checkpoint:", "words.tsv")
