"""Fixtures for all tests."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from dicom_phantom import Phantom, oblique
from hypothesis import settings
from pydicom import FileDataset, dcmread

from medpaint.core.volume import Volume

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="module", autouse=True)
def _quick_collections() -> None:
    """Spare the garbage collector what the tests and libraries have loaded, some million objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real scans next to the checkout; skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real scans are not at {folder}")
    return folder


@pytest.fixture
def oblique_scan(tmp_path: Path) -> Volume:
    """Return the oblique DICOM series, which is in the folder ``scan``."""
    from medpaint.io.dicom import read_series

    oblique().write(tmp_path / "scan")
    volume, _ = read_series(tmp_path / "scan")
    return volume


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait hardly at all between attempts at a server."""
    from medpaint.pacs import retry

    monkeypatch.setattr(retry, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def images(tmp_path: Path) -> list[FileDataset]:
    """Return the four instances of a series that a server has; they are in the folder ``scan``."""
    from servers import SERIES

    return [dcmread(file) for file in Phantom(series=SERIES).write(tmp_path / "scan")]
