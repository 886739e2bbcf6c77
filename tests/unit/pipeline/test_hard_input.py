"""Extreme scans and masks are restored, or refused with a clear line, and nothing else happens."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from medpaint.core.errors import InputError
from medpaint.core.types import Array, Mask
from medpaint.core.volume import Volume
from medpaint.phantoms import head
from medpaint.pipeline.case import Restoration
from medpaint.pipeline.restore import restore

SHAPE = (20, 18, 16)
ENGINES = ("unet3d", "unet2d", "resnet2d", "biharmonic")
"""The networks start from the fill of `exemplar`, which has no test of its own here; `auto` chooses from these."""

Scan = Callable[[], tuple[Array, Mask]]


def box(*ranges: tuple[int, int], shape: tuple[int, ...] = SHAPE) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(*one) for one in ranges)] = True
    return mask


def phantom(shape: tuple[int, int, int] = SHAPE) -> Array:
    return head(shape, (8.0, 8.0, 8.0))


HOLE = box((8, 11), (7, 10), (6, 8))


def with_nan() -> Array:
    scan = phantom()
    scan[0] = np.nan
    scan[12, 8, 7] = np.inf
    return scan


SCANS: dict[str, Scan] = {
    "all zero": lambda: (np.zeros(SHAPE, np.float32), HOLE),
    "constant": lambda: (np.full(SHAPE, 7.5, np.float32), HOLE),
    "constant around the hole": lambda: (np.where(phantom() > 0.8, phantom(), 0.0), box((0, 3), (0, 3), (0, 3))),
    "not a number": lambda: (with_nan(), HOLE),
    "hole at the corner": lambda: (phantom(), box((0, 4), (0, 4), (0, 4))),
    "hole at the far corner": lambda: (phantom(), box((16, 20), (14, 18), (12, 16))),
    "whole slices": lambda: (phantom(), box((0, 20), (0, 18), (7, 9))),
    "a hole in every slice": lambda: (phantom(), box((9, 11), (8, 10), (0, 16))),
    "one voxel": lambda: (phantom(), box((10, 11), (9, 10), (8, 9))),
    "8 x 8 x 8": lambda: (phantom((8, 8, 8)), box((3, 5), (3, 5), (3, 5), shape=(8, 8, 8))),
    "2 x 2 x 2": lambda: (
        np.arange(8.0, dtype=np.float32).reshape(2, 2, 2),
        box((0, 1), (0, 1), (0, 1), shape=(2, 2, 2)),
    ),
    "one row": lambda: (np.arange(12.0).reshape(12, 1, 1), box((5, 7), (0, 1), (0, 1), shape=(12, 1, 1))),
    "one slice": lambda: (phantom()[:, :, 8:9], HOLE[:, :, 7:8]),
    "negative intensities": lambda: (2000.0 * phantom() - 1024.0, HOLE),
    "int16": lambda: (np.rint(2000.0 * phantom() - 1024.0).astype(np.int16), HOLE),
    "uint8": lambda: (np.rint(255.0 * phantom()).astype(np.uint8), HOLE),
    "float64": lambda: (phantom().astype(np.float64), HOLE),
    "huge": lambda: (1e30 * phantom(), HOLE),
    "tiny": lambda: (1e-30 * phantom().astype(np.float64), HOLE),
    "one bright voxel": lambda: (np.where(box((3, 4), (3, 4), (3, 4)), 1e6, phantom()), HOLE),
}


def outcome(scan: Array, mask: Mask, engine: str) -> Restoration | str:
    """Return the restored scan, or why it was refused."""
    try:
        return restore(scan, mask, engine=engine, max_fraction=1.0)
    except InputError as error:
        return str(error)


every_scan = pytest.mark.parametrize("make", SCANS.values(), ids=SCANS)
every_engine = pytest.mark.parametrize("engine", ENGINES)


@every_engine
@every_scan
def test_restores_or_refuses(make: Scan, engine: str) -> None:
    scan, mask = make()
    before = scan.copy()
    done = outcome(scan, mask, engine)
    if isinstance(done, str):
        assert "\n" not in done
        return
    restored = done.volume.data
    assert restored.dtype == scan.dtype
    np.testing.assert_array_equal(restored[~mask], before[~mask])
    assert np.isfinite(restored[mask].astype(np.float64)).all()
    known = before[~mask & np.isfinite(before)]
    assert known.min() <= restored[mask].min() <= restored[mask].max() <= known.max()


@every_engine
@pytest.mark.parametrize("spacing", [(0.3, 0.3, 6.0), (6.0, 0.3, 0.3), (0.2, 0.2, 0.2), (5.0, 5.0, 5.0)])
def test_any_voxel_size_is_filled(engine: str, spacing: tuple[float, float, float]) -> None:
    scan = phantom()
    volume = Volume.of(scan, np.diag([*spacing, 1.0]))
    done = restore(volume, HOLE, engine=engine)
    np.testing.assert_array_equal(done.volume.data[~HOLE], scan[~HOLE])
    assert np.isfinite(done.volume.data[HOLE]).all()


@cache
def straight(engine: str) -> Array:
    """Return the phantom as it is restored where it is stored along its axes."""
    return restore(phantom(), HOLE, engine=engine).volume.data


@pytest.mark.parametrize("engine", ["unet3d", "unet2d", "resnet2d", "exemplar"])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
@pytest.mark.parametrize("flips", [(), (0,), (1, 2)])
def test_how_a_scan_is_stored_does_not_change_its_fill(
    engine: str, order: tuple[int, int, int], flips: tuple[int, ...]
) -> None:
    scan = phantom()
    affine = np.zeros((4, 4))
    affine[3, 3] = 1.0
    for axis, world in enumerate(order):
        sign = -1.0 if axis in flips else 1.0
        affine[world, axis] = sign
        affine[world, 3] = scan.shape[world] - 1.0 if axis in flips else 0.0
    stored, mask = (np.ascontiguousarray(np.flip(np.transpose(one, order), flips)) for one in (scan, HOLE))
    turned = restore(Volume.of(stored, affine), mask, engine=engine).volume.data
    np.testing.assert_array_equal(np.flip(turned, flips).transpose(np.argsort(order)), straight(engine))
