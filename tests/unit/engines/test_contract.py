"""Every engine keeps the contract of `medpaint.engines.base`, in masks that its own method fills."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from networks import one_thread, tiny_weights

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.base import Engine, Fill, Hole
from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.engines.membrane import Membrane
from medpaint.engines.mixture import Mixture
from medpaint.engines.registry import engine_names, load_engine
from medpaint.phantoms import head

ISOTROPIC: Spacing = (1.0, 1.0, 1.0)
SHAPE = (20, 22, 18)
MEMBRANE = "membrane over nearest"
MIXTURE = "harmonic + nearest"
NAMES = (*engine_names(), MEMBRANE, MIXTURE)
NARROW = ("nearest", "harmonic", "biharmonic", "linear", "registered", "telea", "navier-stokes", MEMBRANE, MIXTURE)
"""Engines that see less than a small volume."""

Maker = Callable[[str], Engine]


def box(*ranges: tuple[int, int]) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[tuple(slice(*one) for one in ranges)] = True
    return mask


HOLE = box((8, 13), (7, 12), (6, 11))
GAPS = box((0, 20), (0, 22), (6, 8)) | box((0, 20), (0, 22), (12, 13))

MASKS = {
    "inside": HOLE,
    "corner": box((0, 4), (0, 5), (0, 3)),
    "first slices": box((0, 20), (0, 22), (0, 2)),
    "middle slices": box((0, 20), (9, 12), (0, 18)),
    "one voxel": box((9, 10), (9, 10), (9, 10)),
    "two holes": HOLE | box((2, 4), (2, 4), (2, 4)),
    "specks": np.random.default_rng(0).random(SHAPE) < 0.3,
    "all but one voxel": ~box((9, 10), (9, 10), (9, 10)),
    "all but one slice": ~box((0, 20), (0, 22), (9, 10)),
}


def own_mask(name: str) -> Mask:
    """Return a mask that the engine's own method fills."""
    return GAPS if name in {"resnet2d", "registered", "linear"} else HOLE


def filler(name: str) -> str:
    return "nearest" if name == MEMBRANE else name


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def engine_of(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """Return a function that makes an engine, with the quickest options and tiny networks."""
    folder = tmp_path_factory.mktemp("weights")
    options: dict[str, dict[str, Any]] = {name: {} for name in engine_names()}
    options["exemplar"] = {"pace": "quick"}
    for name, network in NETWORKS.items():
        options[name] = {"weights": tiny_weights(name, folder, output=0.1, varied=0.3)}
        options[name] |= {} if network.for_lost_slices else {"pace": "quick"}

    def made(name: str) -> Engine:
        if name == MIXTURE:
            shares = {"harmonic": 0.6, "nearest": 0.4}
            return Mixture(load_engine("harmonic"), "harmonic", shares, {"nearest": load_engine("nearest")})
        return Membrane(load_engine("nearest")) if name == MEMBRANE else load_engine(name, **options[name])

    return made


@pytest.fixture(scope="module")
def image() -> FloatArray:
    return head(SHAPE, (8.0, 8.0, 8.0)).astype(np.float32)


@pytest.fixture(scope="module")
def own_fill(engine_of: Maker, image: FloatArray) -> Callable[[str], Fill]:
    """Return a function that gives an engine's fill of its own mask, made once."""
    fills: dict[str, Fill] = {}

    def made(name: str) -> Fill:
        if name not in fills:
            fills[name] = engine_of(name).fill(Hole(image, own_mask(name), ISOTROPIC), seed=1)
        return fills[name]

    return made


def share(fill: Fill, name: str) -> float:
    """Return the share of the voxels that `name` filled."""
    return float(np.mean(np.array(fill.fillers)[fill.filled_by] == name))


def check(fill: Fill, hole: Hole) -> None:
    """Check an answer against the contract."""
    count = np.count_nonzero(hole.mask)
    assert fill.values.shape == (1, count)
    assert fill.values.dtype == hole.image.dtype
    assert np.isfinite(fill.values).all()
    assert fill.filled_by.shape == (count,)
    assert fill.filled_by.dtype == np.uint8
    assert fill.filled_by.max() < len(fill.fillers)


@pytest.mark.parametrize("name", NAMES)
def test_own_method_fills_its_own_mask(own_fill: Callable[[str], Fill], name: str) -> None:
    assert own_fill(name).fillers[0] == filler(name)
    assert share(own_fill(name), filler(name)) == 1.0


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("name", NAMES)
def test_any_mask_is_filled_with_finite_values(engine_of: Maker, image: FloatArray, mask: Mask, name: str) -> None:
    hole = Hole(np.where(mask, np.float32(np.nan), image), mask, ISOTROPIC)
    check(engine_of(name).fill(hole, seed=1), hole)


@pytest.mark.parametrize("name", NAMES)
def test_double_precision_is_kept(engine_of: Maker, image: FloatArray, name: str) -> None:
    hole = Hole(image.astype(np.float64), own_mask(name), ISOTROPIC)
    fill = engine_of(name).fill(hole, seed=1)
    check(fill, hole)
    assert share(fill, filler(name)) == 1.0


@pytest.mark.parametrize("mask", [HOLE, GAPS, MASKS["specks"]])
@pytest.mark.parametrize("name", NAMES)
def test_a_constant_image_stays_constant(engine_of: Maker, mask: Mask, name: str) -> None:
    hole = Hole(np.where(mask, -5.0, 0.3).astype(np.float32), mask, (1.0, 0.7, 3.0))
    np.testing.assert_allclose(engine_of(name).fill(hole, seed=1).values, np.float32(0.3), rtol=1e-6)


@pytest.mark.parametrize("shape", [(1, 20, 24), (20, 1, 24), (20, 24, 1)])
@pytest.mark.parametrize("name", NAMES)
def test_a_2d_image_is_filled_within_its_range(engine_of: Maker, shape: tuple[int, int, int], name: str) -> None:
    image = np.arange(480.0, dtype=np.float32).reshape(shape)
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(0, 1) if size == 1 else slice(8, 13) for size in shape)] = True
    hole = Hole(np.where(mask, np.float32(np.nan), image), mask, ISOTROPIC)
    fill = engine_of(name).fill(hole, seed=1)
    check(fill, hole)
    assert image[~mask].min() <= fill.values.min() <= fill.values.max() <= image[~mask].max()


@pytest.mark.parametrize("name", NAMES)
def test_the_hole_is_not_changed(
    engine_of: Maker, own_fill: Callable[[str], Fill], image: FloatArray, name: str
) -> None:
    kept, mask = image.copy(), own_mask(name).copy()
    fill = engine_of(name).fill(Hole(kept, mask, ISOTROPIC), seed=1)
    np.testing.assert_array_equal(kept, image)
    np.testing.assert_array_equal(mask, own_mask(name))
    np.testing.assert_array_equal(fill.values, own_fill(name).values)


@pytest.mark.parametrize("name", NAMES)
def test_read_only_and_scattered_arrays_are_filled_alike(
    engine_of: Maker, own_fill: Callable[[str], Fill], image: FloatArray, name: str
) -> None:
    scattered = np.repeat(image, 2, axis=2)[:, :, ::2]
    turned = np.asfortranarray(own_mask(name))
    scattered.flags.writeable = False
    turned.flags.writeable = False
    fill = engine_of(name).fill(Hole(scattered, turned, ISOTROPIC), seed=1)
    np.testing.assert_array_equal(fill.values, own_fill(name).values)
    np.testing.assert_array_equal(fill.filled_by, own_fill(name).filled_by)


@pytest.mark.parametrize("garbage", [np.nan, 1e30])
@pytest.mark.parametrize("name", NAMES)
def test_values_inside_the_mask_are_not_used(
    engine_of: Maker, own_fill: Callable[[str], Fill], image: FloatArray, name: str, garbage: float
) -> None:
    mask = own_mask(name)
    hole = Hole(np.where(mask, np.float32(garbage), image), mask, ISOTROPIC)
    np.testing.assert_array_equal(engine_of(name).fill(hole, seed=1).values, own_fill(name).values)


@pytest.mark.parametrize(("scale", "offset"), [(4000.0, -1000.0), (1e-3, 1e4)])
@pytest.mark.parametrize("name", NAMES)
def test_the_fill_follows_the_range_of_the_intensities(
    engine_of: Maker, image: FloatArray, name: str, scale: float, offset: float
) -> None:
    wide, mask = image.astype(np.float64), own_mask(name)
    expected = engine_of(name).fill(Hole(wide, mask, ISOTROPIC), seed=1)
    fill = engine_of(name).fill(Hole(wide * scale + offset, mask, ISOTROPIC), seed=1)
    np.testing.assert_allclose((fill.values - offset) / scale, expected.values, atol=1e-3)
    np.testing.assert_array_equal(fill.filled_by, expected.filled_by)


@pytest.mark.parametrize("name", NAMES)
def test_the_fill_stays_within_the_range_of_the_known_voxels(
    engine_of: Maker, image: FloatArray, name: str
) -> None:
    mask = own_mask(name)
    fill = engine_of(name).fill(Hole(image, mask, (1.0, 1.0, 5.0)), seed=1)
    assert image[~mask].min() <= fill.values.min() <= fill.values.max() <= image[~mask].max()


@pytest.mark.parametrize("name", NARROW)
def test_a_crop_is_filled_like_the_whole_image(engine_of: Maker, image: FloatArray, name: str) -> None:
    mask, engine = box((9, 12), (10, 13), (8, 10)), engine_of(name)
    margin = max(2, int(np.ceil(engine.context_mm)))
    window = tuple(
        slice(max(0, int(voxels.min()) - margin), int(voxels.max()) + 1 + margin) for voxels in np.nonzero(mask)
    )
    assert mask[window].size < mask.size
    whole = engine.fill(Hole(image, mask, ISOTROPIC), seed=1)
    crop = engine.fill(Hole(image[window], mask[window], ISOTROPIC), seed=1)
    np.testing.assert_allclose(crop.values, whole.values, atol=2e-3)
