"""TensorBoard in a browser on the logs that the examples write, run as their users do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .tabs import needs_browser, served

pytestmark = needs_browser
PICTURED = "examples_"
EXAMPLES = Path(__file__).parents[2] / "examples"


def run(example: str, *words: object) -> None:
    command = [sys.executable, "-m", "reflow", "run", str(EXAMPLES / f"{example}.py"), *map(str, words)]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a TensorBoard serves what two autoencoders and the word vectors left."""
    folder = tmp_path_factory.mktemp("examples")
    for rate in (0.002, 0.02):
        run("vae", "--epochs", 2, "--hidden", 16, "--rate", rate, "--logs", folder / f"rate{rate}")
    run("word2vec", "--steps", 2000, "--size", 16, "--out", folder / "words")
    with served(folder) as found:
        yield found


def test_scalars_of_two_runs(open_tab: Any) -> None:
    tab = open_tab("scalars")
    tab.shows("rate0.002", "rate0.02", "words")
    colours = tab.elements("path.line", "getComputedStyle(node).stroke", 2)
    assert len({colour for colour in colours if colour.startswith("rgb")}) >= 2


def test_images_of_both(open_tab: Any) -> None:
    tab = open_tab("images")
    tab.shows("rate0.002", "rate0.02")
    assert all(width > 0 for width in tab.elements("img", "node.naturalWidth", 2))


def test_projector_of_the_most_frequent_words(open_tab: Any) -> None:
    open_tab("projector").shows("Points: 3000", "Dimension: 16", "words.tsv")
