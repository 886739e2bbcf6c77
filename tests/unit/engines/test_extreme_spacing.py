"""Voxels of extreme size: every engine answers in bounded time, or the scan is refused."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pytest
from networks import tiny_description

import medpaint
from medpaint.core.body import body
from medpaint.core.errors import GeometryError, InputError
from medpaint.core.types import Spacing
from medpaint.corrupt import KINDS
from medpaint.corrupt.holes.shapes import LesionShape, lesion_shape

SHAPE = (24, 20, 12)
EXTREME = [(1e-5, 1.0, 1.0), (1e-6, 1e-6, 1e-6), (1e6, 1e6, 1e6), (1000.0, 0.02, 1.0), (0.01, 1.0, 1000.0)]


def scan(spacing_mm: Spacing) -> medpaint.Volume:
    noise = np.random.default_rng(0).normal(100.0, 5.0, SHAPE).astype(np.float32)
    return medpaint.Volume.of(noise, np.diag([*spacing_mm, 1.0]))


@pytest.mark.parametrize("spacing_mm", EXTREME, ids=str)
@pytest.mark.parametrize("engine", ["auto", *medpaint.engine_names()])
def test_an_engine_fills_voxels_of_extreme_size_in_bounded_time(
    engine: str, spacing_mm: Spacing, tmp_path: Path
) -> None:
    described: dict[str, Any] = {"network": str(tiny_description(tmp_path))} if engine == "monai" else {}
    volume, mask = scan(spacing_mm), np.zeros(SHAPE, dtype=bool)
    mask[8:12, 7:11, 5:7] = True
    began, memory = process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    done = medpaint.restore(volume, mask, engine=engine, edge_mm=2.0, max_fraction=1.0, **described)
    assert process_time() - began < 30.0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 2_000_000  # kB
    assert np.isfinite(done.volume.data).all()
    assert np.array_equal(done.volume.data[~mask], volume.data[~mask])


@pytest.mark.slow
@pytest.mark.parametrize("spacing_mm", [(1e6, 1e6, 1e6), (50.0, 50.0, 50.0)], ids=str)
def test_lost_slices_of_huge_pixels_are_filled_in_bounded_time(spacing_mm: Spacing) -> None:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :, 5:7] = True
    began = process_time()
    medpaint.restore(scan(spacing_mm), mask, engine="resnet2d")
    assert process_time() - began < 60.0


@pytest.mark.parametrize("wrong", [0.0, -0.0, np.nan, np.inf, 1e-7, 1e7, 1e-5 / 1.01], ids=str)
def test_voxels_that_no_scanner_makes_are_refused(wrong: float) -> None:
    with pytest.raises(GeometryError, match="affine"):
        medpaint.Volume.of(np.zeros(SHAPE), np.diag([wrong, 1.0, 1.0, 1.0]))


@pytest.mark.parametrize("spacing_mm", EXTREME, ids=str)
def test_the_body_is_found_in_bounded_memory(spacing_mm: Spacing) -> None:
    bright = np.zeros((60, 50, 40), dtype=bool)
    bright[10:50, 10:40, 10:30] = True
    began = process_time()
    found = body(bright, spacing_mm)
    assert process_time() - began < 5.0
    assert found[10:50, 10:40, 10:30].all()


@pytest.mark.parametrize("spacing_mm", EXTREME, ids=str)
def test_holes_are_made_or_refused_in_bounded_time(spacing_mm: Spacing) -> None:
    tissue = np.ones(SHAPE, dtype=bool)
    voxel_ml = float(np.prod(spacing_mm)) / 1000.0
    began = process_time()
    for kind in (KINDS["blob"], KINDS["edge"]):
        for size in (2.0, 50.0 * voxel_ml):
            try:
                assert kind.make(tissue, spacing_mm, size, 0).any()
            except InputError:
                continue
    shape = LesionShape(np.ones((5, 5, 5), dtype=bool), (1.0, 1.0, 1.0))
    with pytest.raises(InputError, match=r"none fits into the tissue|none has about that size"):
        lesion_shape(tissue & False, spacing_mm, volume_ml=0.125, seed=0, shapes=[shape])
    with suppress(InputError):
        lesion_shape(tissue, spacing_mm, volume_ml=0.125, seed=0, shapes=[shape])
    assert process_time() - began < 30.0
