"""Kinds of holes as a user names them."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.errors import UsageError
from medpaint.corrupt import LesionShape
from medpaint.evaluation.kinds import HoleKind, hole_kinds


@pytest.mark.parametrize(
    ("word", "ranges"),
    [
        ("blob:", ["0.4-2 ml", "8-15 ml", "30-50 ml"]),
        ("blob", ["0.4-2 ml", "8-15 ml", "30-50 ml"]),
        ("blob:2", ["2 ml"]),
        ("slices:1-3", ["1-3 slices"]),
    ],
)
def test_kinds_are_named_with_or_without_sizes(word: str, ranges: list[str]) -> None:
    assert [kind.bin for kind in hole_kinds([word])] == ranges


def test_repeated_kinds_count_once() -> None:
    assert hole_kinds(["blob:2", "blob:2-2"]) == (HoleKind("blob", (2.0, 2.0), "ml"),)


@pytest.mark.parametrize("word", ["lesion", "hole", "blob:9-1", "blob:x", "blob:-1", "slices:0.5", "blob:1-inf"])
def test_unknown_kinds_and_impossible_sizes_are_refused(word: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        hole_kinds([word])


def test_all_kinds_are_made_by_default() -> None:
    shapes = (LesionShape(np.ones((4, 4, 4), dtype=bool), (1.0, 1.0, 1.0)),)
    assert {kind.name for kind in hole_kinds([], shapes)} >= {"lesion", "blob", "slices", "slab-i", "edge"}
