"""Products of PET are valid, keep what SUVs are computed from, and say where they cannot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_phantom import Phantom, validator_errors
from highdicom.legacy import LegacyConvertedEnhancedPETImage
from pydicom import FileDataset
from pydicom.uid import UID
from scans import voxels_of

from medpaint.audit.verify import verify
from medpaint.core.types import Mask
from medpaint.io.dicom import read_series
from medpaint.layouts.plain import Products
from medpaint.pipeline.case import Restoration
from medpaint.pipeline.restore import restore

SHAPE = (14, 12, 6)
KEY = "nobody guesses this line"


def mask() -> Mask:
    """Return a block in two of six slices."""
    found = np.zeros(SHAPE, bool)
    found[4:8, 3:8, 2:4] = True
    return found


def restored(folder: Path, phantom: Phantom | None = None, **options: Any) -> tuple[Restoration, Products]:
    (phantom or Phantom(modality="PT", shape=(12, 14, 6), bits_stored=16)).write(folder / "scan")
    if options.pop("deidentified", False):
        (folder / "key").write_text(KEY)
        (folder / "key").chmod(0o600)
        options["deidentify"] = str(folder / "key")
    done = restore(folder / "scan", mask(), output=folder / "out", engine="nearest", **options)
    assert done.products is not None
    return done, done.products


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
@pytest.mark.parametrize("options", [{}, {"compress": "rle"}, {"deidentified": True, "compress": "jpeg-ls"}])
def test_products_are_valid(tmp_path: Path, options: dict[str, Any]) -> None:
    done, products = restored(tmp_path, **options)
    files = sorted(products.restored.iterdir())
    assert [file.name for file in files] == [f"{number:04d}.dcm" for number in range(1, 7)]
    assert not set().union(*(validator_errors(file) for file in files))
    assert not validator_errors(products.segmentation)
    assert not verify(products.record).problems
    assert done.record.read is not None
    assert done.record.read.facts["unit"] == "Bq/ml"


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
def test_a_time_point_of_a_legacy_converted_image_stays_as_valid_as_it_was(tmp_path: Path) -> None:
    for time in (1, 2):

        def change(dataset: FileDataset, index: int, time: int = time) -> None:
            dataset.SOPInstanceUID = UID(f"{dataset.SOPInstanceUID}.{time}")
            dataset.SeriesType, dataset.FrameReferenceTime = ["DYNAMIC", "IMAGE"], str(60000.0 * time)
            dataset.ImageIndex = dataset.InstanceNumber = 6 * (time - 1) + index + 1

        Phantom(modality="PT", shape=(12, 14, 6), bits_stored=16, change=change).write(
            tmp_path / "single" / str(time)
        )
    images = [pydicom.dcmread(file) for file in sorted((tmp_path / "single").rglob("*.dcm"))]
    (tmp_path / "scan").mkdir()
    LegacyConvertedEnhancedPETImage(
        images, series_instance_uid="1.2.7", series_number=5, sop_instance_uid="1.2.7.1", instance_number=1
    ).save_as(tmp_path / "scan" / "e.dcm")
    name = "1.2.7#frame-reference-time=120000.0"
    done = restore(tmp_path / "scan", mask(), output=tmp_path / "out", engine="nearest", series=name)
    assert done.products is not None
    before = validator_errors(tmp_path / "scan" / "e.dcm")
    assert validator_errors(done.products.restored / "0001.dcm") <= before
    assert not validator_errors(done.products.segmentation)
    assert not verify(done.products.record).problems


def test_filled_voxels_are_stored_with_the_slope_of_their_slice(tmp_path: Path) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        stored = np.full((12, 14), round(1000 / float(dataset.RescaleSlope)), np.int16)
        stored[3:8, 4:8] = 0 if index in {2, 3} else stored[0, 0]
        dataset.PixelData = stored.tobytes()

    _, products = restored(tmp_path, Phantom(modality="PT", shape=(12, 14, 6), bits_stored=16, change=change))
    volume, _ = read_series(products.restored)
    np.testing.assert_allclose(volume.intensities()[mask()], 1000, atol=0.5)
    assert len(np.unique(volume.data[mask()])) == 2


def test_slices_that_cannot_store_their_fill_are_reported(tmp_path: Path) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        dataset.RescaleSlope = "0.001" if index in {2, 3} else "1"
        dataset.PixelData = np.full((12, 14), 1000, np.int16).tobytes()

    phantom = Phantom(modality="PT", shape=(12, 14, 6), bits_stored=16, change=change)
    whole = np.zeros(SHAPE, bool)
    whole[:, :, 2] = True
    phantom.write(tmp_path / "scan")
    done = restore(tmp_path / "scan", whole, output=tmp_path / "out", engine="harmonic")
    assert any(
        "filled voxels exceed what the scaling of their slice can store" in one for one in done.record.warnings
    )


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="dcm2niix is not installed")
def test_another_program_reads_the_products(tmp_path: Path) -> None:
    _, products = restored(tmp_path)
    subprocess.run(["dcm2niix", "-b", "n", "-o", tmp_path, products.restored], check=True, capture_output=True)
    (converted,) = tmp_path.glob("*.nii")
    volume, _ = read_series(products.restored)
    np.testing.assert_allclose(np.sort(voxels_of(converted).ravel()), np.sort(volume.intensities().ravel()))


def test_a_deidentified_product_says_that_suvs_are_lost(tmp_path: Path) -> None:
    done, products = restored(tmp_path, deidentified=True)
    assert any("SUVs cannot be computed" in warning for warning in done.record.warnings)
    dataset = pydicom.dcmread(products.restored / "0003.dcm")
    assert "PatientWeight" not in dataset
    assert (dataset.Units, dataset.DecayCorrection, dataset.RescaleSlope) == ("BQML", "START", 0.75)


def test_images_in_suv_lose_nothing_by_deidentification(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.Units, dataset.SUVType = "GML", "BW"

    phantom = Phantom(modality="PT", shape=(12, 14, 6), bits_stored=16, change=change)
    done, products = restored(tmp_path, phantom, deidentified=True)
    assert not any("SUV" in warning for warning in done.record.warnings)
    assert pydicom.dcmread(products.restored / "0003.dcm").SUVType == "BW"
