"""Lost slices solved by cosine transforms: the solution of a direct solver, apart from other holes."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.classical.biharmonic import fill_biharmonic
from medpaint.engines.classical.harmonic import fill_harmonic
from medpaint.engines.classical.slices import Run, lost_runs
from medpaint.engines.classical.stencil import laplacian
from medpaint.engines.images import values_at

SHAPE = (7, 6, 14)
FILLS = {False: fill_harmonic, True: fill_biharmonic}
"""By whether the rows of the rim count."""


def lost(*numbers: int, axis: int = 2) -> Mask:
    """Return a mask of slices."""
    mask = np.zeros(SHAPE, dtype=bool)
    np.moveaxis(mask, axis, 0)[list(numbers)] = True
    return mask


def image() -> FloatArray:
    """Return a smooth image with some noise."""
    i, j, k = np.indices(SHAPE)
    smooth: FloatArray = np.sin(i / 3.0) + np.cos(j / 2.0) * k / 7.0
    return smooth + np.random.default_rng(1).normal(0.0, 0.1, SHAPE)


def direct(mask: Mask, spacing_mm: Spacing, *, rim: bool) -> FloatArray:
    """Return the values of the masked voxels, by a dense solver."""
    equations = laplacian(image(), mask, spacing_mm, rim=rim)
    solution = np.linalg.lstsq(equations.unknown.toarray(), -equations.known, rcond=None)[0]
    return np.clip(solution.astype(np.float64) + equations.level, equations.lowest, equations.highest)


@pytest.mark.parametrize("rim", [False, True], ids=["harmonic", "biharmonic"])
@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (0.5, 1.0, 4.0), (2.0, 1.0, 0.5)])
@pytest.mark.parametrize(
    ("axis", "numbers"),
    [
        pytest.param(2, (6,), id="one"),
        pytest.param(2, (5, 6, 7), id="three"),
        pytest.param(2, (4, 6), id="one known between"),
        pytest.param(2, (3, 6), id="two known between"),
        pytest.param(0, (0, 1), id="at the start"),
        pytest.param(1, (5,), id="at the end"),
        pytest.param(1, (4,), id="beside the end"),
        pytest.param(2, tuple(range(2, 13)), id="many"),
    ],
)
def test_lost_slices_agree_with_a_direct_solver(
    axis: int, numbers: tuple[int, ...], spacing_mm: Spacing, *, rim: bool
) -> None:
    mask = lost(*numbers, axis=axis)
    assert {number for run in lost_runs(mask, rim=rim) for number in run.lost} == set(numbers)
    filled = np.asarray(FILLS[rim](np.where(mask, np.nan, image()), mask, spacing_mm))
    np.testing.assert_allclose(values_at(filled, mask), direct(mask, spacing_mm, rim=rim), atol=1e-9)
    np.testing.assert_array_equal(filled[~mask], image()[~mask])


@pytest.mark.parametrize("rim", [False, True], ids=["harmonic", "biharmonic"])
def test_other_holes_are_solved_beside_lost_slices(*, rim: bool) -> None:
    mask = lost(3)
    mask[2:4, 2:5, 7:10] = True
    assert lost_runs(mask, rim=rim) == [Run(2, (3,))]
    filled = FILLS[rim](np.where(mask, np.nan, image()), mask, (1.0, 1.0, 1.0))
    np.testing.assert_allclose(values_at(filled, mask), direct(mask, (1.0, 1.0, 1.0), rim=rim), atol=1e-5)


@pytest.mark.parametrize(("rim", "apart"), [(False, 2), (True, 3)])
def test_a_hole_whose_equations_touch_a_lost_slice_is_solved_with_it(*, rim: bool, apart: int) -> None:
    near, far = lost(6), lost(6)
    near[3, 3, 6 + apart - 1] = True
    far[3, 3, 6 + apart] = True
    assert not lost_runs(near, rim=rim)
    assert lost_runs(far, rim=rim)
    filled = FILLS[rim](image(), near, (1.0, 1.0, 1.0))
    np.testing.assert_allclose(values_at(filled, near), direct(near, (1.0, 1.0, 1.0), rim=rim), atol=1e-5)


def test_slices_lost_along_two_axes_are_not_solved_apart() -> None:
    assert not lost_runs(lost(6) | lost(3, axis=0), rim=False)


def test_slices_with_one_known_between_share_an_equation_of_the_rim() -> None:
    assert lost_runs(lost(4, 6, 9), rim=True) == [Run(2, (4, 6)), Run(2, (9,))]
    assert lost_runs(lost(4, 6, 7), rim=False) == [Run(2, (4,)), Run(2, (6, 7))]
