"""`tf.contrib.learn.datasets.base`: small data sets as named tuples, CSV files, downloads.

A download goes to a file of another name first, so that a broken one is never taken for the data.
"""

from __future__ import annotations

import csv
import errno
import os
import random
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")
TIMEOUT = 30.0  # seconds without an answer


class Dataset(NamedTuple):
    """Rows of numbers and what is known of each."""

    data: Any
    target: Any


class Datasets(NamedTuple):
    """Examples to learn from, to choose by, and to test with."""

    train: Any
    validation: Any
    test: Any


# CSV files


def load_csv_with_header(
    filename: str | os.PathLike[str], target_dtype: Any, features_dtype: Any, target_column: int = -1
) -> Dataset:
    """A CSV file whose first line begins with the numbers of rows and of features.

    Args:
        target_dtype, features_dtype: NumPy types.
        target_column: the column of the targets.
    """
    with open(filename, newline="", encoding="utf8") as file:
        rows = csv.reader(file)
        count, width = (int(n) for n in next(rows)[:2])
        data, target = np.zeros((count, width), features_dtype), np.zeros(count, target_dtype)
        for i, row in enumerate(rows):
            target[i] = np.asarray(row.pop(target_column), target_dtype)
            data[i] = np.asarray(row, features_dtype)
    return Dataset(data, target)


def load_csv_without_header(
    filename: str | os.PathLike[str], target_dtype: Any, features_dtype: Any, target_column: int = -1
) -> Dataset:
    """A CSV file of rows only. Arguments as of `load_csv_with_header`."""
    with open(filename, newline="", encoding="utf8") as file:
        rows = list(csv.reader(file))
    target = np.array([row.pop(target_column) for row in rows], target_dtype)
    return Dataset(np.array([np.asarray(row, features_dtype) for row in rows]), target)


def shrink_csv(filename: str, ratio: int) -> None:
    """Write every `ratio`-th line of a CSV file to a file named `..._small.`."""
    with open(filename, newline="", encoding="utf8") as file:
        rows = list(csv.reader(file))
    with open(filename.replace(".", "_small."), "w", newline="", encoding="utf8") as file:
        csv.writer(file).writerows(rows[::ratio])


def load_iris(data_path: str | None = None) -> Dataset:
    """Fisher's 150 irises: from a CSV file, or else from scikit-learn, if it is installed."""
    if data_path is not None:
        return load_csv_with_header(data_path, target_dtype=int, features_dtype=float)
    try:
        from sklearn import datasets
    except ImportError:
        raise ImportError(
            "load_iris() takes the irises from scikit-learn, which is not installed: install it, or give "
            "data_path, a CSV file"
        ) from None
    found = datasets.load_iris()
    return Dataset(found.data, found.target)


# Downloads


def retry(
    initial_delay: float,
    max_delay: float,
    factor: float = 2.0,
    jitter: float = 0.25,
    is_retriable: Callable[[Exception], bool] | None = None,
) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """A decorator: call a function again when it fails, after longer and longer delays.

    Args:
        initial_delay, max_delay: seconds.
        factor: of one delay to the one before; at least 1.
        jitter: the part of a delay that is random; less than 1.
        is_retriable: which errors to try again after; all by default, and then without a delay.
    """
    if factor < 1:
        raise ValueError(f"factor must be >= 1; was {factor:f}")
    if jitter >= 1:
        raise ValueError(f"jitter must be < 1; was {jitter:f}")

    def delays() -> Iterator[float]:
        delay = initial_delay
        while delay <= max_delay:
            yield delay * random.uniform(1 - jitter, 1 + jitter)
            delay *= factor

    def decorate(function: Callable[..., T]) -> Callable[..., T]:
        def patient(*args: Any, **kwargs: Any) -> T:
            for delay in delays():
                try:
                    return function(*args, **kwargs)
                except Exception as error:
                    if is_retriable is None:
                        continue
                    if not is_retriable(error):
                        raise
                    time.sleep(delay)
            return function(*args, **kwargs)

        return patient

    return decorate


def _timed_out(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.ETIMEDOUT


@retry(initial_delay=1.0, max_delay=16.0, is_retriable=_timed_out)
def urlretrieve_with_retry(url: str, filename: str | None = None) -> tuple[str, Any]:
    """Copy what is at `url` to a file, a temporary one by default; its name and the answer's headers."""
    with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
        if filename is None:
            handle, filename = tempfile.mkstemp()
            os.close(handle)
        with open(filename, "wb") as file:
            while block := answer.read(1 << 20):
                file.write(block)
        return filename, answer.headers


def maybe_download(filename: str, work_directory: str | os.PathLike[str], source_url: str) -> str:
    """The path of `filename` in a folder, where it is put from `source_url` if it is not there yet.

    Raises URLError (an OSError) when it is not there and cannot be downloaded.
    """
    folder = Path(work_directory)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / filename
    if not path.exists():
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            urlretrieve_with_retry(source_url, str(part))
            os.replace(part, path)
        except (OSError, ValueError) as error:
            raise urllib.error.URLError(
                f"{filename} is not in {folder}, and downloading it from {source_url} failed: {error}"
            ) from error
        finally:
            part.unlink(missing_ok=True)
        print("Successfully downloaded", filename, path.stat().st_size, "bytes.")
    return str(path)
