"""Masks grown by a distance in millimetres."""

from __future__ import annotations

import numpy as np

from medpaint.masks.dilation import dilated


def test_dilation_is_in_millimetres() -> None:
    mask = np.zeros((21, 21, 21), bool)
    mask[10, 10, 10] = True
    grown = dilated(mask, (1.0, 1.0, 4.0), 4.0)
    assert np.flatnonzero(grown[:, 10, 10]).tolist() == list(range(6, 15))
    assert np.flatnonzero(grown[10, 10, :]).tolist() == [9, 10, 11]
    assert not mask[9, 10, 10]


def test_dilation_by_0_returns_a_copy() -> None:
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 1] = True
    same = dilated(mask, (1, 1, 1), 0.0)
    assert np.array_equal(same, mask)
    assert same is not mask
