"""Verification finds what does not agree with a record."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from scans import AFFINE, save, save_pair, voxels_of

import medpaint
from medpaint.audit.find import find_records
from medpaint.audit.verify import verify
from medpaint.core.checksum import checksum_outside
from medpaint.core.errors import InputError
from medpaint.layouts.plain import Products


@pytest.fixture
def products(tmp_path: Path) -> Products:
    scan, mask = save_pair(tmp_path)
    made = medpaint.restore(scan, mask, output=tmp_path / "out", engine="harmonic").products
    assert made is not None
    return made


def flip(path: Path, voxel: int) -> None:
    """Flip one bit of one voxel of a NIfTI file of int16, or of a mask of uint8."""
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[352 + voxel] ^= 1
    path.write_bytes(gzip.compress(bytes(raw)))


def test_untouched_products_pass(products: Products) -> None:
    verdict = verify(products.record)
    assert verdict.holds
    assert verdict.notes == ()


def test_one_flipped_voxel_outside_the_mask_is_found(products: Products) -> None:
    flip(products.restored, 2 * 5000)
    problems = " / ".join(verify(products.record).problems)
    assert "its hash differs" in problems
    assert "voxels outside the mask are not those of the scan" in problems
    assert "1 voxels outside the mask differ from the scan" in problems


def test_one_flipped_voxel_of_the_mask_is_found(products: Products) -> None:
    flip(products.mask, 40)
    assert any("the record says" in problem for problem in verify(products.record).problems)


def test_a_missing_product_is_found(products: Products) -> None:
    products.restored.unlink()
    assert verify(products.record).problems == ("scan_restored.nii.gz is missing",)


def test_a_truncated_product_is_a_problem(products: Products) -> None:
    products.restored.write_bytes(products.restored.read_bytes()[:-200])
    assert not verify(products.record).holds


def test_a_changed_scan_is_found(products: Products, tmp_path: Path) -> None:
    flip(tmp_path / "scan.nii.gz", 2 * 4000)
    assert "is not the one that was restored" in verify(products.record).problems[0]


def test_a_missing_scan_is_noted(products: Products, tmp_path: Path) -> None:
    (tmp_path / "scan.nii.gz").unlink()
    verdict = verify(products.record)
    assert verdict.holds
    assert "compared by checksum alone" in verdict.notes[0]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"status": "fine"}', "\x00"])
def test_other_files_are_not_records(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x_record.json"
    path.write_text(text)
    assert not verify(path).holds


def test_a_failed_scan_has_nothing_to_check(tmp_path: Path) -> None:
    path = tmp_path / "x_record.json"
    path.write_text('{"status": "failed", "reason": "truncated"}')
    assert verify(path).notes == ("failed, nothing to check: truncated",)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("repaired", "ml"), 99.0),
        (("repaired", "voxels"), 1),
        (("repaired", "fraction"), 0.5),
        (("write", "identity", "voxels"), 1),
        (("write", "identity", "restored_sha256"), "0" * 64),
        (("inpaint", "filled_by"), {"harmonic": 7}),
        (("mask", "voxels"), 7),
        (("status",), "nothing to repair"),
        (("write", "products", 0, "role"), "mask"),
        (("write", "products", 0, "path"), "../scan.nii.gz"),
        (("write", "products", 0, "path"), "/etc/passwd"),
        (("repaired",), None),
    ],
)
def test_a_changed_record_fails(products: Products, path: tuple[str | int, ...], value: object) -> None:
    record = json.loads(products.record.read_text())
    inner = record
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    products.record.write_text(json.dumps(record))
    assert not verify(products.record).holds


def test_a_product_on_another_grid_fails(products: Products) -> None:
    moved = AFFINE.copy()
    moved[0, 3] += 10
    save(voxels_of(products.restored), products.restored, moved)
    record = json.loads(products.record.read_text())
    record["write"]["products"][0]["sha256"] = hashlib.sha256(products.restored.read_bytes()).hexdigest()
    products.record.write_text(json.dumps(record))
    assert verify(products.record).problems == ("the mask is not on the restored scan's grid",)


def test_a_scan_restored_twice_has_a_record_for_each_time(products: Products, tmp_path: Path) -> None:
    again = medpaint.restore(products.restored, tmp_path / "scan-mask.nii.gz", output=tmp_path / "out").products
    assert again is not None
    assert find_records([again.mask]) == [again.record]
    assert find_records([again.restored]) == [again.record]


def test_records_are_found_by_path_by_product_and_in_folders(products: Products) -> None:
    folder = products.record.parent
    for path in (products.record, products.restored, products.mask, folder, folder.parent):
        assert find_records([path]) == [products.record]
    assert find_records([folder, products.mask]) == [products.record]


def test_paths_without_a_record_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_records([tmp_path / "none"])
    with pytest.raises(InputError, match="expected a record"):
        find_records([tmp_path])


def test_products_without_a_record_are_reported_as_unfinished(products: Products) -> None:
    products.record.unlink()
    assert find_records([products.record.parent]) == [products.record]
    verdict = verify(products.record)
    assert verdict.status == "unfinished"
    assert "no record" in verdict.problems[0]


def test_products_of_a_scan_that_failed_are_a_problem(products: Products) -> None:
    products.record.write_text('{"status": "failed", "reason": "truncated"}')
    assert "scan_mask.nii.gz is there" in verify(products.record).problems[0]


def test_a_changed_mask_of_the_user_is_found(products: Products, tmp_path: Path) -> None:
    flip(tmp_path / "scan-mask.nii.gz", 4000)
    assert verify(products.record).problems == (
        "the mask ../scan-mask.nii.gz is not the one that was given: its hash differs",
    )


def test_a_missing_mask_of_the_user_is_noted(products: Products, tmp_path: Path) -> None:
    (tmp_path / "scan-mask.nii.gz").unlink()
    verdict = verify(products.record)
    assert verdict.holds
    assert "the given mask is not at" in verdict.notes[0]


def test_an_absolute_path_in_a_record_is_not_followed(products: Products) -> None:
    record = json.loads(products.record.read_text())
    record["read"]["path"] = str(products.restored)
    products.record.write_text(json.dumps(record))
    assert "the scan is not at" in verify(products.record).notes[0]


def test_a_record_without_what_filled_the_mask_fails(products: Products) -> None:
    record = json.loads(products.record.read_text())
    record["inpaint"] = None
    products.record.write_text(json.dumps(record))
    assert verify(products.record).problems == ("the record does not say what filled the mask",)


def test_the_checksum_does_not_depend_on_the_layout_in_memory() -> None:
    data = np.random.default_rng(0).integers(0, 99, (5, 6, 7)).astype(np.int16)
    mask = data > 70
    sums = {
        checksum_outside(np.asfortranarray(data), mask),
        checksum_outside(np.ascontiguousarray(data), np.asfortranarray(mask)),
        checksum_outside(data.astype(">i2"), mask),
    }
    assert len(sums) == 1
    changed = data.copy()
    changed[mask] += 1
    assert checksum_outside(changed, mask) in sums
    changed[np.unravel_index(np.argmin(data), data.shape)] += 1
    assert checksum_outside(changed, mask) not in sums
