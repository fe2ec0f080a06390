"""Vocabularies of `tf.contrib.learn.preprocessing`; the numbers are TensorFlow 1.15's."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

import reflow as tf

DOCUMENTS = [
    "The cat's HTTPServer sat",
    "a b c a b a the The",
    "",
    "über-cool naïve HELLOWorld foo_bar 12",
]
learn = tf.contrib.learn.preprocessing


def test_words_have_numbers_in_the_order_in_which_they_come() -> None:
    words = learn.VocabularyProcessor(5)
    rows = [row.tolist() for row in words.fit_transform(DOCUMENTS)]
    assert rows == [[1, 2, 3, 4, 5], [6, 7, 8, 6, 7], [0] * 5, [10, 11, 12, 13, 14]]
    assert len(words.vocabulary_) == 16
    assert [row.tolist() for row in words.transform(["a zzz cat's 12"])] == [[6, 0, 2, 15, 0]]
    assert list(words.reverse([[1, 2, 0], [3]])) == ["The cat's <UNK>", "HTTP"]


def test_rare_words_are_unknown() -> None:
    words = learn.VocabularyProcessor(6, min_frequency=1)
    rows = [row.tolist() for row in words.fit_transform(DOCUMENTS)]
    assert rows == [[2, 0, 0, 0, 0, 0], [1, 3, 0, 1, 3, 1], [0] * 6, [0] * 6]


def test_trim() -> None:
    words = learn.CategoricalVocabulary(support_reverse=False)
    for word in "abbccc":
        words.add(word)
    words.trim(1, 3)
    assert (len(words), words.get("b"), words.get("q")) == (2, 1, 2)
    with pytest.raises(ValueError, match="wasn't initialized with support_reverse"):
        words.reverse(1)


def test_bytes() -> None:
    pieces = learn.ByteProcessor(6)
    rows = list(pieces.fit_transform(["ab", "ünïcode"]))
    assert [row.tolist() for row in rows] == [[97, 98, 0, 0, 0, 0], [195, 188, 110, 195, 175, 99]]
    assert list(pieces.reverse(rows)) == ["ab", "ünïc"]


def test_save_and_restore(tmp_path: Path) -> None:
    words = learn.VocabularyProcessor(6, min_frequency=1)
    words.fit(DOCUMENTS)
    words.save(str(tmp_path / "vocab"))
    again = learn.VocabularyProcessor.restore(str(tmp_path / "vocab"))
    assert [r.tolist() for r in again.transform(DOCUMENTS)] == [
        r.tolist() for r in words.transform(DOCUMENTS)
    ]
    assert (again.min_frequency, again.vocabulary_.get("new")) == (1, 0)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (pickle.dumps({"a": 1}), "is a pickle, which Reflow does not read"),
        (b"{}", "is no VocabularyProcessor"),
        (b"\xff", "is no VocabularyProcessor"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, text: str) -> None:
    (tmp_path / "vocab").write_bytes(data)
    with pytest.raises(tf.errors.DataLossError, match=text):
        learn.VocabularyProcessor.restore(str(tmp_path / "vocab"))
    with pytest.raises(tf.errors.NotFoundError):
        learn.VocabularyProcessor.restore(str(tmp_path / "none"))


def test_a_tokenizer_is_not_saved(tmp_path: Path) -> None:
    words = learn.VocabularyProcessor(3, tokenizer_fn=lambda texts: (t.split("-") for t in texts))
    assert [row.tolist() for row in words.fit_transform(["x-y", "y"])] == [[1, 2, 0], [2, 0, 0]]
    with pytest.raises(ValueError, match="tokenizer_fn cannot be saved"):
        words.save(str(tmp_path / "vocab"))
