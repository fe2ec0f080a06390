"""The examples of networks, run as their users do, at tiny sizes: what they reach, write and refuse."""

from __future__ import annotations

import gzip
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import reflow as tf

ROOT = Path(__file__).parents[2]


def run(example: str, *words: object) -> subprocess.CompletedProcess[str]:
    path = ROOT / "examples" / f"{example}.py"
    command = [sys.executable, "-m", "reflow", "run", str(path), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def output(example: str, *words: object) -> str:
    result = run(example, *words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refusal(example: str, *words: object) -> str:
    result = run(example, *words)
    assert result.returncode == 1
    assert result.stderr.startswith(f"{example}: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def write_idx(folder: Path, name: str, array: np.ndarray) -> None:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    (folder / f"{name}.gz").write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes()))


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Idx files of pictures of 12 x 12 pixels: the label says where the bar is."""
    random = np.random.RandomState(0)
    for part, count in (("train", 200), ("t10k", 60)):
        labels = random.randint(0, 10, count)
        images = random.randint(0, 40, (count, 12, 12))
        images[np.arange(count), labels + 1] = 250
        write_idx(tmp_path, f"{part}-images-idx3-ubyte", images)
        write_idx(tmp_path, f"{part}-labels-idx1-ubyte", labels)
    return tmp_path


def test_convnet_learns_idx_files(bars: Path) -> None:
    shown = output(
        "mnist_convnet", "--data", bars, "--steps", 40, "--batch", 50, "--width", 4, "--rate", 0.01
    )
    accuracy = re.search(r"held-out accuracy ([\d.]+)%", shown)
    assert accuracy is not None and float(accuracy[1]) > 50.0


def test_convnet_refuses(bars: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("empty")
    assert "train-images-idx3-ubyte" in refusal("mnist_convnet", "--data", empty)
    assert "more than the 200 images" in refusal("mnist_convnet", "--data", bars, "--batch", 500)
    (bars / "t10k-labels-idx1-ubyte.gz").write_bytes(b"nothing")
    assert "can't be read" in refusal("mnist_convnet", "--data", bars)


def test_vae_learns_draws_and_logs(tmp_path: Path) -> None:
    few = output("vae", "--epochs", 1, "--hidden", 16, "--latent", 2)
    more = output("vae", "--epochs", 4, "--hidden", 16, "--latent", 2, "--logs", tmp_path / "logs")
    losses = [float(re.search(r"held-out loss ([\d.]+)\n", text)[1]) for text in (few, more)]
    assert losses[1] < losses[0]
    assert len([line for line in more.splitlines() if len(line) == 64]) == 8
    (events,) = (tmp_path / "logs").iterdir()
    assert b"invented/image/7" in events.read_bytes()


def test_vae_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    assert "--logs" in refusal("vae", "--logs", tmp_path / "file")
    assert "more than the 1500 images" in refusal("vae", "--batch", 2000)


# Style transfer


def painted(tmp_path: Path, *words: object) -> tuple[np.ndarray, float, float]:
    """The picture that a small run makes, and its losses of content and style."""
    small = "--width", 32, "--filters", 6, "--out", tmp_path / "out.png"
    found = re.search(
        r"content ([\d.]+), style ([\d.]+): \S*out.png\n", output("style_transfer", *small, *words)
    )
    assert found is not None
    with Image.open(tmp_path / "out.png") as image:
        return np.asarray(image), float(found[1]), float(found[2])


def test_style_transfer_paints_and_logs(tmp_path: Path) -> None:
    start, _, far = painted(tmp_path, "--steps", 0)
    end, kept, near = painted(tmp_path, "--steps", 25, "--logs", tmp_path / "logs")
    assert start.shape == end.shape == (21, 32, 3) and start.dtype == np.uint8
    assert near < far / 3 and (start != end).any()
    (events,) = (tmp_path / "logs").iterdir()
    steps = [e.step for e in tf.train.summary_iterator(str(events)) if e.HasField("summary")]
    assert steps == [0, 10, 20, 25]
    assert b"painting/image" in events.read_bytes()
    _, faithful, _ = painted(tmp_path, "--steps", 25, "--paint", 0, "--begin", 0)
    assert faithful < kept / 3


def test_style_transfer_reads_pictures(tmp_path: Path) -> None:
    for name, colour in [("content", (200, 60, 60)), ("style", (20, 200, 40))]:
        Image.new("RGB", (40, 20 if name == "style" else 60), colour).save(tmp_path / f"{name}.png")
    files = "--content", tmp_path / "content.png", "--style", tmp_path / "style.png"
    picture, _, _ = painted(tmp_path, *files, "--steps", 0, "--begin", 0.5)
    assert picture.shape == (48, 32, 3)
    assert np.abs(picture - np.array([110, 130, 50])).max() <= 1


def test_style_transfer_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no picture")
    assert "can't be read" in refusal("style_transfer", "--content", tmp_path / "file")
    assert "16 x 11 pixels is too small" in refusal("style_transfer", "--width", 16)
    tiny = "--width", 32, "--filters", 2, "--steps", 0
    assert "--logs" in refusal("style_transfer", *tiny, "--logs", tmp_path / "file")
    assert "--out" in refusal("style_transfer", *tiny, "--out", tmp_path / "absent" / "out.png")
