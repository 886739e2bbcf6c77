"""The jobs of a cohort, called one by one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scans import save_pair

from medpaint.cohort.jobs import export_scan, ingest_scan, inpaint_scans
from medpaint.cohort.table import read_table
from medpaint.core.errors import InputError, UsageError
from medpaint.parameters import Parameters, RestoreConfig


def through(folder: Path, image: Path, mask: Path | None, name: str = "a") -> Path:
    """Take one scan through all jobs and return the folder of its products."""
    ingest_scan(image, mask, Parameters(), folder / "a.npz")
    inpaint_scans([folder / "a.npz"], {"engine": "nearest"}, folder / "fills")
    export_scan(image, folder / "fills" / "a.npz", {}, folder / "out", name)
    return folder / "out"


def test_the_jobs_make_the_products_and_the_record(tmp_path: Path) -> None:
    out = through(tmp_path, *save_pair(tmp_path))
    assert sorted(path.name for path in out.iterdir()) == ["a_mask.nii.gz", "a_record.json", "a_restored.nii.gz"]


def test_a_scan_that_fails_leaves_no_product_of_an_earlier_run(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    through(tmp_path, scan, mask)
    mask.write_bytes(b"nothing")
    out = through(tmp_path, scan, mask)
    assert [path.name for path in out.iterdir()] == ["a_record.json"]


@pytest.mark.parametrize("mended", [True, False])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, *, mended: bool) -> None:
    scan, mask = save_pair(tmp_path)
    if not mended:
        mask.write_bytes(b"nothing")
    with pytest.raises(UsageError, match="expected a name"):
        through(tmp_path, scan, mask, name="../evil")
    assert not (tmp_path / "evil_record.json").exists()


def test_a_scan_that_changed_on_the_way_fails(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    ingest_scan(scan, mask, Parameters(), tmp_path / "a.npz")
    inpaint_scans([tmp_path / "a.npz"], {"engine": "nearest"}, tmp_path / "fills")
    scan.write_bytes(mask.read_bytes())
    record = export_scan(scan, tmp_path / "fills" / "a.npz", {}, tmp_path / "out", "a")
    assert "has changed since it was read" in record.reason


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"scan\timage\na b\tx\n", "line 2, column scan"),
        (b"scan\timage\na\tx\ty\n", "beyond the last"),
        (b"image\nx\n", "column scan"),
        (b"scan\timage\na\tx\na\ty\n", "a more than once"),
        (b"scan\timage\na\t\xfc\n", "UTF-8"),
    ],
)
def test_tables_that_cannot_be_meant_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "scans.tsv").write_bytes(content)
    with pytest.raises((InputError, UsageError), match=message):
        read_table(tmp_path / "scans.tsv")


def test_tables_may_have_a_byte_order_mark_windows_ends_of_line_and_quotes(tmp_path: Path) -> None:
    (tmp_path / "scans.tsv").write_bytes(b'\xef\xbb\xbfscan\timage\r\na\t"odd\r\nb\tx\r\n')
    assert [(row.scan, row.image) for row in read_table(tmp_path / "scans.tsv")] == [("a", '"odd'), ("b", "x")]


def test_every_parameter_of_a_cohort_reaches_a_job() -> None:
    rules = Path(__file__).resolve().parents[3] / "workflow" / "rules" / "common.smk"
    lists = re.findall(r"^(?:INGEST|INPAINT|EXPORT) = \((.*?)\)", rules.read_text(), re.MULTILINE | re.DOTALL)
    assert len(lists) == 3
    told = set(re.findall(r'"(\w+)"', "".join(lists)))
    assert told == set(RestoreConfig.model_fields) - {"engine"}
