"""TensorBoard in a browser: each of its tabs shows what Reflow logged.

Needs Chromium and its driver (Debian: `apt-get install chromium chromium-driver`), and is skipped without
them. Pictures of the tabs are left in `build/browser`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from . import logs
from .tabs import needs_browser, served

pytestmark = needs_browser
PICTURED = ""  # how the names of the pictures begin
RUNS = ["cell=dense,rate=0.5", "cell=dense,rate=0.05"]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a TensorBoard serves the logs of two runs."""
    folder = tmp_path_factory.mktemp("logs")
    assert logs.write_logs(folder) == RUNS
    with served(folder) as found:
        yield found


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
