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
