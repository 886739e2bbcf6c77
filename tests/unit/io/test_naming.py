"""Names of scans, and selections of volumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from medpaint.core.errors import UsageError
from medpaint.io.naming import checked_name, own_name
from medpaint.io.selection import Selection


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("scan.nii.gz", "scan"),
        ("sub.01.NII", "sub.01"),
        ("head.nhdr", "head"),
        ("series.tar.xz", "series"),
        ("a b (1).mha", "a-b-1"),
        ("ende.2024", "ende.2024"),
        ("...", "scan"),
    ],
)
def test_a_scan_is_named_after_its_file_without_endings(tmp_path: Path, file: str, name: str) -> None:
    assert own_name(tmp_path / file if file != "..." else Path("/")) == name


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a b", "x" * 129, "a\n"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="expected a name of at most 128 letters"):
        checked_name(name)


def test_a_valid_name_is_returned() -> None:
    assert checked_name("sub-01_T1w.v2") == "sub-01_T1w.v2"


@pytest.mark.parametrize(
    ("source", "product"),
    [
        (Selection(), Selection()),
        (Selection(frame=3), Selection(frame=3)),
        (Selection(series="1.2.3", absent_slices=True), Selection()),
        (Selection(series="1.2.3#echo-time=4.92"), Selection(series="#echo-time=4.92")),
    ],
)
def test_a_product_is_selected_without_the_series_of_its_source(source: Selection, product: Selection) -> None:
    assert source.in_product() == product
