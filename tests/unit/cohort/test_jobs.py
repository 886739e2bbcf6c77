"""The jobs of a cohort, called one by one."""

from __future__ import annotations

from pathlib import Path

import pytest
from scans import save_pair

from medpaint.cohort.jobs import export_scan, ingest_scan, inpaint_scans
from medpaint.core.errors import UsageError
from medpaint.parameters import Parameters


def through(folder: Path, image: Path, mask: Path | None, name: str = "a") -> Path:
    """Run all jobs on one scan, and return the folder of its products."""
    ingest_scan(image, mask, Parameters(), folder / "a.npz")
    inpaint_scans([folder / "a.npz"], {"engine": "nearest"}, folder / "fills")
    export_scan(image, folder / "fills" / "a.npz", {}, folder / "out", name)
    return folder / "out"


def test_the_jobs_make_the_products_and_the_record(tmp_path: Path) -> None:
    out = through(tmp_path, *save_pair(tmp_path))
    assert sorted(path.name for path in out.iterdir()) == ["a_mask.nii.gz", "a_record.json", "a_restored.nii.gz"]


def test_a_failed_scan_leaves_no_product_of_an_earlier_run(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    through(tmp_path, scan, mask)
    mask.write_bytes(b"nothing")
    out = through(tmp_path, scan, mask)
    assert [path.name for path in out.iterdir()] == ["a_record.json"]


@pytest.mark.parametrize("readable", [True, False])
def test_a_name_outside_the_folder_is_refused(tmp_path: Path, *, readable: bool) -> None:
    scan, mask = save_pair(tmp_path)
    if not readable:
        mask.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="expected a name"):
        through(tmp_path, scan, mask, name="../evil")
    assert not (tmp_path / "evil_record.json").exists()


def test_a_scan_that_changes_between_jobs_fails(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    ingest_scan(scan, mask, Parameters(), tmp_path / "a.npz")
    inpaint_scans([tmp_path / "a.npz"], {"engine": "nearest"}, tmp_path / "fills")
    scan.write_bytes(mask.read_bytes())
    record = export_scan(scan, tmp_path / "fills" / "a.npz", {}, tmp_path / "out", "a")
    assert "has changed since it was read" in record.reason
