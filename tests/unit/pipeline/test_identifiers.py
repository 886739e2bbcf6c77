"""Identifiers of derived DICOM depend on the scan, the mask, and what changes voxels, and on nothing else."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydicom
import pytest
from dicom_phantom import Phantom

from medpaint.core.types import Mask
from medpaint.parameters import FillParameters, WriteParameters
from medpaint.pipeline.restore import restore
from medpaint.pipeline.write import _mask_digest

SHAPE = (14, 12, 6)
SEEN_BY_IDENTIFIERS = {"engine", "effort", "weights", "network", "device", "seed", "membrane", "edge_mm"}
"""Parameters that change voxels."""

NO_VOXELS = {"compress", "deidentify"}
"""Parameters of filling and writing that change none."""


def mask(first: int = 4) -> Mask:
    """Return a block in two of six slices."""
    found = np.zeros(SHAPE, bool)
    found[first:8, 3:8, 2:4] = True
    return found


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Return the folder of a series."""
    Phantom(shape=(12, 14, 6)).write(tmp_path / "scan")
    return tmp_path / "scan"


def identifiers(scan: Path, folder: str, hole: Mask | None = None, **options: Any) -> list[str]:
    """Return the SOP instance UIDs of a restored series."""
    options = {"engine": "nearest", **options}
    done = restore(scan, mask() if hole is None else hole, output=scan.parent / folder, **options)
    assert done.products is not None
    return [str(pydicom.dcmread(file).SOPInstanceUID) for file in sorted(done.products.restored.iterdir())]


@pytest.mark.parametrize("options", [{"max_fraction": 0.9}, {"compress": "rle"}, {"seed": 7}, {"effort": "best"}])
def test_what_changes_no_voxel_changes_no_identifier(scan: Path, options: dict[str, Any]) -> None:
    assert identifiers(scan, "a") == identifiers(scan, "b", **options)


@pytest.mark.parametrize("options", [{"engine": "harmonic"}, {"membrane": True}, {"edge_mm": 2.0}])
def test_what_changes_voxels_changes_identifiers(scan: Path, options: dict[str, Any]) -> None:
    assert not set(identifiers(scan, "a")) & set(identifiers(scan, "b", **options))


def test_identifiers_depend_on_every_part_of_a_mask(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = mask()
    mixed[:, :, 3] = True
    before = identifiers(scan, "a", mixed, engine="linear", max_fraction=1.0)
    assert before == identifiers(scan, "b", mixed, engine="linear", max_fraction=1.0)
    monkeypatch.setattr("medpaint.pipeline.inpaint._parts", lambda _: ())
    assert not set(before) & set(identifiers(scan, "c", mixed, engine="linear", max_fraction=1.0))


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_mask_counts_plane_by_plane_whatever_its_order_in_memory(order: Literal["C", "F"]) -> None:
    drawn = np.zeros((150, 5, 7), dtype=bool, order=order)
    drawn[3, 1:4, 2] = drawn[140, 0, :] = True
    expected = hashlib.sha256(b"(150, 5, 7)")
    for plane in drawn:
        expected.update(np.packbits(plane.ravel()).tobytes())
    assert _mask_digest(drawn) == expected.hexdigest()


def test_another_mask_changes_identifiers(scan: Path) -> None:
    assert not set(identifiers(scan, "a")) & set(identifiers(scan, "b", mask(5)))


def test_the_seed_changes_identifiers_where_an_engine_draws(scan: Path) -> None:
    found = [identifiers(scan, str(seed), engine="exemplar", seed=seed) for seed in (0, 1)]
    assert not set(found[0]) & set(found[1])


def test_every_parameter_of_filling_and_writing_is_classified() -> None:
    fields = {*FillParameters.model_fields, *WriteParameters.model_fields}
    assert fields == SEEN_BY_IDENTIFIERS | NO_VOXELS
