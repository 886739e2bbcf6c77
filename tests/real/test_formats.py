"""Real scans read as nibabel and ITK read them, and come back with their own headers."""

from __future__ import annotations

import gzip
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medpaint.core.errors import UnsupportedError
from medpaint.core.geometry import LPS_TO_RAS
from medpaint.io.inspection import inspect
from medpaint.io.reading import read_scan
from medpaint.io.source import Derivation

# Neither library says what types its functions take.
nib: Any = import_module("nibabel")
sitk: Any = import_module("SimpleITK")

pytestmark = pytest.mark.real
DONE = Derivation("tested", "key")


def content_of(path: Path) -> bytes:
    """Return a file's bytes, unpacked."""
    content = path.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def niftis(real_data: Path) -> list[Path]:
    """Return every NIfTI file, but only two label maps and a tenth of the lesion masks."""
    found = sorted(path for path in real_data.rglob("*.nii*"))
    labels = [path for path in found if "label-maps" in str(path)]
    masks = [path for path in found if "lesion-masks" in str(path)]
    return sorted(set(found) - set(labels[2:]) - set(masks) | set(masks[::10]))


def test_every_nifti_reads_as_nibabel_reads_it(real_data: Path) -> None:
    paths = niftis(real_data)
    assert len(paths) > 80
    for path in paths:
        image = nib.load(path)
        if image.get_data_dtype().names:
            with pytest.raises(UnsupportedError):
                read_scan(path)
            continue
        is_series = len(image.shape) > 3 and image.shape[3] > 1
        volume, _ = read_scan(path, frame=1 if is_series else None)
        expected = np.asanyarray(image.dataobj.get_unscaled())
        expected = expected[..., 1] if is_series else expected
        assert np.array_equal(volume.data, expected.reshape(volume.shape)), path
        np.testing.assert_allclose(volume.affine, image.affine, rtol=0, atol=1e-9, err_msg=str(path))


def test_unchanged_scans_are_written_back_with_the_same_content(real_data: Path, tmp_path: Path) -> None:
    paths = [
        next((real_data / "t1w-brain-ds002748" / "original").rglob("*.nii.gz")),
        *sorted((real_data / "head-ds000011").rglob("*.nii.gz"))[:2],
        *sorted((real_data / "ct-mr-sts").rglob("*_image.nii.gz"))[:2],
        *sorted((real_data / "ms-patient12-raw").rglob("*.nii.gz"))[:1],
    ]
    for path in paths:
        volume, source = read_scan(path)
        target = tmp_path / path.name
        source.write(volume.data, np.ones(volume.shape, bool), target, DONE)
        assert content_of(target) == content_of(path), path


def test_every_nrrd_reads_as_itk_reads_it(real_data: Path) -> None:
    paths = sorted(real_data.rglob("*.nrrd"))
    assert len(paths) > 10
    for path in paths:
        volume, _ = read_scan(path)
        image = sitk.ReadImage(str(path))
        np.testing.assert_array_equal(volume.data, sitk.GetArrayFromImage(image).T, err_msg=str(path))
        steps = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
        np.testing.assert_allclose(volume.affine[:3, :3], LPS_TO_RAS[:3, :3] @ steps, atol=1e-9)
        np.testing.assert_allclose(volume.affine[:3, 3], LPS_TO_RAS[:3, :3] @ image.GetOrigin(), atol=1e-9)


def test_a_large_folder_is_inspected_by_its_headers(real_data: Path) -> None:
    found = inspect(real_data)
    assert {finding.kind for finding in found} == {"nifti", "nrrd", "dicom"}
    assert all(finding.restorable or finding.reason for finding in found)
