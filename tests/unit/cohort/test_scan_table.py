"""The table of a cohort's scans."""

from __future__ import annotations

from pathlib import Path

import pytest

from medpaint.cohort.table import MOST_SCANS, read_table
from medpaint.core.errors import MedpaintError, UsageError


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"scan\timage\na b\tx\n", r"line 2 \(a b\), column scan: expected at most 128 letters, digits"),
        (b"image\nx\n", "the first line has 'image'"),
        (
            b"scan\timage\tcolour\na\tx\tred\n",
            "cohort's scans with the columns of docs/reference/config.md; .* no column can be called 'colour'$",
        ),
        (
            b"scan\timage\tdilate\tmax_fractoin\na\tx\t1\t1\n",
            r"'dilate' \(did you mean dilate_mm\?\), 'max_fractoin' \(did you mean max_fraction\?\)$",
        ),
        (
            b"scan\timage\tmask\tseries\tframe\tlabels\tseeds\n",
            r"config.md; no column can be called 'seeds' \(did you mean seed\?\)$",
        ),
        (
            b"scan\timage\t" + b"\t".join(b"x%d" % n for n in range(1000)) + b"\n",
            "'x0', 'x1', 'x2' and 997 more$",
        ),
        (b"scan\timage\tmask\tmask\n", "mask is there twice$"),
        (b"scan\timage\na\tx\n\n\t\na\ty\n", "line 5: expected each scan once, got a .* in line 2 too"),
        (b"scan,image\na,x\n", "line 1: .* separate the columns by tabs, not by commas"),
        (b"Scan\timage\na\tx\n", "line 1: .* write scan for 'Scan'"),
        (b"scan\timage\n# a note\n", r"line 2 \(# a note\), column scan"),
        (b"scan\timage\na\tx\ty\n", "line 2: expected 2 cells"),
        (b"scan\timage\n\xe9\tx\n", r"line 2 \(.udce9\), column scan"),
        (b"scan\timage\n" + b"a" * 200_000 + b"\tx\n", r"line 2 \(a{79}…\), column scan"),
        (b"scan\timage\tdilate_mm\na\tx\twide\n", "line 2 .a., column dilate_mm: .* number, .* got 'wide'"),
        (b"scan\timage\tdilate_mm\na\tx\tnan\n", "line 2 .a., column dilate_mm: .* got 'nan'"),
        (b"scan\timage\tmembrane\na\tx\tmaybe\n", "line 2 .a., column membrane: .* got 'maybe'"),
        (
            b"scan\timage\tstudy\tseries\na\tx\t1.2\t1.2.3\n",
            "expected an image, or a study and a series .* got both",
        ),
        (b"scan\tstudy\tseries\na\tx.y\t1.2\n", r"line 2 \(a\), column study: expected a DICOM identifier"),
        (b"scan\timage\na\t\n", "expected an image, or a study and a series .* got neither"),
        (b"scan\tstudy\tseries\na\t1.2\tx\n", "expected the UID of the series to fetch from study 1.2, got 'x'"),
        (
            b"scan\timage\tframe\na\tx\t-1\n",
            "line 2 .a., column frame: input should be greater than or equal to 0, got '-1'",
        ),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "scans.tsv").write_bytes(content)
    with pytest.raises(MedpaintError, match=message) as caught:
        read_table(tmp_path / "scans.tsv")
    assert str(caught.value).startswith(f"{tmp_path / 'scans.tsv'}")
    assert "\n" not in str(caught.value)


def test_a_table_of_too_many_scans_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"s{number}\ta.nii\n" for number in range(MOST_SCANS + 1))
    (tmp_path / "scans.tsv").write_text(f"scan\timage\n{rows}")
    with pytest.raises(UsageError, match="at most 100000 scans in a cohort, got 100001: split the table"):
        read_table(tmp_path / "scans.tsv")


def test_parameters_of_a_row_have_their_types(tmp_path: Path) -> None:
    (tmp_path / "scans.tsv").write_text(
        "scan\timage\tlabels\tdilate_mm\tmembrane\tframe\na\tx\t1, tumour\t2\tyes\t0\nb\tx\t\t \t\n"
    )
    a, b = read_table(tmp_path / "scans.tsv")
    assert a.settings == {"labels": (1, "tumour"), "dilate_mm": 2.0, "membrane": True, "frame": 0}
    assert b.settings == {}
