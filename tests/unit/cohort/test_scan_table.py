"""The table of a cohort's scans."""

from __future__ import annotations

from pathlib import Path

import pytest

from medpaint.cohort.table import read_table
from medpaint.core.errors import MedpaintError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"scan\timage\na b\tx\n", r"line 2 \(a b\), column scan: string should match pattern"),
        (b"image\nx\n", "the first line has 'image'"),
        (b"scan\timage\tcolour\na\tx\tred\n", "only the columns .* the first line has .*'colour'"),
        (b"scan\timage\na\tx\na\ty\n", "expected each scan once, got a more than once"),
        (
            b"scan\timage\tstudy\tseries\na\tx\t1.2\t1.2.3\n",
            "expected an image, or a study and a series .* got both",
        ),
        (b"scan\timage\na\t\n", "expected an image, or a study and a series .* got neither"),
        (b"scan\tstudy\tseries\na\t1.2\tx\n", "expected the UID of the series to fetch from study 1.2, got 'x'"),
        (b"scan\timage\tframe\na\tx\t-1\n", "column frame: string should match pattern"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "scans.tsv").write_bytes(content)
    with pytest.raises(MedpaintError, match=message) as caught:
        read_table(tmp_path / "scans.tsv")
    assert str(caught.value).startswith(f"{tmp_path / 'scans.tsv'}")
    assert "\n" not in str(caught.value)
