"""Settings: their types, what strings and JSON change, what is refused."""

from __future__ import annotations

import pytest

import reflow as tf


def settings() -> tf.contrib.training.HParams:
    return tf.contrib.training.HParams(rate=0.1, steps=10, name="net", deep=False, layers=[64, 32])


def test_attributes_and_dicts() -> None:
    made = settings()
    assert (made.rate, made.layers, made.values()["name"]) == (0.1, [64, 32], "net")
    assert "rate" in made and "other" not in made
    assert str(made) == "rate=0.1,steps=10,name=net,deep=False,layers=[64, 32]"
    assert repr(tf.contrib.training.HParams(b=1, a=2)) == "HParams([('a', 2), ('b', 1)])"
    made.add_hparam("width", 3)
    assert made.width == 3
    made.del_hparam("width")
    assert "width" not in made and not hasattr(made, "width")


def test_parse() -> None:
    made = settings().parse("rate=2,steps=20, name=a b,deep=True,layers=[1,2 3]")
    assert made.values() == {"rate": 2.0, "steps": 20, "name": "a b", "deep": True, "layers": [1, 2, 3]}
    assert settings().parse("deep=1").deep is True
    assert settings().parse("").steps == 10


def test_json() -> None:
    made = settings().parse_json('{"rate": 1, "layers": [8]}')
    assert (made.rate, made.layers) == (1.0, [8])
    assert tf.contrib.training.HParams(a=1).to_json() == '{"a": 1}'


def test_get() -> None:
    made = settings()
    assert (made.get("steps"), made.get("steps", 5), made.get("other", 7)) == (10, 10, 7)
    for key, default in (("steps", "5"), ("steps", [5]), ("layers", 5), ("layers", [0.5])):
        with pytest.raises(ValueError, match="incompatible with default"):
            made.get(key, default)


def test_places_of_lists() -> None:
    parsed = tf.contrib.training.parse_values("a[1]=3,a[0]=2,b=x", {"a": int, "b": str})
    assert parsed == {"a": {1: 3, 0: 2}, "b": "x"}
    assert tf.contrib.training.parse_values("a=1,c=2", {"a": int}, ignore_unknown=True) == {"a": 1}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("rate", "Malformed"),
        ("other=1", "Unknown hyperparameter type for other"),
        ("steps=1.5", "Could not parse hparam 'steps' of type 'int'"),
        ("deep=maybe", "Could not parse hparam 'deep'"),
        ("steps=1,steps=2", "Multiple assignments"),
        ("layers=5", "Must pass a list"),
        ("steps=[5]", "Must not pass a list"),
        ("layers[1]=[5]", "list to a list index"),
    ],
)
def test_refused_strings(values: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings().parse(values)


def test_refused_values() -> None:
    made = settings()
    for name, value in (("steps", 1.5), ("steps", True), ("name", 5), ("deep", 1), ("rate", "0.5")):
        with pytest.raises(ValueError, match=f"Could not cast hparam '{name}'"):
            made.set_hparam(name, value)
    with pytest.raises(ValueError, match="reserved"):
        made.add_hparam("parse", 1)
    with pytest.raises(ValueError, match="empty"):
        made.add_hparam("sizes", [])
