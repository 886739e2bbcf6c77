"""What single artefacts promise beyond the contract."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.errors import InputError
from medpaint.core.types import Array
from medpaint.core.volume import Volume
from medpaint.corrupt.artefacts.table import ARTEFACTS
from medpaint.phantoms import head

SHAPE = (32, 36, 20)
AFFINE = np.diag([3.0, 3.0, 5.0, 1.0])


def brain(noise: float = 0.01) -> Array:
    channels = np.random.default_rng(0).normal(0.0, noise, (2, *SHAPE))
    magnitudes: Array = np.hypot(head(SHAPE, (3.0, 3.0, 5.0)) + channels[0], channels[1])
    return (1000.0 * magnitudes).astype(np.float32)


def variant(kind: str, name: str, severity: float, volume: Volume) -> tuple[Array, Array]:
    """Return the damaged values and the mask of the first seed that draws a variant."""
    for seed in range(60):
        made = ARTEFACTS[kind](volume, severity, seed)
        if made.facts.get("variant") == name:
            return made.volume.data, made.mask
    raise AssertionError(name)


def test_emptied_slices_are_noise_as_strong_as_that_of_the_background() -> None:
    volume = Volume.of(brain(), AFFINE)
    data, mask = variant("dropout", "single", 1.0, volume)
    assert 0.5 < data[mask].mean() / volume.data[0, :, 0].mean() < 20.0
    assert data[mask].std() > 0.0


def test_noise_in_magnitudes_is_rician() -> None:
    volume = Volume.of(brain(), AFFINE)
    data, mask = variant("noise", "slices", 1.0, volume)
    air = mask & (head(SHAPE, (3.0, 3.0, 5.0)) == 0.0)
    assert data[mask].min() >= 0.0
    assert data[air].mean() / data[air].std() == pytest.approx(np.sqrt(np.pi / (4.0 - np.pi)), rel=0.1)


def test_spike_is_a_plane_wave_of_its_strength() -> None:
    volume = Volume.of(brain(), AFFINE)
    made = ARTEFACTS["spike"](volume, 0.5, 0)
    change = np.abs(made.volume.data - volume.data)[made.mask]
    assert change.max() <= float(str(made.facts["strength"])) * 1000.0 * 1.01


def test_clipped_voxels_have_one_value() -> None:
    volume = Volume.of(brain(), AFFINE)
    data, mask = variant("saturation", "ceiling", 0.8, volume)
    assert np.unique(data[mask]).size == 1
    assert data.max() == data[mask][0]


def test_wrapped_signal_appears_at_the_opposite_side_as_wide_as_what_is_cut_off() -> None:
    volume = Volume.of(brain(0.0001), AFFINE)
    data, mask = variant("border", "wrapped", 0.6, volume)
    along = int(
        np.argmax([(data == 0.0).all(axis=tuple(o for o in range(3) if o != axis)).sum() for axis in range(3)])
    )
    others = tuple(other for other in range(3) if other != along)
    changed = np.flatnonzero(mask.any(axis=others))
    assert (np.diff(changed) > 1).sum() == 1


def test_metal_is_the_mask_and_streaks_reach_beyond_it_in_its_slices_alone() -> None:
    image = head(SHAPE, (3.0, 3.0, 5.0))
    hounsfield = np.where(image > 0.0, 400.0 * image - 100.0, -1000.0).astype(np.int16)
    made = ARTEFACTS["metal"](Volume.of(hounsfield, AFFINE), 0.6, 1)
    assert np.unique(made.volume.data[made.mask]).size == 1
    assert made.volume.data[made.mask][0] >= 3000
    changed = made.volume.data != hounsfield
    assert changed[~made.mask].any()
    assert set(np.flatnonzero(changed.any(axis=(0, 1)))) == set(np.flatnonzero(made.mask.any(axis=(0, 1))))


def test_metal_in_slices_of_oblong_pixels_is_refused() -> None:
    image = np.where(head(SHAPE) > 0.0, 40.0, -1000.0).astype(np.int16)
    with pytest.raises(InputError, match="square pixels"):
        ARTEFACTS["metal"](Volume.of(image, np.diag([3.0, 2.0, 5.0, 1.0])), 0.5, 0)


def test_scan_of_two_slices_has_no_room_for_damage_of_slices() -> None:
    with pytest.raises(InputError, match="at least 3 slices"):
        ARTEFACTS["noise"](Volume.of(brain()[:, :, 9:11], AFFINE), 0.5, 0)


def test_rim_of_a_lesion_changes_less_than_its_core() -> None:
    volume = Volume.of(np.where(head(SHAPE) > 0.0, 500.0, 0.0).astype(np.float32), np.eye(4))
    data, mask = variant("lesion", "bright", 1.0, volume)
    change = (data - volume.data)[mask]
    assert change.min() < 0.5 * change.max()
