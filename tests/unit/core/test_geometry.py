"""Grids: spacing, directions, and which grids are flips of each other."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from medpaint.core.errors import GeometryError
from medpaint.core.geometry import axis_codes, checked_affine, index_map, spacing_of

AFFINE = np.array([[0.9, 0.1, 0.0, -80.0], [-0.1, 0.9, 0.2, -120.0], [0.0, -0.2, 3.0, -70.0], [0, 0, 0, 1.0]])
SHAPE = (5, 6, 7)


def flipped(
    affine: np.ndarray, shape: tuple[int, int, int], axes: tuple[int, ...], signs: tuple[int, ...]
) -> np.ndarray:
    """Return the affine of a volume whose axes were permuted and flipped."""
    matrix = np.zeros((4, 4))
    matrix[3, 3] = 1
    for new, (old, sign) in enumerate(zip(axes, signs, strict=True)):
        matrix[old, new] = sign
        matrix[old, 3] = 0 if sign > 0 else shape[old] - 1
    return np.asarray(affine @ matrix)


def test_spacing_is_the_length_of_the_voxel_edges() -> None:
    assert spacing_of(np.diag([0.5, -2.0, 3.0, 1.0])) == (0.5, 2.0, 3.0)


@pytest.mark.parametrize(("diagonal", "codes"), [((1, 1, 1), "RAS"), ((-1, -1, 1), "LPS"), ((-1, 1, -1), "LAI")])
def test_axis_codes_name_directions(diagonal: tuple[int, int, int], codes: str) -> None:
    assert axis_codes(np.diag([*diagonal, 1.0])) == codes


@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_index_map_finds_every_flip_and_permutation(axes: tuple[int, ...], signs: tuple[int, ...]) -> None:
    moving = flipped(AFFINE, SHAPE, axes, signs)
    found = index_map(AFFINE, moving, SHAPE)
    assert found is not None
    corner = np.array([4, 5, 6, 1])
    assert np.allclose(moving @ (found @ corner), AFFINE @ corner)


def test_index_map_refuses_a_shift_of_half_a_voxel() -> None:
    moving = AFFINE.copy()
    moving[:3, 3] += AFFINE[:3, 0] / 2
    assert index_map(AFFINE, moving, SHAPE) is None


def test_index_map_refuses_another_spacing() -> None:
    assert index_map(np.diag([1.0, 1, 1, 1]), np.diag([1.0, 1, 1.1, 1]), SHAPE) is None


def test_index_map_allows_the_rounding_of_headers() -> None:
    assert index_map(AFFINE, AFFINE.astype(np.float32).astype(np.float64), SHAPE) is not None


@pytest.mark.parametrize("bad", [np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3), np.diag([1.0, 1, 0, 1])])
def test_a_singular_affine_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(GeometryError, match="affine"):
        checked_affine(bad)
