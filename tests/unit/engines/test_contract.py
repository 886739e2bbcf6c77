"""Every engine of the registry keeps the contract of `medpaint.engines.base.Engine`."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.base import Engine
from medpaint.engines.membrane import Membrane
from medpaint.engines.registry import engine_names, load_engine
from medpaint.phantoms import head

ISOTROPIC: Spacing = (1.0, 1.0, 1.0)
SHAPE = (20, 22, 18)


@pytest.fixture(params=[*engine_names(), "membrane"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return Membrane(load_engine("nearest")) if request.param == "membrane" else load_engine(request.param)


@pytest.fixture
def image() -> FloatArray:
    return head(SHAPE, (8.0, 8.0, 8.0))


def box(*ranges: tuple[int, int], shape: tuple[int, int, int] = SHAPE) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(*one) for one in ranges)] = True
    return mask


HOLE = box((8, 13), (7, 12), (6, 11))

MASKS = {
    "inside": HOLE,
    "corner": box((0, 4), (0, 5), (0, 3)),
    "border": box((5, 9), (17, 22), (4, 9)),
    "first slices": box((0, 20), (0, 22), (0, 2)),
    "middle slices": box((0, 20), (9, 12), (0, 18)),
    "last slices": box((18, 20), (0, 22), (0, 18)),
    "one voxel": box((9, 10), (9, 10), (9, 10)),
    "two holes": HOLE | box((2, 4), (2, 4), (2, 4)),
    "specks": np.random.default_rng(0).random(SHAPE) < 0.3,
    "all but one voxel": ~box((9, 10), (9, 10), (9, 10)),
    "all but one slice": ~box((0, 20), (0, 22), (9, 10)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_fills_any_mask_with_finite_values_of_the_same_type(
    engine: Engine, image: FloatArray, mask: Mask, dtype: type[np.floating]
) -> None:
    damaged = np.where(mask, np.nan, image).astype(dtype)
    filled = engine.fill(damaged, mask, spacing_mm=ISOTROPIC, seed=1)
    assert filled.shape == image.shape
    assert filled.dtype == dtype
    assert np.isfinite(filled[mask]).all()


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_a_constant_image_stays_constant(engine: Engine, mask: Mask) -> None:
    image = np.where(mask, -5.0, 0.3).astype(np.float32)
    filled = engine.fill(image, mask, spacing_mm=(1.0, 0.7, 3.0), seed=1)
    np.testing.assert_allclose(filled[mask], np.float32(0.3), rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 20, 24), (20, 1, 24), (20, 24, 1)])
def test_fills_a_2d_image(engine: Engine, shape: tuple[int, int, int]) -> None:
    image = np.arange(480.0, dtype=np.float32).reshape(shape)
    mask = np.zeros(480, dtype=bool).reshape(shape)
    mask[tuple(slice(0, 1) if n == 1 else slice(8, 13) for n in shape)] = True
    filled = engine.fill(np.where(mask, np.float32(np.nan), image), mask, spacing_mm=ISOTROPIC, seed=1)
    known = image[~mask]
    assert known.min() <= filled[mask].min() <= filled[mask].max() <= known.max()


def test_leaves_its_inputs_alone(engine: Engine, image: FloatArray) -> None:
    mask = HOLE.copy()
    before = image.copy()
    engine.fill(image, mask, spacing_mm=ISOTROPIC, seed=1)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(mask, HOLE)


def test_takes_read_only_and_scattered_arrays(engine: Engine, image: FloatArray) -> None:
    expected = engine.fill(image, HOLE, spacing_mm=ISOTROPIC, seed=1)
    scattered = np.repeat(image, 2, axis=2)[:, :, ::2]
    turned = np.asfortranarray(HOLE)
    scattered.flags.writeable = False
    turned.flags.writeable = False
    filled = engine.fill(scattered, turned, spacing_mm=ISOTROPIC, seed=1)
    np.testing.assert_array_equal(filled[HOLE], expected[HOLE])


def test_same_seed_same_voxels(engine: Engine, image: FloatArray) -> None:
    one = engine.fill(image, HOLE, spacing_mm=ISOTROPIC, seed=7)
    two = engine.fill(image, HOLE, spacing_mm=ISOTROPIC, seed=7)
    np.testing.assert_array_equal(one[HOLE], two[HOLE])


@pytest.mark.parametrize("garbage", [np.nan, np.inf, 0.0, 1e30])
def test_does_not_use_what_stands_inside_the_mask(engine: Engine, image: FloatArray, garbage: float) -> None:
    expected = engine.fill(image, HOLE, spacing_mm=ISOTROPIC, seed=1)
    filled = engine.fill(np.where(HOLE, np.float32(garbage), image), HOLE, spacing_mm=ISOTROPIC, seed=1)
    np.testing.assert_array_equal(filled[HOLE], expected[HOLE])


@pytest.mark.parametrize(("scale", "offset"), [(4000.0, -1000.0), (1e-3, 0.0), (1.0, 1e4), (1e-3, 1e4)])
def test_follows_the_range_of_the_intensities(
    engine: Engine, image: FloatArray, scale: float, offset: float
) -> None:
    wide = image.astype(np.float64)
    expected = engine.fill(wide, HOLE, spacing_mm=ISOTROPIC, seed=1)
    filled = engine.fill(wide * scale + offset, HOLE, spacing_mm=ISOTROPIC, seed=1)
    np.testing.assert_allclose((filled - offset)[HOLE] / scale, expected[HOLE], atol=1e-3)


def test_stays_within_the_range_of_the_known_voxels(engine: Engine, image: FloatArray) -> None:
    filled = engine.fill(image, HOLE, spacing_mm=(1.0, 1.0, 5.0), seed=1)
    assert image[~HOLE].min() <= filled[HOLE].min() <= filled[HOLE].max() <= image[~HOLE].max()


def test_a_crop_is_filled_as_the_whole_is(engine: Engine, image: FloatArray) -> None:
    hole = box((9, 12), (10, 13), (8, 10))
    margin = max(2, int(np.ceil(engine.context_mm)))
    window = tuple(
        slice(max(0, int(voxels.min()) - margin), int(voxels.max()) + 1 + margin) for voxels in np.nonzero(hole)
    )
    whole = engine.fill(image, hole, spacing_mm=ISOTROPIC, seed=1)
    crop = engine.fill(image[window], hole[window], spacing_mm=ISOTROPIC, seed=1)
    np.testing.assert_allclose(crop[hole[window]], whole[hole], atol=2e-3)
