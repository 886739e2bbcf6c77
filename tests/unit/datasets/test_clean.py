"""Clean scans: their tissue, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scans import hole, phantom, save

from medpaint.core.errors import InputError
from medpaint.corrupt import tissue_of
from medpaint.datasets.clean import read_clean
from medpaint.datasets.subjects import Subject


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    return save(phantom(), tmp_path / "sub-07_T1w.nii.gz")


def test_scan_is_read_with_its_tissue(scan: Path) -> None:
    clean = read_clean(Subject.of(scan))
    np.testing.assert_array_equal(clean.truth, phantom())
    np.testing.assert_array_equal(clean.tissue, tissue_of(clean.volume))
    assert clean.tissue.any()


def test_avoided_voxels_are_not_tissue(scan: Path, tmp_path: Path) -> None:
    avoided = save(hole(), tmp_path / "lesion.nii.gz")
    clean = read_clean(Subject.of(scan, avoid=avoided))
    np.testing.assert_array_equal(clean.tissue, tissue_of(clean.volume) & ~hole())
    nothing = save(np.zeros_like(hole()), tmp_path / "empty.nii.gz")
    assert (read_clean(Subject.of(scan, avoid=nothing)).tissue & hole()).any()


def test_excluded_persons_and_scans_are_refused(scan: Path) -> None:
    sha256 = read_clean(Subject.of(scan)).sha256
    for excluded in ("sub-07", sha256):
        with pytest.raises(InputError, match="must not be scored"):
            read_clean(Subject.of(scan), frozenset({excluded}))


def test_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="as in a mask"):
        read_clean(Subject.of(save(hole(), tmp_path / "mask.nii.gz")))
