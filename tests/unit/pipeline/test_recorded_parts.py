"""Masks of lost slices and other holes: what the record says of each part."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scans import save

import medpaint
from medpaint.audit.verify import verify
from medpaint.core.types import Mask
from medpaint.layouts.plain import Products
from medpaint.phantoms import head
from medpaint.record.file import read_record

SHAPE = (24, 26, 22)


def body() -> Mask:
    inside: Mask = head(SHAPE) > 0
    return inside


def lost() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :, 11] = True
    return mask


def hole() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[10:14, 10:14, 9:14] = True
    return mask


def restored(mask: Mask, folder: Path | None = None, engine: str = "linear") -> medpaint.Restoration:
    scan = (1000 * head(SHAPE)).astype(np.int16)
    scan[mask] = -5
    if folder is None:
        return medpaint.restore(scan, mask, engine=engine)
    paths = save(scan, folder / "scan.nii.gz"), save(mask.astype(np.uint8), folder / "mask.nii.gz")
    return medpaint.restore(*paths, engine=engine, output=folder / "out")


@pytest.fixture
def products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Products:
    monkeypatch.chdir(tmp_path)
    made = restored(lost() | hole(), tmp_path).products
    assert made is not None
    return made


def test_the_record_has_an_entry_for_each_part(products: Products) -> None:
    entry = read_record(products.record).inpaint
    assert entry is not None
    holes, slices = entry.parts
    beside = int(np.count_nonzero(hole() & ~lost()))
    assert (holes.kind, holes.voxels, holes.filled_by) == ("other holes", beside, {"biharmonic": beside})
    assert (slices.kind, slices.voxels) == ("lost slices", int(np.count_nonzero(lost())))
    assert (entry.engine, entry.reason, entry.engines) == ("linear", "as asked", ("linear",))
    assert sum(entry.filled_by.values()) == np.count_nonzero(lost() | hole())
    assert entry.why == "other holes: as asked; lost slices: as asked"


def test_voxels_outside_the_mask_stay(products: Products) -> None:
    assert verify(products.record).holds
    found = np.asarray(nib.load(products.restored).dataobj)  # type: ignore[attr-defined] # nibabel's base class
    kept = ~(lost() | hole())
    np.testing.assert_array_equal(found[kept], (1000 * head(SHAPE)).astype(np.int16)[kept])


@pytest.mark.parametrize("changed", ["voxels", "filled_by"])
def test_parts_that_do_not_add_up_are_found(products: Products, changed: str) -> None:
    content = json.loads(products.record.read_text())
    part = content["inpaint"]["parts"][0]
    part[changed] = {"biharmonic": 1} if changed == "filled_by" else part["voxels"] + 1
    products.record.write_text(json.dumps(content))
    assert any("part" in problem for problem in verify(products.record).problems)


@pytest.mark.parametrize("mask", [lost(), hole()])
def test_a_mask_of_one_kind_has_no_parts(mask: Mask) -> None:
    record = restored(mask).record
    assert record.inpaint is not None
    assert record.inpaint.parts == ()
    assert '"parts"' not in record.to_json()


def test_the_record_says_how_many_known_voxels_were_disregarded() -> None:
    done = restored(lost() & body())
    assert done.record.inpaint is not None
    (part,) = done.record.inpaint.parts
    assert (part.kind, part.disregarded) == ("lost slices", int(np.count_nonzero(lost() & ~body())))
    assert done.record.inpaint.filled_by == {"linear": np.count_nonzero(lost() & body())}
    outside = ~(lost() & body())
    np.testing.assert_array_equal(done.volume.data[outside], (1000 * head(SHAPE)).astype(np.int16)[outside])


def test_each_part_is_doubted_by_its_own_fill() -> None:
    whole, parts = (restored(lost() | hole(), engine=engine).record.warnings for engine in ("nearest", "linear"))
    assert any("lost slices were filled by nearest" in warning for warning in whole)
    assert not any("lost slices" in warning for warning in parts)
