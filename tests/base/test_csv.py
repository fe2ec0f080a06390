"""Files of comma-separated values: whatever the pieces that they are read in, the same records."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reflow.base import errors
from reflow.base.pipeline.buffering import new_place
from reflow.base.pipeline.csv import Csv, CsvColumn, CsvFormat, records

TEXT = CsvColumn(0, np.dtype(object), np.array(b"", object))


def how(**settings: Any) -> CsvFormat:
    plain = CsvFormat(b",", True, b"", False, "", 1 << 18)
    return plain._replace(**settings)


def shown(found: list[Any]) -> list[Any]:
    return [str(record) if isinstance(record, Exception) else record for record in found]


@pytest.mark.parametrize("seed", range(6))
def test_records_do_not_depend_on_the_pieces(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    rows = [["".join(draw.choices('ab",\n\r 1', k=draw.randrange(5))) for _ in range(3)] for _ in range(30)]
    text = io.StringIO()
    ends, quoting = draw.choice([("\n", csv.QUOTE_ALL), ("\r", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)])
    csv.writer(text, lineterminator=ends, quoting=quoting).writerows(rows)
    path = tmp_path / "rows.csv"
    path.write_bytes(text.getvalue().encode())
    want = [[field.encode() for field in row] for row in rows]
    for size in (1, 2, 3, 7, 64, 1 << 18):
        assert list(records(str(path), how(buffer_size=size))) == want


@pytest.mark.parametrize("seed", range(40))
def test_damaged_records_do_not_depend_on_the_pieces(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    path = tmp_path / "rows.csv"
    path.write_bytes("".join(draw.choices('ab",\n\r', weights=[4, 4, 1, 4, 3, 1], k=80)).encode())
    for quotes in (True, False):
        want = shown(list(records(str(path), how(quotes=quotes))))
        for size in (1, 2, 5, 13):
            assert shown(list(records(str(path), how(quotes=quotes, buffer_size=size)))) == want


def elements(dataset: Csv, size: int) -> list[Any]:
    """All elements, or errors, pulled as blocks of at most `size` (0: one by one)."""
    cursor, found = dataset.cursor(new_place()), []
    while True:
        try:
            if size:
                found += [list(row) for row in zip(*[c.tolist() for c in cursor.block(size)], strict=True)]
            else:
                found.append([np.asarray(c).tolist() for c in next(cursor)])
        except StopIteration:
            return found
        except errors.OpError as error:
            found.append(str(error))


@pytest.mark.parametrize("seed", range(20))
def test_blocks_have_the_values_of_single_records(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    odd = draw.random() * 0.1
    kinds = [
        lambda: draw.choice(
            ["", "1", "-7", "+5", " 3", "2147483648"] if draw.random() < odd else ["12", "-3"]
        ),
        lambda: draw.choice(["1e5", "", ".5", "nan", "-inf", "x"] if draw.random() < odd else ["1.25", "-3"]),
        lambda: draw.choice(["", "word", "NA"]),
    ]
    lines = [",".join(kind() for kind in kinds) for _ in range(60)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines))
    columns = [
        CsvColumn(0, np.dtype(np.int32), None if seed % 2 else np.int32(5)),
        CsvColumn(1, np.dtype(np.float32), np.float32(0.5)),
        TEXT._replace(number=2, default=np.array(b"none", object)),
    ]
    dataset = Csv([str(path).encode()], how(missing=b"NA"), columns, [])
    single = elements(dataset, 0)
    assert len(single) == 60
    for size in (1, 7, 60, 1000):
        assert repr(elements(dataset, size)) == repr(single)


def test_a_missing_file_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "later.csv"
    cursor = Csv([str(path).encode()], how(), [TEXT], []).cursor(new_place())
    with pytest.raises(errors.NotFoundError, match=r"later\.csv"):
        next(cursor)
    path.write_text("now")
    assert [c.item() for c in next(cursor)] == [b"now"]
