from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from morphometry_page import page_of, spread_of
from morphometry_rows import UNFILLED, UNTOUCHED, Row, read, write

from medpaint.core.errors import UnreadableError

ROW = Row(
    person="one",
    kind="stroke",
    fill="harmonic",
    tissue_ml=1000.0,
    hole_ml=10.0,
    csf=-2.0,
    grey=3.0,
    white=-1.0,
    hole_csf=-1.0,
    hole_grey=1.5,
    hole_white=-0.5,
    relabelled=0.25,
    rmse=0.125,
)


def rows() -> list[Row]:
    people = [f"p{number}" for number in range(6)]
    filled = [replace(ROW, person=person) for person in people]
    unfilled = [replace(row, fill=UNFILLED, grey=30.0, csf=-29.0) for row in filled]
    return [*unfilled, *filled, *(replace(row, kind=UNTOUCHED, fill=UNTOUCHED, hole_ml=0.0) for row in filled)]


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(5, math.nan, math.nan), (6, 0.0, 5.0), (8, 0.0, 7.0), (9, 1.0, 7.0), (12, 2.0, 9.0)],
)
def test_the_interval_of_a_median_is_that_of_order_statistics(count: int, low: float, high: float) -> None:
    spread = spread_of([float(number) for number in reversed(range(count))])
    assert spread.median == (count - 1) / 2
    assert [spread.low, spread.high] == pytest.approx([low, high], nan_ok=True)


def test_no_values_have_no_median() -> None:
    with pytest.raises(ValueError, match="at least one"):
        spread_of([])


def test_volumes_are_given_in_per_cent_of_tissue_and_holes() -> None:
    page = page_of(rows(), "")
    assert "| `harmonic` | 0.300 (0.300 to 0.300) | -0.200 | +0.300 | -0.100 | 0.150 |" in page
    assert "| `harmonic` | 15.00 (15.00 to 15.00) | -10.00 | +15.00 | -5.00 | 25.00 | 12.50 |" in page
    assert "| `harmonic` | 0 · 0 of 6 |" in page


def test_only_measured_kinds_and_a_drawn_picture_are_on_the_page() -> None:
    page = page_of(rows(), "")
    assert "## Stroke" in page
    assert "## Soft rims" not in page
    assert "../images/" not in page
    assert "](../images/morphometry.png)" in page_of(rows(), "morphometry.png")


def test_rows_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "rows" / "one.tsv"
    assert read(path) == []
    write(rows(), path)
    assert read(path) == rows()


def test_another_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.tsv"
    path.write_text("scan\timage\none\ttwo\n")
    with pytest.raises(UnreadableError):
        read(path)
