"""What engines are shown: void is told apart from what is known, and extreme intensities are scaled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import one_thread, tiny_description, tiny_weights
from numpy.typing import NDArray

import medpaint
from medpaint.core.encoding import Encoding
from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.engines.base import Engine
from medpaint.engines.filling import fill
from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.engines.membrane import Membrane
from medpaint.engines.registry import engine_names, load_engine
from medpaint.engines.showing import shown, void_of
from medpaint.phantoms import head

SHAPE = (24, 26, 22)
WHOLE = np.s_[0:24, 0:26, 0:22]
THICK = np.diag([-1.0, -1.0, 5.0, 1.0])
NAMES = engine_names()
SMOOTH = ("nearest", "harmonic", "biharmonic", "telea", "navier-stokes")


def engine_of(name: str, folder: Path) -> Engine:
    options: dict[str, Any] = {"pace": "quick"} if name in {"exemplar", "unet2d", "unet3d"} else {}
    if name in NETWORKS:
        options["weights"] = tiny_weights(name, folder, output=0.1, varied=0.3)  # type: ignore[arg-type]
    if name == "monai":
        options["network"] = tiny_description(folder)
    return load_engine(name, **options)


def image() -> NDArray[np.float64]:
    """Return a head around zero, at most 1 in magnitude."""
    whole = head(SHAPE, (7.0, 7.0, 7.0)).astype(np.float64) - 0.3
    scaled: NDArray[np.float64] = whole / np.abs(whole).max()
    return scaled


def box() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[9:14, 9:14, 8:13] = True
    return mask


def gap() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :, 10] = True
    return mask


def padded(scan: FloatArray, edge: int) -> FloatArray:
    """Return a scan whose first rows are padding."""
    made = scan.copy()
    made[:edge] = np.nan
    return made


@pytest.mark.parametrize("everywhere", [False, True])
def test_the_network_fills_lost_slices_beside_padding(tmp_path: Path, *, everywhere: bool) -> None:
    scan = padded(image().astype(np.float32), 8)
    mask = gap()
    if everywhere:
        mask[:8] = False
    else:
        scan[:8, :, 10] = 0.0
    with one_thread():
        done = fill(Volume.of(scan, THICK), mask, engine_of("resnet2d", tmp_path))
    assert done.filled_by == {"resnet2d": np.count_nonzero(mask)}


@pytest.mark.parametrize("affine", [np.eye(4), THICK])
@pytest.mark.parametrize("name", SMOOTH)
def test_nothing_is_filled_from_padding(name: str, affine: NDArray[np.float64]) -> None:
    scan = np.full(SHAPE, 100.0, np.float32)
    scan[-1, -1, -1] = -1000.0
    scan = padded(scan, 8)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[8:11, 5:20, 6:14] = True
    np.testing.assert_allclose(fill(Volume.of(scan, affine), mask, load_engine(name)).values, 100.0, rtol=1e-6)


def test_void_close_to_the_mask_is_masked_and_has_known_values_around_it() -> None:
    scan = padded(image().astype(np.float32) + 5.0, 12)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[14, 13, 11] = True
    hole = shown(Volume.of(scan), mask, WHOLE).hole
    assert hole.void is not None
    np.testing.assert_array_equal(hole.void, np.isnan(scan))
    assert hole.mask[11, 13, 11]
    assert not hole.mask[8, 13, 11]
    assert np.asarray(hole.image)[8, 13, 11] == scan[12, 13, 11]
    assert np.isfinite(hole.image).all()


def test_a_scan_without_void_is_shown_as_it_is() -> None:
    scan = image().astype(np.float32) * 1000.0
    seen = shown(Volume.of(scan), box(), WHOLE)
    assert seen.hole.void is None
    assert seen.exponent == 0
    np.testing.assert_array_equal(seen.hole.mask, box())
    np.testing.assert_array_equal(seen.hole.image, np.where(box(), 0.0, scan))


def test_void_is_padding_and_what_is_not_finite() -> None:
    stored = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    mask = np.zeros(stored.shape, dtype=bool)
    assert void_of(Volume.of(stored), mask) is None
    encoding = Encoding.of(stored.dtype, padding=(0.0, 3.0))
    void = void_of(Volume(stored, np.eye(4), encoding), mask)
    np.testing.assert_array_equal(void, stored <= 3)
    broken = np.where(stored < 2, np.nan, stored).astype(np.float32)
    mask[0, 0, 0] = True
    void = void_of(Volume.of(broken), mask)
    assert void is not None
    assert np.argwhere(void).tolist() == [[0, 0, 1]]
    assert void_of(Volume.of(stored.astype(np.float32)), mask) is None


@pytest.mark.parametrize(
    ("dtype", "peak"), [(np.float32, 3e38), (np.float32, 1e-30), (np.float64, 1.7e308), (np.float64, 1e-300)]
)
@pytest.mark.parametrize("name", NAMES)
def test_extreme_intensities_are_filled_like_ordinary_ones(
    tmp_path: Path, name: str, dtype: type[np.floating[Any]], peak: float
) -> None:
    engine, mask = engine_of(name, tmp_path), gap() if name == "resnet2d" else box()
    with one_thread():
        expected = fill(Volume.of(image().astype(dtype)), mask, engine)
        done = fill(Volume.of((image() * peak).astype(dtype)), mask, engine)
    np.testing.assert_allclose(done.values.astype(np.float64) / peak, expected.values, atol=1e-5)
    assert done.filled_by == expected.filled_by


def test_a_fill_beyond_the_range_of_the_type_is_clipped() -> None:
    scan = (np.sign(image()) * 3.4e38).astype(np.float32)
    done = fill(Volume.of(scan), box(), Membrane(load_engine("nearest")))
    assert np.isfinite(done.values).all()


@pytest.mark.parametrize("peak", [3e38, 1e302, 1.7e308])
def test_a_scan_near_the_limits_of_its_type_is_restored(peak: float) -> None:
    scan = image() * peak
    done = medpaint.restore(scan.astype(np.float32) if peak < 1e39 else scan, box(), engine="biharmonic")
    assert done.record.status == "restored"
    assert done.record.blend is not None
    assert done.record.blend.seam is not None


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)])
def test_a_crop_is_shown_turned_and_contiguous(axes: tuple[int, int, int]) -> None:
    affine = np.eye(4)
    affine[:3, :3] = -2.0 * np.eye(3)[list(axes)]
    data = np.arange(24 * 26 * 22, dtype=np.int16).reshape(SHAPE, order="F")
    mask = np.zeros(SHAPE, dtype=bool)
    mask[9:12, 8:14, 7:10] = True
    window = np.s_[2:20, 4:22, 1:19]
    crop = shown(Volume(data, affine, Encoding.of(data.dtype, slope=0.5)), mask, window)
    whole = np.asarray(crop.hole.image)
    assert whole.flags.c_contiguous
    assert crop.hole.mask.flags.c_contiguous
    np.testing.assert_array_equal(crop.turn.turned_back(whole), np.where(mask, 0.0, 0.5 * data)[window])
    np.testing.assert_array_equal(crop.turn.turned_back(crop.hole.mask), mask[window])
