"""The engines with networks, with tiny networks whose output is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from networks import one_thread, tiny_weights
from numpy.typing import NDArray

import medpaint
from medpaint.core.errors import UsageError
from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.engines.base import Hole
from medpaint.engines.images import values_at
from medpaint.engines.learned.engine import Learned, resnet2d
from medpaint.engines.learned.networks.names import NETWORKS, NetworkName
from medpaint.engines.learned.start import Start
from medpaint.engines.learned.weights import load_weights
from medpaint.engines.registry import ENGINES, load_engine
from medpaint.phantoms import head

ISOTROPIC = (1.0, 1.0, 1.0)

each_network = pytest.mark.parametrize("name", NETWORKS)
each_unet = pytest.mark.parametrize("name", ["unet3d", "unet2d"])


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def image() -> FloatArray:
    return head((28, 30, 26), (7.0, 7.0, 7.0))


def hole(shape: tuple[int, ...], edge: int) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice((size - edge) // 2, (size + edge) // 2) for size in shape)] = True
    return mask


def corrected(engine: Learned, image: FloatArray, mask: Mask, spacing_mm: Spacing = ISOTROPIC) -> FloatArray:
    """Return the image with the engine's fill in the mask."""
    result = image.copy()
    result[mask] = engine.fill(Hole(image, mask, spacing_mm), seed=4).values[0]
    return result


def fillers(engine: Learned, image: FloatArray, mask: Mask) -> NDArray[np.str_]:
    """Return what filled each voxel, empty outside the mask, (I, J, K)."""
    fill = engine.fill(Hole(image, mask, ISOTROPIC), seed=4)
    names = np.full(mask.shape, "", dtype="<U10")
    names[mask] = np.array(fill.fillers)[fill.filled_by]
    return names


def unet3d_with(weights: Path) -> Learned:
    return Learned("unet3d", weights, pace="quick")


@each_unet
@pytest.mark.parametrize("spacing", [ISOTROPIC, (0.5, 0.5, 0.5), (1.0, 1.0, 4.0)])
@pytest.mark.parametrize("edge", [3, 18])
def test_the_output_is_added_to_the_first_fill(
    name: NetworkName, image: FloatArray, tmp_path: Path, spacing: tuple[float, float, float], edge: int
) -> None:
    mask = hole(image.shape, edge)
    engine = Learned(name, tiny_weights(name, tmp_path, output=0.25), pace=None)
    filled = corrected(engine, image, mask, spacing)
    start = Start.of(image, mask, spacing_mm=spacing, seed=4, pace=None)
    expected = np.clip(np.asarray(start.filled) + 0.25 * start.spread, image[~mask].min(), image[~mask].max())
    np.testing.assert_allclose(filled[mask], expected[mask], atol=1e-3)


@each_unet
def test_weights_may_be_those_of_gated_blocks(name: NetworkName, image: FloatArray, tmp_path: Path) -> None:
    mask = hole(image.shape, 18)
    engine = Learned(name, tiny_weights(name, tmp_path, output=0.25, blocks="gated"), pace=None)
    start = Start.of(image, mask, spacing_mm=ISOTROPIC, seed=4, pace=None)
    expected = np.clip(np.asarray(start.filled) + 0.25 * start.spread, image[~mask].min(), image[~mask].max())
    np.testing.assert_allclose(corrected(engine, image, mask)[mask], expected[mask], atol=1e-3)


@each_unet
def test_an_untrained_network_keeps_the_first_fill(name: NetworkName, image: FloatArray, tmp_path: Path) -> None:
    mask = hole(image.shape, 5)
    engine = Learned(name, tiny_weights(name, tmp_path, output=0.0), flips=True)
    start = Start.of(image, mask, spacing_mm=ISOTROPIC, seed=4)
    filled = corrected(engine, image, mask)
    np.testing.assert_allclose(filled[mask], values_at(start.filled, mask), rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing", [ISOTROPIC, (0.5, 0.5, 0.5), (1.0, 1.0, 4.0)])
@pytest.mark.parametrize("lost", [slice(12, 20), np.r_[4:6, 9:10, 15:20]])
def test_the_output_is_added_to_the_smooth_fill_of_lost_slices(
    image: FloatArray, tmp_path: Path, axis: int, spacing: tuple[float, float, float], lost: slice | np.ndarray
) -> None:
    mask = np.zeros(image.shape, dtype=bool)
    np.moveaxis(mask, axis, 0)[lost] = True
    engine = resnet2d(weights=tiny_weights("resnet2d", tmp_path, output=0.25))
    filled = corrected(engine, image, mask, spacing)
    start = Start.of(image, mask, spacing_mm=spacing, seed=4, pace=None)
    expected = np.clip(np.asarray(start.filled) + 0.25 * start.spread, image[~mask].min(), image[~mask].max())
    np.testing.assert_allclose(filled[mask], expected[mask], atol=1e-3)


@pytest.mark.parametrize("lost", [slice(12, 20), np.r_[4:6, 9:10, 15:20]])
def test_weights_say_that_lost_slices_start_from_registered_ones(
    image: FloatArray, tmp_path: Path, lost: slice | np.ndarray
) -> None:
    mask = np.zeros(image.shape, dtype=bool)
    mask[:, :, lost] = True
    moved = load_engine("registered").fill(Hole(image, mask, ISOTROPIC), seed=0)
    weights = tiny_weights("resnet2d", tmp_path, output=0.0, start="registered")
    kept = resnet2d(weights=weights).fill(Hole(image, mask, ISOTROPIC), seed=0)
    np.testing.assert_array_equal(kept.values, moved.values)
    assert {kept.fillers[number] for number in kept.filled_by} == {"registered"}
    added = tiny_weights("resnet2d", tmp_path, output=0.25, start="registered")
    corrected = resnet2d(weights=added).fill(Hole(image, mask, ISOTROPIC), seed=0)
    np.testing.assert_array_equal(corrected.stages["registered"], moved.values[0])
    assert (corrected.values >= moved.values).all()
    assert {corrected.fillers[number] for number in corrected.filled_by} == {"resnet2d"}


@pytest.mark.parametrize("lost", [slice(6, 19), slice(0, 2), slice(24, 26)])
def test_slices_that_are_not_a_gap_stay_smooth(image: FloatArray, tmp_path: Path, lost: slice) -> None:
    mask = np.zeros(image.shape, dtype=bool)
    mask[:, :, lost] = True
    engine = resnet2d(weights=tiny_weights("resnet2d", tmp_path, output=0.25))
    filled = corrected(engine, image, mask)
    smooth = Start.of(image, mask, spacing_mm=ISOTROPIC, seed=4, pace=None).smooth
    np.testing.assert_array_equal(filled, smooth)


@each_network
def test_the_shipped_weights_are_those_of_the_table(name: NetworkName) -> None:
    assert len(ENGINES[name].weights_sha256) == 64
    assert load_weights(name).sha256 == ENGINES[name].weights_sha256


@each_network
def test_the_shipped_weights_have_a_card_and_a_record(name: NetworkName) -> None:
    folder = Path(medpaint.__file__).parent / "engines" / "learned" / "shipped"
    card = (folder / f"{name}.md").read_text(encoding="utf-8")
    assert ENGINES[name].weights_sha256 in card
    assert ENGINES[name].weights_sha256 in (folder / f"{name}.json").read_text(encoding="utf-8")
    assert (folder / f"{name}.safetensors").stat().st_size < 20e6


def test_averaging_over_flips_makes_the_output_symmetric(image: FloatArray, tmp_path: Path) -> None:
    mirrored = np.minimum(image, np.flip(image, 1))
    mask = hole(image.shape, 4)
    engine = Learned("unet3d", tiny_weights("unet3d", tmp_path, output=0.1, varied=0.5), pace=None, flips=True)
    filled = corrected(engine, mirrored, mask)
    np.testing.assert_allclose(filled, np.flip(filled, 1), atol=1e-4)


def test_voxels_that_the_network_changed_are_reported_by_its_name(image: FloatArray, tmp_path: Path) -> None:
    mask = hole(image.shape, 5)
    engine = unet3d_with(tiny_weights("unet3d", tmp_path, output=0.1))
    assert set(fillers(engine, image, mask)[mask]) == {"unet3d"}


def test_a_network_that_changes_nothing_is_not_reported(image: FloatArray, tmp_path: Path) -> None:
    mask = hole(image.shape, 5)
    engine = unet3d_with(tiny_weights("unet3d", tmp_path, output=0.0))
    assert set(fillers(engine, image, mask)[mask]) == {"exemplar"}


def test_a_hole_without_exemplars_is_left_to_biharmonic(image: FloatArray, tmp_path: Path) -> None:
    two = np.concatenate([image, np.zeros((60, *image.shape[1:]), image.dtype)])
    mask = np.zeros(two.shape, dtype=bool)
    mask[:28] = hole(image.shape, 5)
    mask[70:74, 12:16, 10:14] = True
    names = fillers(unet3d_with(tiny_weights("unet3d", tmp_path, output=0.1)), two, mask)
    assert set(names[:28][mask[:28]]) == {"unet3d"}
    assert set(names[28:][mask[28:]]) == {"biharmonic"}


@pytest.mark.parametrize("name", ["unet3d", "resnet2d"])
def test_a_flat_scan_needs_no_network(name: NetworkName) -> None:
    mask = hole((20, 20, 20), 4)
    engine = Learned(name, Path("nowhere.safetensors"), pace=None)
    assert set(fillers(engine, np.ones(mask.shape, np.float32), mask)[mask]) == {"biharmonic"}


def test_the_lost_slice_network_leaves_other_holes_to_biharmonic(image: FloatArray) -> None:
    mask = hole(image.shape, 5)
    engine = resnet2d(weights=Path("nowhere.safetensors"))
    assert set(fillers(engine, image, mask)[mask]) == {"biharmonic"}


def test_a_missing_device_is_refused(image: FloatArray) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    mask = np.zeros(image.shape, dtype=bool)
    mask[:, :, 12] = True
    with pytest.raises(UsageError, match="expected a device that this machine has, got cuda"):
        resnet2d(device="cuda").fill(Hole(image, mask, ISOTROPIC), seed=0)
