"""`tensorflow.examples.tutorials.mnist.input_data` on tiny files, against TensorFlow 1.15's batches."""

from __future__ import annotations

import gzip
import io
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.contrib import datasets, mnist

from . import idx_files

RECORDED = json.loads((Path(__file__).parent / "data" / "mnist.json").read_text(encoding="utf8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    idx_files.write(tmp_path)
    return tmp_path


def refuse(url: str, timeout: float) -> Any:
    raise urllib.error.URLError("no network")


def test_batches_are_those_of_tensorflow(folder: Path) -> None:
    found = idx_files.orders(tf, tf.examples.tutorials.mnist.input_data.read_data_sets, folder)
    assert sorted(found) == sorted(RECORDED)
    for name, batches in RECORDED.items():
        assert json.loads(json.dumps(found[name])) == batches, name


def test_files_need_not_be_compressed(tmp_path: Path) -> None:
    idx_files.write(tmp_path, compressed=False)
    sets = mnist.read_data_sets(tmp_path, validation_size=2, seed=1)
    assert [s.num_examples for s in sets] == [10, 2, 5]
    np.testing.assert_allclose(sets.test.images * 255, idx_files.images(5).reshape(5, 6), rtol=1e-6)


def test_it_says_what_it_extracts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mnist.read_data_sets(folder, validation_size=1)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"Extracting {folder / name}" for name in mnist.FILES]


def test_import_as_programs_do(folder: Path) -> None:
    tf.install()
    from tensorflow.examples.tutorials.mnist import input_data  # type: ignore[import-not-found]

    sets = input_data.read_data_sets(str(folder), one_hot=True, validation_size=0)
    assert sets.train.labels.shape == (12, 10)
    assert sets.validation.num_examples == 0


def test_load_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "MNIST-data").mkdir()
    idx_files.write(tmp_path / "MNIST-data")
    with pytest.raises(ValueError, match="between 0 and 12. Received: 5000"):
        tf.contrib.learn.datasets.load_dataset("mnist")


def test_missing_files_are_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(url: str, timeout: float) -> Any:
        asked.append(url)
        name = url.rpartition("/")[2].removesuffix(".gz")
        stream: Any = io.BytesIO(gzip.compress(idx_files.files()[name]))
        stream.headers = {}
        return stream

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    sets = mnist.read_data_sets(tmp_path / "new", validation_size=0, source_url="http://here/")
    assert sets.train.num_examples == 12
    assert asked == ["http://here/" + name for name in mnist.FILES]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(mnist.FILES)


def test_no_file_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(OSError, match=r"train-images-idx3-ubyte.gz is not in .* no network"):
        mnist.read_data_sets(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_broken_download_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Breaking(io.BytesIO):
        headers = None

        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise ConnectionResetError("reset")
            return super().read(3)

    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Breaking(b"abcdefg"))
    with pytest.raises(OSError, match="reset"):
        datasets.maybe_download("x.gz", tmp_path, "http://here/x.gz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "plain", "lost", "message"),
    [
        (mnist.FILES[0], b"\0\0\0\1" + bytes(12), 0, "Invalid magic number 1 in MNIST image file"),
        (mnist.FILES[1], b"\0\0\0\1" + bytes(4), 0, "Invalid magic number 1 in MNIST label file"),
        (mnist.FILES[2], idx_files.files()["t10k-images-idx3-ubyte"][:-1], 0, "breaks off"),
        (mnist.FILES[3], b"\0\0", 0, "breaks off in its header"),
        (mnist.FILES[0], idx_files.files()["train-images-idx3-ubyte"], 9, "not a whole gzip"),
    ],
)
def test_broken_files(folder: Path, name: str, plain: bytes, lost: int, message: str) -> None:
    packed = gzip.compress(plain)
    contents = packed[: len(packed) - lost]
    (folder / name).write_bytes(contents)
    with pytest.raises(ValueError, match=message):
        mnist.read_data_sets(folder, validation_size=1)


def test_wrong_arguments() -> None:
    images, labels = np.zeros([3, 2, 2, 1], np.uint8), np.zeros(3)
    with pytest.raises(TypeError, match="Invalid image dtype"):
        mnist.DataSet(images, labels, dtype=tf.int32)
    with pytest.raises(AssertionError, match="labels.shape"):
        mnist.DataSet(images, labels[:2])
    with pytest.raises(AssertionError, match="one channel"):
        mnist.DataSet(np.zeros([3, 2, 2, 3], np.uint8), labels)
    with pytest.raises(ValueError, match="Name of dataset is not found: boston"):
        mnist.load_dataset("boston")


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("2,2,a,b\n1.5,2,0\n3,4,1\n")
    data, target = datasets.load_csv_with_header(path, int, float)
    assert data.tolist() == [[1.5, 2.0], [3.0, 4.0]]
    assert target.tolist() == [0, 1]
    path.write_text("0,1.5,2\n1,3,4\n")
    data, target = datasets.load_csv_without_header(path, int, float, target_column=0)
    assert (data.tolist(), target.tolist()) == ([[1.5, 2.0], [3.0, 4.0]], [0, 1])
    datasets.shrink_csv(str(path), 2)
    assert (tmp_path / "rows_small.csv").read_text().splitlines() == ["0,1.5,2"]
    assert datasets.load_iris().data.shape == (150, 4)


def test_retry() -> None:
    calls = []

    @datasets.retry(initial_delay=0.001, max_delay=0.002, is_retriable=lambda error: "again" in str(error))
    def fail(message: str) -> str:
        calls.append(message)
        if len(calls) < 3:
            raise OSError(message)
        return "done"

    assert fail("again") == "done"
    calls.clear()
    with pytest.raises(OSError, match="never"):
        fail("never")
    assert len(calls) == 1
    with pytest.raises(ValueError, match="factor must be >= 1"):
        datasets.retry(1.0, 2.0, factor=0.5)
    with pytest.raises(ValueError, match="jitter must be < 1"):
        datasets.retry(1.0, 2.0, jitter=1.0)
