"""The word-vector example, run as its users do: training, files, checkpoints, and what it refuses."""

from __future__ import annotations

import importlib.util
import json
import random
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "word2vec.py"
ANIMALS, TOOLS = ("cat", "dog", "horse", "goat"), ("hammer", "drill", "chisel", "saw")
TINY = ("--size", 8, "--window", 2, "--batch", 32, "--sampled", 4, "--steps", 40)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


corpus = load("corpus")


def run(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reflow", "run", str(EXAMPLE), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def output(*words: object) -> str:
    result = run(*words)
    assert result.returncode == 0, result.stderr
    return result.stdout


def refusal(*words: object) -> str:
    """The one line that a run ends with that must not succeed."""
    result = run(*words)
    assert result.returncode == 1
    assert result.stderr.startswith("word2vec: ") and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """A text in which animals and tools have company of their own."""
    chance = random.Random(0)
    lines = []
    for _ in range(400):
        lines.append(f"Hungry {chance.choice(ANIMALS)} eats {chance.choice(('hay', 'meat'))}.")
        lines.append(f"Heavy {chance.choice(TOOLS)} breaks {chance.choice(('wood', 'steel'))}!")
    path = tmp_path / "story.txt"
    path.write_text("\n".join(lines), encoding="utf8")
    return path


def near(text: str, word: str) -> set[str]:
    """The three nearest words of a word, as the program printed them."""
    (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{word}: ")]
    return {neighbour.split()[0] for neighbour in line.split(": ")[1].split(",")[:3]}


def read_text_vectors(path: Path) -> dict[str, list[float]]:
    head, *lines = path.read_text(encoding="utf8").splitlines()
    words, size = map(int, head.split())
    table = {line.split(" ")[0]: [float(x) for x in line.split(" ")[1:]] for line in lines}
    assert len(lines) == len(table) == words and {len(v) for v in table.values()} == {size}
    return table


def read_binary_vectors(path: Path) -> dict[str, list[float]]:
    data = path.read_bytes()
    at = data.index(b"\n")
    words, size = map(int, data[:at].split())
    table = {}
    for _ in range(words):
        end = data.index(b" ", at + 1)
        word, at = data[at + 1 : end].decode(), end + 1 + 4 * size
        table[word] = np.frombuffer(data[end + 1 : at], "<f4").tolist()
        assert data[at : at + 1] == b"\n"
    assert at == len(data) - 1
    return table


def test_words_of_one_kind_become_neighbours(story: Path, tmp_path: Path) -> None:
    files = ("--save-text", tmp_path / "v.txt", "--save-binary", tmp_path / "v.bin")
    settings = ("--size", 16, "--batch", 64, "--sampled", 8, "--initial", 0.1, "--rate", 2, "--steps", 1500)
    shown = ("--decay", "--words", "cat", "drill", "unicorn", "--analogy", "cat", "hungry", "drill")
    text = output("--corpus", story, *settings, *files, *shown)
    assert "3,200 words, 16 of them different" in text
    assert "1,500 steps in " in text and "pairs/s" in text and "unicorn: not in the vocabulary" in text
    assert set(ANIMALS) - {"cat"} == near(text, "cat") and set(TOOLS) - {"drill"} == near(text, "drill")
    assert "cat : hungry = drill : " in text
    text_vectors, binary = (read_text_vectors(tmp_path / "v.txt"), read_binary_vectors(tmp_path / "v.bin"))
    assert list(text_vectors) == list(binary) and {"UNK", *ANIMALS, *TOOLS} <= binary.keys()
    np.testing.assert_allclose(list(text_vectors.values()), list(binary.values()), rtol=1e-5, atol=1e-7)
    assert not list(tmp_path.glob("*.partial"))


def test_cbow_goes_on_from_its_checkpoint(story: Path, tmp_path: Path) -> None:
    archive, folder, events = tmp_path / "story.zip", tmp_path / "saved", tmp_path / "events"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("empty/", "")
        file.write(story, "story")
    words = ["--cbow", "--corpus", archive, "--checkpoint", folder, *TINY, "--out", events]
    first = output(*words, "--subsample", "0.01")
    assert "40 steps in" in first and "cat:" not in first
    assert (folder / "model-40.index").exists() and list(events.glob("events.out.tfevents.*"))
    assert "UNK" in json.loads((folder / "vocabulary.json").read_text(encoding="utf8"))
    assert "20 steps after the first 40 in" in output(*words, "--steps", 60)
    assert "0 steps after the first 60 in" in output(*words, "--steps", 60)
    assert "of another vocabulary" in refusal(*words, "--vocabulary", 10)
    assert "have vectors of [17, 8], not [17, 9]" in refusal(*words, "--steps", 80, "--size", 9)
    assert sorted(path.name for path in folder.glob("model-*.index")) == ["model-40.index", "model-60.index"]


def test_the_documentation_is_the_corpus_otherwise() -> None:
    text = output(*TINY, "--vocabulary", 500)
    assert "499 of them different" in text
    assert "list: " in text and "integer : int = string : " in text


@pytest.mark.parametrize("more", [[], ["--cbow"]])
def test_divergence_stops_the_program(story: Path, tmp_path: Path, more: list[str]) -> None:
    files = ("--save-text", tmp_path / "v.txt", "--checkpoint", tmp_path / "saved")
    message = refusal("--corpus", story, *TINY, *more, "--rate", "1e30", *files)
    assert "at step " in message and "with a rate of 1e+30: try a smaller --rate" in message
    assert not list(tmp_path.glob("v.*")) and not list(tmp_path.glob("saved/model*"))


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", "the corpus has 0 words: too few for a window of 2"),
        (b"one two\0three four", "is a binary file: it contains zero bytes"),
        (b"one two three", "4 sampled words of a vocabulary of 4: too many"),
        (None, "there is no corpus at "),
    ],
)
def test_a_corpus_that_is_refused(tmp_path: Path, data: bytes | None, wanted: str) -> None:
    path = tmp_path / "corpus"
    if data is not None:
        path.write_bytes(data)
    assert wanted in refusal("--corpus", path, *TINY, "--save-text", tmp_path / "v.txt")
    assert not list(tmp_path.glob("v.*"))


def test_a_corpus_without_enough_words() -> None:
    for words in ([], ["one"], ["one", "two"]):
        with pytest.raises(corpus.CorpusError, match=f"has {len(words)} words: too few for a window of 2"):
            corpus.Corpus(words, None, 2)
    with pytest.raises(corpus.CorpusError, match="drops nearly all words"):
        corpus.batches(corpus.Corpus(["one"] * 1000), 10, 1, 1e-15)


def test_archives_and_folders_that_cannot_be_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with zipfile.ZipFile(tmp_path / "broken.zip", "w") as file:
        file.writestr("text", "one two three four five " * 50)
    data = bytearray((tmp_path / "broken.zip").read_bytes())
    data[60:70] = b"0123456789"
    (tmp_path / "broken.zip").write_bytes(bytes(data))
    (tmp_path / "latin").write_bytes(b"caf\xe9 au lait")
    for name, wanted in (
        ("empty.zip", "not a text file"),
        ("broken.zip", "CRC"),
        ("", "not a text file"),
        ("latin", "utf-8"),
    ):
        with pytest.raises(corpus.CorpusError, match=wanted):
            corpus.read_text(str(tmp_path / name))


def test_settings_that_cannot_be(story: Path, tmp_path: Path) -> None:
    at = ("--corpus", story, *TINY)
    wanted = "a vocabulary of 100 words was asked for, but the corpus has 16 different words"
    assert wanted in refusal(*at, "--vocabulary", 100)
    assert "cannot be written" in refusal(*at, "--save-text", tmp_path / "nowhere" / "v.txt")
    assert "File exists" in refusal(*at, "--checkpoint", story)
    result = run(*at, "--batch", 0)
    assert result.returncode == 2 and "invalid int of 1 or more value: '0'" in result.stderr


def test_words() -> None:
    found = corpus.words_of("The `__init__`() isn't *x*'s; Käse 2to3 a_b — “naïve” a __ utf8")
    assert found == ["the", "__init__", "isn't", "käse", "to", "a_b", "naïve", "a", "utf"]


def test_numbers_go_by_frequency_and_the_rest_is_unknown() -> None:
    texts = corpus.Corpus(["go", "to", "it", "to", "go", "to", "be"], 3)
    assert texts.vocabulary == ["UNK", "to", "go"]
    assert texts.numbers.tolist() == [2, 1, 0, 1, 2, 1, 0] and texts.counts.tolist() == [2, 3, 2]


def test_pairs_and_bags_keep_to_the_window() -> None:
    texts = corpus.Corpus([f"w{chr(97 + i)}" for i in range(20)], None, 3)
    place = {number: i for i, number in enumerate(texts.numbers.tolist())}
    chance = np.random.default_rng(0)
    centers, targets = texts.pairs(1, 0.0, chance)
    pairs = sorted((place[c], place[t]) for c, t in zip(centers.tolist(), targets.tolist(), strict=True))
    assert pairs == sorted([(i, i + 1) for i in range(19)] + [(i + 1, i) for i in range(19)])
    centers, targets = texts.pairs(3, 0.0, chance)
    apart = {abs(place[c] - place[t]) for c, t in zip(centers.tolist(), targets.tolist(), strict=True)}
    assert apart == {1, 2, 3}
    contexts, centers = texts.bags(1, 0.0, chance)
    for context, center in zip(contexts.tolist(), centers.tolist(), strict=True):
        at = place[center]
        assert context == [texts.numbers[i] if 0 <= i < 20 else -1 for i in (at - 1, at + 1)]


def test_batches_join_passes_and_subsampling_keeps_its_share() -> None:
    texts = corpus.Corpus(["the"] * 9_000 + ["rare"] * 1_000, None, 1)
    kept = texts.subsampled(0.01, np.random.default_rng(0))
    assert abs(np.sum(kept == 1) / 9_000 - (0.01 / 0.9) ** 0.5) < 0.02
    assert abs(np.sum(kept == 2) / 1_000 - 0.1**0.5) < 0.05
    small = corpus.Corpus(["one", "two", "three"], None, 1)
    made = corpus.batches(small, 7, 1)
    shapes = [(inputs.shape, targets.shape) for inputs, targets in (next(made) for _ in range(3))]
    assert shapes == [((7,), (7, 1))] * 3
    assert all(
        len(corpus.Corpus(["a"] * 2, None, 1).pairs(1, 1e-9, np.random.default_rng(1))[i]) == 0
        for i in (0, 1)
    )
