"""The page on the outcome of each DICOM series is up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[2]


def test_the_dicom_series_page_is_up_to_date(real_data: Path) -> None:
    words = [sys.executable, str(ROOT / "benchmarks" / "dicom_series.py"), "--data", str(real_data)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    page = (ROOT / "docs" / "reference" / "dicom-series.md").read_text()
    assert "DIFFERS" not in page
    assert page.count("equals the reference") >= 10
    assert done.stdout == page
