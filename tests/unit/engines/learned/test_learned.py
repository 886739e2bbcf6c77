"""The engines of networks, with a tiny network whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import medpaint
from medpaint.core.errors import UnreadableError, UsageError
from medpaint.core.types import FloatArray, Mask
from medpaint.engines.learned.engine import Learned, resnet2d
from medpaint.engines.learned.networks.build import built
from medpaint.engines.learned.networks.names import NETWORKS, NetworkName
from medpaint.engines.learned.start import CHANNELS, Start
from medpaint.engines.learned.weights import WeightsFacts, load_weights, save_weights
from medpaint.engines.registry import ENGINES
from medpaint.phantoms import head
from medpaint.pipeline.restore import restore

ISOTROPIC = (1.0, 1.0, 1.0)
SIZE = 16

each_network = pytest.mark.parametrize("name", NETWORKS)
each_unet = pytest.mark.parametrize("name", ["unet3d", "unet2d"])


@pytest.fixture
def image() -> FloatArray:
    return head((40, 44, 36), (5.0, 5.0, 5.0))


def hole(shape: tuple[int, ...], edge: int) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice((size - edge) // 2, (size + edge) // 2) for size in shape)] = True
    return mask


def constant(name: NetworkName, folder: Path, answer: float) -> Path:
    """Write the weights of a network that gives one answer everywhere."""
    inputs = NETWORKS[name].slices * len(CHANNELS)
    torch.manual_seed(0)
    network = built(name, inputs=inputs, channels=(4, 8), units=1)
    *_, last = network.parameters()
    with torch.no_grad():
        last.fill_(answer)
    facts = WeightsFacts(
        network=name, channels=(4, 8), units=1, inputs=inputs, size=SIZE, recipe="t", recipe_sha256="", steps=0
    )
    path = folder / f"{name}-{answer}.safetensors"
    save_weights(network, facts, path)
    return path


@each_unet
@pytest.mark.parametrize("spacing", [ISOTROPIC, (0.5, 0.5, 0.5), (1.0, 1.0, 4.0)])
@pytest.mark.parametrize("edge", [3, 26])
def test_adds_the_answer_to_the_first_fill(
    name: NetworkName, image: FloatArray, tmp_path: Path, spacing: tuple[float, float, float], edge: int
) -> None:
    mask = hole(image.shape, edge)
    engine = Learned(name, constant(name, tmp_path, 0.25), pace=None)
    filled = engine.fill(image, mask, spacing_mm=spacing, seed=0)
    start = Start.of(image, mask, spacing_mm=spacing, seed=0, pace=None)
    expected = np.clip(start.filled + 0.25 * start.spread, image[~mask].min(), image[~mask].max())
    np.testing.assert_allclose(filled[mask], expected[mask], atol=1e-3)


@each_unet
def test_a_network_without_training_leaves_the_first_fill(
    name: NetworkName, image: FloatArray, tmp_path: Path
) -> None:
    mask = hole(image.shape, 5)
    engine = Learned(name, constant(name, tmp_path, 0.0), flips=True)
    start = Start.of(image, mask, spacing_mm=ISOTROPIC, seed=4)
    filled = engine.fill(image, mask, spacing_mm=ISOTROPIC, seed=4)
    np.testing.assert_allclose(filled[mask], start.filled[mask], rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("spacing", [ISOTROPIC, (0.5, 0.5, 0.5), (1.0, 1.0, 4.0)])
@pytest.mark.parametrize("lost", [slice(17, 18), slice(12, 20), np.r_[8:10, 14:15, 24:29]])
def test_adds_the_answer_to_the_smooth_fill_of_lost_slices(
    image: FloatArray, tmp_path: Path, axis: int, spacing: tuple[float, float, float], lost: slice | np.ndarray
) -> None:
    mask = np.zeros(image.shape, dtype=bool)
    np.moveaxis(mask, axis, 0)[lost] = True
    engine = resnet2d(weights=constant("resnet2d", tmp_path, 0.25))
    filled = engine.fill(image, mask, spacing_mm=spacing, seed=0)
    start = Start.of(image, mask, spacing_mm=spacing, seed=0, pace=None)
    expected = np.clip(start.filled + 0.25 * start.spread, image[~mask].min(), image[~mask].max())
    np.testing.assert_allclose(filled[mask], expected[mask], atol=1e-3)


@pytest.mark.parametrize("lost", [slice(12, 21), slice(0, 2), slice(34, 36)])
def test_slices_that_are_no_gap_stay_smooth(image: FloatArray, tmp_path: Path, lost: slice) -> None:
    mask = np.zeros(image.shape, dtype=bool)
    mask[:, :, lost] = True
    engine = resnet2d(weights=constant("resnet2d", tmp_path, 0.25))
    filled = engine.fill(image, mask, spacing_mm=ISOTROPIC, seed=0)
    smooth = Start.of(image, mask, spacing_mm=ISOTROPIC, seed=0, pace=None).smooth
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


def test_averaging_over_flips_makes_the_answer_symmetric(image: FloatArray) -> None:
    mirrored = np.minimum(image, np.flip(image, 1))
    mask = hole(image.shape, 4)
    engine = Learned("unet3d", pace=None, flips=True)
    filled = engine.fill(mirrored, mask, spacing_mm=ISOTROPIC, seed=0)
    np.testing.assert_allclose(filled, np.flip(filled, 1), atol=1e-4)


def test_the_record_holds_the_hash_of_ones_own_weights(image: FloatArray, tmp_path: Path) -> None:
    path = constant("unet3d", tmp_path, 0.1)
    done = restore(image, hole(image.shape, 4), engine="unet3d", weights=str(path))
    facts = done.record.engine
    assert facts is not None
    assert facts.weights_sha256 == load_weights("unet3d", path).sha256 != ENGINES["unet3d"].weights_sha256
    assert facts.device == "cpu"
    assert facts.options == {"pace": "brisk", "flips": False}


@pytest.mark.parametrize("engine", ["biharmonic", "auto"])
def test_weights_without_the_network_that_they_are_for_are_refused(
    image: FloatArray, engine: str, tmp_path: Path
) -> None:
    path = constant("unet3d", tmp_path, 0.1)
    with pytest.raises(UsageError, match="expected weights with an engine out of unet3d, unet2d"):
        restore(image, hole(image.shape, 4), engine=engine, weights=str(path))


def test_several_samples_are_refused(image: FloatArray) -> None:
    with pytest.raises(UsageError, match="expected samples 1, for engine unet3d has one answer only, got 3"):
        restore(image, hole(image.shape, 4), engine="unet3d", samples=3)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused(image: FloatArray) -> None:
    with pytest.raises(UsageError, match="expected a device for networks that this machine has, got cuda"):
        restore(image, hole(image.shape, 4), engine="unet3d", device="cuda")


def test_weights_that_are_not_there_are_refused(image: FloatArray) -> None:
    with pytest.raises(UnreadableError, match="nowhere"):
        restore(image, hole(image.shape, 4), engine="unet3d", weights="nowhere.safetensors")
