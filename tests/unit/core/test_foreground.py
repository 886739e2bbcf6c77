"""Tissue told apart from background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medpaint.core.encoding import Encoding
from medpaint.core.foreground import foreground_of
from medpaint.core.types import Mask
from medpaint.core.volume import Volume

SHAPE = (20, 20, 20)


def ball() -> Mask:
    i, j, k = np.ogrid[:20, :20, :20]
    return np.asarray((i - 10) ** 2 + (j - 10) ** 2 + (k - 10) ** 2 < 36)


def test_padding_is_neither_tissue_nor_background() -> None:
    values = np.where(ball(), 40, -1000).astype(np.int16)
    values[:3] = -30000
    encoding = replace(Encoding.of(values.dtype), padding=(-30000.0, -30000.0))
    found = foreground_of(Volume(values, np.eye(4), encoding), np.zeros(SHAPE, dtype=bool))
    np.testing.assert_array_equal(found.tissue, ball())


def test_what_is_under_the_mask_can_be_left_out() -> None:
    values = np.where(ball(), 40.0, 0.0).astype(np.float32)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[9:12, 9:12, 9:12] = True
    values[mask] = 1e6
    found = foreground_of(Volume.of(values), mask, outside=True)
    np.testing.assert_array_equal(found.tissue, ball() & ~mask)
