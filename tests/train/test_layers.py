"""Layers: node lists, collections and values as TensorFlow 1.15 gives them."""

from __future__ import annotations

import functools
from typing import Any

import pytest

import reflow as tf
from reflow.runtime.session import Session

from . import FAMILIES, harness

KINDS = ("layers", "slim")
NAMES = [(family, name) for family in KINDS for name in FAMILIES[family].builds]
COMPILED = ("convnet", "batch_norm_images_training", "batch_norm_vectors_renorm", "separable_conv2d")


@functools.cache
def recordings(family: str) -> dict[str, Any]:
    return harness.load(family)


@pytest.mark.parametrize(("family", "name"), NAMES, ids=[name for _, name in NAMES])
def test_scenario(family: str, name: str) -> None:
    assert name in recordings(family), "not recorded: run tools/record_training.py"
    harness.check(tf, FAMILIES[family], name, recordings(family)[name])


@pytest.mark.joint
@pytest.mark.parametrize("name", COMPILED)
def test_compiled(name: str) -> None:
    make_session = functools.partial(Session, tier="compile")
    harness.check(tf, FAMILIES["layers"], name, recordings("layers")[name], make_session)


def test_every_recording_has_a_scenario() -> None:
    for family in KINDS:
        assert set(recordings(family)) == set(FAMILIES[family].builds)
