"""The page that says what becomes of each DICOM series is true."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_dicom_series_is_up_to_date(real_data: Path) -> None:
    words = [sys.executable, str(ROOT / "benchmarks" / "dicom_series.py"), "--data", str(real_data)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    page = (ROOT / "docs" / "reference" / "dicom-series.md").read_text()
    assert "DIFFERS" not in page
    assert page.count("equals the reference") >= 10
    assert done.stdout == page
