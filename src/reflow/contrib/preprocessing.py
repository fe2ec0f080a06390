"""`tf.contrib.learn.preprocessing`: texts as rows of word numbers, or of bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.platform.gfile import GFile

# A run of capitals that no small letter follows, a capitalized word before a capital, or any word.
TOKENIZER_RE = re.compile(r"[A-Z]{2,}(?![a-z])|[A-Z][a-z]+(?=[A-Z])|['\w\-]+", re.UNICODE)
FORMAT = "reflow.VocabularyProcessor"


def tokenizer(iterator: Iterable[str]) -> Iterator[list[str]]:
    """The words of each text.

    >>> list(tokenizer(["Don't split well-made words.", "camelCase HTTPServer"]))
    [["Don't", 'split', 'well-made', 'words'], ['camelCase', 'HTTP', 'Server']]
    """
    for value in iterator:
        yield TOKENIZER_RE.findall(value)


class CategoricalVocabulary:
    """Numbers for words, in the order in which they come; 0 is for unknown ones.

    >>> words = CategoricalVocabulary()
    >>> words.get("a"), words.get("b"), words.get("a"), len(words), words.reverse(2)
    (1, 2, 1, 3, 'b')
    """

    def __init__(self, unknown_token: str = "<UNK>", support_reverse: bool = True) -> None:
        self._unknown_token = unknown_token
        self._support_reverse = support_reverse
        self._mapping = {unknown_token: 0}
        self._reverse_mapping = [unknown_token]
        self._freq: dict[Any, int] = {}
        self._freeze = False

    def __len__(self) -> int:
        return len(self._mapping)

    def freeze(self, freeze: bool = True) -> None:
        """Let words that are not there be unknown, from now on; or no longer."""
        self._freeze = freeze

    def get(self, category: Any) -> int:
        """The number of a word, a new one for a new word; 0 for it once the vocabulary is frozen."""
        if category not in self._mapping:
            if self._freeze:
                return 0
            self._append(category)
        return self._mapping[category]

    def _append(self, category: Any) -> None:
        self._mapping[category] = len(self._mapping)
        self._reverse_mapping.append(category)

    def add(self, category: Any, count: int = 1) -> None:
        """Count a word, entering it if it is new."""
        if self.get(category) > 0:
            self._freq[category] = self._freq.get(category, 0) + count

    def trim(self, min_frequency: int, max_frequency: int = -1) -> None:
        """Keep the words that came more than `min_frequency` times (and less than `max_frequency` times, if
        it is above 0), and number them anew, the most frequent first; words of one frequency by the
        alphabet."""
        words = sorted(self._freq.items(), key=lambda item: (-item[1], isinstance(item[0], str), item[0]))
        kept = [
            (word, count) for word, count in words if count > min_frequency and not 0 < max_frequency <= count
        ]
        self._mapping, self._reverse_mapping = {self._unknown_token: 0}, [self._unknown_token]
        for word, _ in kept:
            self._append(word)
        self._freq = dict(kept)

    def reverse(self, class_id: int) -> Any:
        """The word of a number; ValueError unless the vocabulary was made to support it."""
        if not self._support_reverse:
            raise ValueError(
                "This vocabulary wasn't initialized with support_reverse to support reverse() function."
            )
        return self._reverse_mapping[class_id]


class VocabularyProcessor:
    """Texts as rows of word numbers, all of one length.

    Args:
        max_document_length: the length of the rows: longer texts are cut, shorter ones end in zeros.
        min_frequency: words that come this many times or fewer are unknown (number 0).
        vocabulary: a `CategoricalVocabulary` to go on with.
        tokenizer_fn: a function from texts to their lists of words; `tokenizer` by default.

    >>> words = VocabularyProcessor(4)
    >>> [row.tolist() for row in words.fit_transform(["the cat", "the dog and the cat"])]
    [[1, 2, 0, 0], [1, 3, 4, 1]]
    >>> next(words.reverse([[1, 3, 0, 0]]))
    'the dog <UNK> <UNK>'
    """

    def __init__(
        self,
        max_document_length: int,
        min_frequency: int = 0,
        vocabulary: CategoricalVocabulary | None = None,
        tokenizer_fn: Callable[[Iterable[Any]], Iterable[Any]] | None = None,
    ) -> None:
        self.max_document_length = max_document_length
        self.min_frequency = min_frequency
        self.vocabulary_ = vocabulary or CategoricalVocabulary()
        self._tokenizer = tokenizer_fn or tokenizer

    def fit(self, raw_documents: Iterable[Any], unused_y: Any = None) -> VocabularyProcessor:
        """Learn the words of texts; new ones are unknown from then on."""
        for words in self._tokenizer(raw_documents):
            for word in words:
                self.vocabulary_.add(word)
        if self.min_frequency > 0:
            self.vocabulary_.trim(self.min_frequency)
        self.vocabulary_.freeze()
        return self

    def fit_transform(self, raw_documents: Iterable[Any], unused_y: Any = None) -> Iterator[np.ndarray]:
        """`fit`, then `transform`."""
        self.fit(raw_documents)
        return self.transform(raw_documents)

    def transform(self, raw_documents: Iterable[Any]) -> Iterator[np.ndarray]:
        """An int64 row of word numbers for each text."""
        for words in self._tokenizer(raw_documents):
            row = np.zeros(self.max_document_length, np.int64)
            for place, word in zip(range(self.max_document_length), words, strict=False):
                row[place] = self.vocabulary_.get(word)
            yield row

    def reverse(self, documents: Iterable[Iterable[int]]) -> Iterator[str]:
        """The words of each row of numbers, joined by blanks."""
        for row in documents:
            yield " ".join(self.vocabulary_.reverse(number) for number in row)

    def save(self, filename: Any) -> None:
        """Write the vocabulary and the settings to a file, as JSON.

        ValueError if there is a tokenizer of its own: a file can't hold a function.
        """
        if self._tokenizer is not tokenizer:
            raise ValueError(
                "A VocabularyProcessor with a tokenizer_fn cannot be saved: save its vocabulary_ and make "
                "the processor anew"
            )
        words = self.vocabulary_
        content = {
            "format": FORMAT,
            "max_document_length": self.max_document_length,
            "min_frequency": self.min_frequency,
            "words": words._reverse_mapping,
            "counts": words._freq,
            "support_reverse": words._support_reverse,
            "frozen": words._freeze,
        }
        with GFile(filename, "w") as file:
            file.write(json.dumps(content))

    @classmethod
    def restore(cls, filename: Any) -> VocabularyProcessor:
        """The processor that `save` wrote.

        Raises NotFoundError when there is no such file; DataLossError when it is another one. The pickles
        that TensorFlow wrote are refused: reading one runs whatever code is in it.
        """
        with GFile(filename, "rb") as file:
            content = _parsed(filename, file.read())
        words = CategoricalVocabulary(content["words"][0], content["support_reverse"])
        for word in content["words"][1:]:
            words._append(word)
        words._freq = content["counts"]
        words.freeze(content["frozen"])
        return cls(content["max_document_length"], content["min_frequency"], words)


def _parsed(filename: Any, data: bytes) -> dict[str, Any]:
    if data[:1] == b"\x80":
        raise errors.DataLossError(
            None,
            None,
            f"{filename} is a pickle, which Reflow does not read, as that would run code from the file: "
            "fit the VocabularyProcessor again and save it",
        )
    try:
        content = json.loads(data)
        if content["format"] != FORMAT or not isinstance(content["words"], list):
            raise ValueError("another format")
    except (ValueError, KeyError, TypeError) as error:
        raise errors.DataLossError(None, None, f"{filename} is no VocabularyProcessor: {error}") from None
    return content  # type: ignore[no-any-return]


class ByteProcessor:
    """Texts as rows of bytes, all of one length.

    >>> rows = list(ByteProcessor(5).transform(["ab", "abcdefg"]))
    >>> rows[0].tolist(), list(ByteProcessor(5).reverse(rows))
    ([97, 98, 0, 0, 0], ['ab', 'abcde'])
    """

    def __init__(self, max_document_length: int) -> None:
        self.max_document_length = max_document_length

    def fit(self, x: Iterable[Any]) -> None:
        """Nothing: there is nothing to learn."""

    def fit_transform(self, x: Iterable[Any]) -> Iterator[np.ndarray]:
        """As `transform`."""
        return self.transform(x)

    def transform(self, x: Iterable[Any]) -> Iterator[np.ndarray]:
        """A uint8 row for each text, cut, or filled up with zeros."""
        for text in x:
            data = (text.encode() if isinstance(text, str) else bytes(text))[: self.max_document_length]
            row = np.zeros(self.max_document_length, np.uint8)
            row[: len(data)] = np.frombuffer(data, np.uint8)
            yield row

    def reverse(self, x: Iterable[Any]) -> Iterator[str]:
        """The text of each row; "" for a row that is not UTF-8."""
        for row in x:
            data = np.trim_zeros(np.asarray(row).astype(np.uint8), trim="b").tobytes()
            try:
                yield data.decode()
            except UnicodeDecodeError:
                yield ""
