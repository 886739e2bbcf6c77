"""Small bodies are filled at human scale, and the record says so."""

from __future__ import annotations

import numpy as np
import pytest
from scans import hole, phantom

import medpaint
from medpaint.core.volume import Volume
from medpaint.record.entries import InpaintEntry, Record

GRID = np.diag([2.0, 2.0, 2.0, 1.0])


def restored(divisor: float, engine: str) -> medpaint.Restoration:
    return medpaint.restore(
        Volume.of(phantom(), np.diag([*GRID.diagonal()[:3] / divisor, 1.0])), hole(), engine=engine
    )


@pytest.mark.parametrize("engine", ["nearest", "harmonic", "biharmonic", "telea", "navier-stokes", "exemplar"])
def test_a_small_body_is_filled_like_a_large_one(engine: str) -> None:
    if engine in ("telea", "navier-stokes"):
        pytest.importorskip("cv2")
    truth = phantom()[hole()].astype(float)
    large, small = (restored(divisor, engine).volume.data[hole()].astype(float) for divisor in (2.0, 12.0))
    errors = [np.sqrt(np.mean((values - truth) ** 2)) for values in (large, small)]
    assert errors[1] == pytest.approx(errors[0], rel=0.02)


def test_the_record_has_the_scale_and_a_warning() -> None:
    entry = restored(12.0, "biharmonic").record.inpaint
    assert entry is not None
    assert entry.body_scale == 6.0
    assert entry.body_extent_mm is not None
    assert "filled as one 6 times as large" in " ".join(entry.warnings)


def test_a_person_has_scale_one_and_no_warning() -> None:
    record = restored(1.0, "biharmonic").record
    assert record.inpaint is not None
    assert (record.inpaint.body_scale, record.inpaint.body_extent_mm) == (1.0, None)
    assert not any("as large" in warning for warning in record.warnings)


def test_records_without_a_scale_are_read() -> None:
    record = restored(1.0, "biharmonic").record
    assert record.inpaint is not None
    old = record.inpaint.model_dump()
    del old["body_scale"], old["body_extent_mm"]
    assert InpaintEntry.model_validate(old).body_scale == 1.0
    assert Record.model_validate_json(record.to_json()) == record
