"""The harmonic and biharmonic fills, compared with closed-form fields and with a direct solver."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array
from scipy.sparse.linalg import spsolve

from medpaint.core.errors import ConvergenceError, MaskError
from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.classical import biharmonic
from medpaint.engines.classical.biharmonic import fill_biharmonic
from medpaint.engines.classical.conjugate import conjugate_gradients
from medpaint.engines.classical.harmonic import RESIDUAL_TOLERANCE, fill_harmonic
from medpaint.engines.classical.multigrid import Multigrid
from medpaint.engines.classical.stencil import Vector, laplacian, product
from medpaint.engines.images import values_at

SPACINGS: list[Spacing] = [(1.0, 1.0, 1.0), (1.0, 1.0, 5.0), (4.0, 0.5, 1.0)]


def blob(shape: tuple[int, ...], seed: int = 0) -> Mask:
    """Return an irregular hole of about a tenth of the volume, three voxels or more from the border."""
    field = gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 2.0)
    mask: Mask = field > np.quantile(field, 0.8)
    mask[:3] = mask[-3:] = mask[:, :3] = mask[:, -3:] = mask[:, :, :3] = mask[:, :, -3:] = False
    return mask


def millimetres(shape: tuple[int, ...], spacing_mm: Spacing) -> NDArray[np.float64]:
    """Return the coordinates of the voxels, (3, I, J, K)."""
    places: NDArray[np.float64] = np.indices(shape) * np.array(spacing_mm)[:, None, None, None]
    return places


def unit_range(field: FloatArray) -> FloatArray:
    scaled: FloatArray = (field - field.min()) / np.ptp(field)
    return scaled


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize("seed", [0, 1])
def test_harmonic_reproduces_a_linear_field(spacing_mm: Spacing, seed: int) -> None:
    mask = blob((24, 26, 22), seed)
    x, y, z = millimetres(mask.shape, spacing_mm)
    field = unit_range(x - 2.0 * y + 0.5 * z)
    filled = np.asarray(fill_harmonic(np.where(mask, np.nan, field), mask, spacing_mm))
    np.testing.assert_allclose(filled[mask], field[mask], atol=1e-5)


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_harmonic_reproduces_a_saddle(spacing_mm: Spacing) -> None:
    mask = blob((24, 26, 22))
    x, y, z = millimetres(mask.shape, spacing_mm)
    field = unit_range(x**2 - y**2 + x * z)
    filled = np.asarray(fill_harmonic(np.where(mask, np.nan, field), mask, spacing_mm))
    np.testing.assert_allclose(filled[mask], field[mask], atol=1e-5)


def test_harmonic_is_linear_between_two_slices() -> None:
    image = np.zeros((12, 10, 9))
    image[:, :, 7:] = 6.0
    mask = np.zeros(image.shape, dtype=bool)
    mask[:, :, 2:7] = True
    filled = np.asarray(fill_harmonic(image, mask, (1.0, 1.0, 3.0)))
    np.testing.assert_allclose(filled[3, 4], [0, 0, 1, 2, 3, 4, 5, 6, 6], atol=1e-4)


def test_harmonic_is_never_brighter_or_darker_than_the_rim() -> None:
    mask = blob((20, 20, 20))
    image = np.random.default_rng(5).standard_normal(mask.shape)
    filled = np.asarray(fill_harmonic(image, mask, (1.0, 1.0, 2.0)))
    known = image[~mask]
    assert known.min() < filled[mask].min() < filled[mask].max() < known.max()


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_harmonic_agrees_with_a_direct_solver(spacing_mm: Spacing) -> None:
    mask = np.random.default_rng(2).random((14, 12, 16)) < 0.7
    image = np.random.default_rng(3).random(mask.shape)
    equations = laplacian(image, mask, spacing_mm, rim=False)
    exact = spsolve(equations.unknown.tocsc(), -equations.known) + equations.level
    filled = np.asarray(fill_harmonic(image, mask, spacing_mm))
    np.testing.assert_allclose(filled[mask], exact, atol=1e-5)


def test_biharmonic_agrees_with_a_direct_solver() -> None:
    mask = blob((14, 13, 15))
    image = gaussian_filter(np.random.default_rng(3).random(mask.shape), 1.0)
    equations = laplacian(image, mask, (1.0, 1.0, 2.0), rim=True)
    dense = equations.unknown.toarray()
    solution = np.linalg.lstsq(dense, -equations.known, rcond=None)[0].astype(np.float64)
    exact = np.clip(solution + equations.level, equations.lowest, equations.highest)
    filled = np.asarray(fill_biharmonic(image, mask, (1.0, 1.0, 2.0)))
    np.testing.assert_allclose(filled[mask], exact, atol=1e-4)


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_biharmonic_reproduces_a_linear_field(spacing_mm: Spacing) -> None:
    mask = blob((24, 26, 22))
    x, y, z = millimetres(mask.shape, spacing_mm)
    field = unit_range(x - 2.0 * y + 0.5 * z)
    filled = np.asarray(fill_biharmonic(np.where(mask, np.nan, field), mask, spacing_mm))
    np.testing.assert_allclose(filled[mask], field[mask], atol=1e-4)


def test_biharmonic_continues_a_curve_better_than_harmonic() -> None:
    mask = blob((24, 24, 24))
    x, y, z = millimetres(mask.shape, (1.0, 1.0, 1.0)) / 24.0
    field = unit_range(np.sin(3.0 * x) + y**3 + z**2 * x)
    worst = [
        np.abs(values_at(fill(field, mask, (1.0, 1.0, 1.0)), mask) - field[mask]).max()
        for fill in (fill_harmonic, fill_biharmonic)
    ]
    assert worst[1] < 0.2 * worst[0]


def test_a_v_cycle_is_symmetric_and_positive() -> None:
    mask = blob((24, 24, 24))
    cycle = Multigrid(_operator(mask, (1.0, 1.0, 3.0)), np.argwhere(mask), (1.0, 1.0, 3.0))
    rng = np.random.default_rng(0)
    one, two = rng.standard_normal((2, int(mask.sum())))
    assert one @ cycle(two) == pytest.approx(two @ cycle(one), rel=1e-9)
    assert one @ cycle(one) > 0.0


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (1.0, 1.0, 5.0), (5.0, 1.0, 2.0), (0.5, 0.5, 0.5)])
@pytest.mark.parametrize("shape", [(60, 60, 60), (100, 100, 1), (90, 90, 3), (30, 80, 12)])
def test_multigrid_needs_few_steps_on_any_grid(shape: tuple[int, int, int], spacing_mm: Spacing) -> None:
    mask = np.ones(shape, dtype=bool)
    mask[shape[0] // 2, shape[1] // 2, shape[2] // 2] = False
    mask[0] = False
    operator = _operator(mask, spacing_mm)
    cycle = Multigrid(operator, np.argwhere(mask), spacing_mm)
    target = np.random.default_rng(0).standard_normal(int(mask.sum()))
    solution = conjugate_gradients(
        lambda values: product(operator, values), target, cycle, tolerance=RESIDUAL_TOLERANCE, most_steps=40
    )
    left = np.linalg.norm(target - product(operator, solution))
    assert left <= 1.01 * RESIDUAL_TOLERANCE * np.linalg.norm(target)


def test_unsolved_equations_are_an_error() -> None:
    diagonal = np.arange(1.0, 101.0)

    def unchanged(values: Vector) -> Vector:
        return values

    with pytest.raises(ConvergenceError, match="relative residual of 1e-12 within 3 steps"):
        conjugate_gradients(
            lambda values: diagonal * values, np.ones(100), unchanged, tolerance=1e-12, most_steps=3
        )


def test_a_hole_that_would_take_too_long_is_refused_with_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((40, 40, 40), dtype=bool)
    mask[4:-4, 4:-4, 4:-4] = True
    monkeypatch.setattr(biharmonic, "LONGEST_S", 0.1)
    with pytest.raises(MaskError, match=r"would take about \d+ minutes.*choose the engine harmonic"):
        fill_biharmonic(np.zeros(mask.shape), mask, (1.0, 1.0, 1.0))


def test_lost_slices_are_never_too_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((20, 20, 40), dtype=bool)
    mask[:, :, 5:-5] = True
    monkeypatch.setattr(biharmonic, "LONGEST_S", 0.0)
    assert np.allclose(fill_biharmonic(np.ones(mask.shape), mask, (1.0, 1.0, 1.0)), 1.0)


def test_known_voxels_that_are_not_finite_are_an_error() -> None:
    mask = np.zeros((5, 5, 5), dtype=bool)
    mask[2, 2, 2] = True
    image = np.full(mask.shape, np.nan)
    with pytest.raises(ConvergenceError, match="finite"):
        fill_harmonic(image, mask, (1.0, 1.0, 1.0))


def _operator(mask: Mask, spacing_mm: Spacing) -> csr_array[np.float64]:
    return laplacian(np.zeros(mask.shape), mask, spacing_mm, rim=False).unknown
