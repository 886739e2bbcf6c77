"""Tables of scores: means over people, written and read back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medpaint.core.errors import UnreadableError
from medpaint.evaluation.pictures import median_row
from medpaint.evaluation.run import Row
from medpaint.evaluation.tables import groups, read_scores, summarised, write_table


def row(person: str, psnr: float, engine: str = "nearest") -> Row:
    return Row(person, person, "", "blob", "1 ml", 0, 1.0, 1.0, engine, psnr, *[1.0] * 9)


def test_mean_is_over_people_and_the_interval_is_students() -> None:
    (one,) = summarised([row("a", 10.0), row("a", 20.0), row("b", 21.0), row("c", 24.0)])
    assert (one.people, one.holes) == (3, 4)
    estimate = one.scores["psnr"]
    half = 4.302653 * np.std([15.0, 21.0, 24.0], ddof=1) / math.sqrt(3.0)
    assert estimate.mean == pytest.approx(20.0)
    assert estimate.low == pytest.approx(20.0 - half, rel=1e-6)
    assert estimate.high == pytest.approx(20.0 + half, rel=1e-6)


def test_one_person_has_a_mean_without_an_interval() -> None:
    (alone,) = summarised([row("a", 10.0)])
    assert alone.scores["psnr"].mean == 10.0
    assert math.isnan(alone.scores["psnr"].low)
    (unknown,) = summarised([row("a", math.nan)])
    assert math.isnan(unknown.scores["psnr"].mean)


def test_rows_are_grouped_by_kind_then_engine() -> None:
    mixed = [row("a", 1.0), row("a", 2.0, "harmonic"), row("b", 3.0), replace(row("b", 4.0), kind="edge")]
    assert list(groups(mixed)) == [
        ("blob", "1 ml", "nearest"),
        ("blob", "1 ml", "harmonic"),
        ("edge", "1 ml", "nearest"),
    ]


def test_median_is_the_lower_one_of_two() -> None:
    rows = [row("a", psnr) for psnr in (4.0, 1.0, 3.0, 2.0)]
    assert median_row(rows).psnr == 2.0


def test_scores_are_read_back(tmp_path: Path) -> None:
    rows = [replace(row("a", 21.987654321), peak_mb=math.nan, sha256="ab"), row("b", math.inf)]
    write_table(rows, tmp_path / "scores.tsv")
    first, second = read_scores(tmp_path / "scores.tsv")
    assert replace(first, psnr=0.0, peak_mb=0.0) == replace(rows[0], psnr=0.0, peak_mb=0.0)
    assert first.psnr == 21.9877
    assert math.isnan(first.peak_mb)
    assert second == rows[1]


@pytest.mark.parametrize("text", ["a\tb\n1\t2\n", "person\tscan\nx\ty\n"])
def test_other_tables_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.tsv").write_text(text)
    with pytest.raises(UnreadableError, match=r"other\.tsv"):
        read_scores(tmp_path / "other.tsv")


def test_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"absent\.tsv"):
        read_scores(tmp_path / "absent.tsv")
