"""The symmetry of a scan is found where it has one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from medpaint.core.types import FloatArray, Spacing
from medpaint.engines.exemplar.symmetry import symmetry_of

ISOTROPIC: Spacing = (2.0, 2.0, 2.0)


def lump(shape: tuple[int, int, int], seed: int) -> FloatArray:
    """Return smooth noise that fades towards the faces."""
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 3.0)
    window = np.sqrt(np.einsum("i,j,k->ijk", *(np.hanning(size + 2)[1:-1] for size in shape)))
    faded: FloatArray = (noise * window / noise.std()).astype(np.float32)
    return faded


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("left_over", [0, 1, 2, 3])
@pytest.mark.parametrize("offset", [0, 6])
def test_axis_and_shift_of_a_symmetric_scan_are_found(axis: int, left_over: int, offset: int) -> None:
    half = lump((40, 40, 40), 1)[:20]
    body = np.zeros((56 + left_over, 44, 42), dtype=np.float32)
    body[offset : offset + 40, 2:42, 1:41] = np.concatenate([half, half[::-1]])
    image = np.moveaxis(body, 0, axis).copy()
    found = symmetry_of(image, ISOTROPIC)
    assert found is not None
    assert found.axis == axis
    assert abs(found.shift[axis] - (16 + left_over - 2 * offset)) <= 1
    inside = np.zeros(image.shape, dtype=bool)
    window = tuple(slice(first, first + 12) for first in (10, 12, 14))
    inside[window] = True
    values, known = found.other_side(image, np.ones_like(inside), (window[0], window[1], window[2]))
    assert known.all()
    assert np.corrcoef(values.ravel(), image[window].ravel())[0, 1] > 0.9


def test_noise_and_a_constant_have_no_symmetry() -> None:
    assert symmetry_of(lump((40, 38, 36), 2), ISOTROPIC) is None
    assert symmetry_of(np.full((20, 20, 20), 3.0, dtype=np.float32), ISOTROPIC) is None


def test_voxels_beyond_the_scan_are_unknown() -> None:
    half = lump((40, 40, 40), 3)[:20]
    image = np.zeros((60, 40, 40), dtype=np.float32)
    image[:40] = np.concatenate([half, half[::-1]])
    found = symmetry_of(image, ISOTROPIC)
    assert found is not None
    far, known = found.other_side(
        image, np.ones(image.shape, dtype=bool), (slice(44, 60), slice(0, 40), slice(0, 40))
    )
    assert far.shape == (16, 40, 40)
    assert not known[-10:].any()


@pytest.mark.parametrize("shape", [(1, 30, 40), (3, 3, 3), (1, 1, 9)])
def test_small_and_flat_scans_are_accepted(shape: tuple[int, int, int]) -> None:
    symmetry_of(np.random.default_rng(0).random(shape, dtype=np.float32), (1.0, 1.0, 1.0))
