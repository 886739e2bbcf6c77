"""Slices that are absent from a DICOM series: put back as a gap on request, and filled."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_phantom import OBLIQUE, Phantom, validator_errors
from pydicom import DataElement, FileDataset
from pydicom.tag import Tag

from medpaint.audit.verify import verify
from medpaint.core.errors import GeometryError
from medpaint.io.dicom import read_series
from medpaint.pipeline.case import Restoration
from medpaint.pipeline.restore import restore


def smooth(dataset: FileDataset, index: int) -> None:
    """Show a slope along the slices."""
    dataset.PixelData = np.full((16, 18), 100 * index, np.int16).tobytes()


def with_gaps(folder: Path, *absent: int, **changes: Any) -> Path:
    """Write a series of eight slices, some of which are absent, and return its folder."""
    files = Phantom(shape=(16, 18, 8), orientation=OBLIQUE, change=smooth, **changes).write(folder / "scan")
    for number in absent:
        files[number].unlink()
    return folder / "scan"


def restored(folder: Path, *absent: int, **changes: Any) -> Restoration:
    scan = with_gaps(folder, *absent, **changes)
    return restore(scan, output=folder / "out", engine="harmonic", absent_slices=True)


def test_absent_slices_are_refused_by_default(tmp_path: Path) -> None:
    with pytest.raises(GeometryError, match="2 slices are missing, the common step"):
        restore(with_gaps(tmp_path, 3, 4), engine="harmonic")


def test_absent_slices_are_put_back_and_filled(tmp_path: Path) -> None:
    done = restored(tmp_path, 2, 5)
    assert done.mask.any(axis=(0, 1)).tolist() == [k in {2, 5} for k in range(8)]
    assert done.mask.all(axis=(0, 1)).tolist() == [k in {2, 5} for k in range(8)]
    middle = [round(float(value)) for value in done.volume.data.mean(axis=(0, 1))]
    assert middle == pytest.approx([0, 100, 200, 300, 400, 500, 600, 700], abs=30)
    assert "put back as a gap to be filled: 2 slices are missing" in " ".join(done.record.warnings)
    assert done.products is not None
    assert not verify(done.products.record).problems


def test_restored_slices_get_their_own_instances(tmp_path: Path) -> None:
    done = restored(tmp_path, 2, 5)
    assert done.products is not None
    written = [pydicom.dcmread(file) for file in sorted(done.products.restored.iterdir())]
    assert len(written) == 8
    assert len({one.SOPInstanceUID for one in written}) == 8
    assert len({one.SeriesInstanceUID for one in written}) == 1
    assert [one.get("SyntheticData", "") for one in written] == ["YES" if k in {2, 5} else "" for k in range(8)]
    assert "was absent from the source" in written[2].ImageComments
    whole = Phantom(shape=(16, 18, 8), orientation=OBLIQUE).places()
    np.testing.assert_allclose([one.ImagePositionPatient for one in written], whole, atol=1e-6)
    volume, _ = read_series(done.products.restored)
    np.testing.assert_array_equal(volume.data, done.volume.data)


def test_the_same_gap_gives_the_same_identifiers(tmp_path: Path) -> None:
    found = []
    for run in ("a", "b"):
        done = restored(tmp_path / run, 3)
        assert done.products is not None
        found.append([file.read_bytes() for file in sorted(done.products.restored.iterdir())])
    assert found[0] == found[1]


def test_the_segmentation_refers_to_the_series_with_the_slices(tmp_path: Path) -> None:
    done = restored(tmp_path, 2, 5)
    assert done.products is not None
    segmentation = pydicom.dcmread(done.products.segmentation)
    images = [pydicom.dcmread(file) for file in sorted(done.products.restored.iterdir())]
    (series,) = segmentation.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == images[0].SeriesInstanceUID
    assert {item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence} == {
        images[k].SOPInstanceUID for k in (2, 5)
    }
    again = restore(done.products.restored, done.products.segmentation, engine="nearest")
    np.testing.assert_array_equal(again.mask, done.mask)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
def test_the_new_instances_are_valid(tmp_path: Path) -> None:
    done = restored(tmp_path, 3)
    assert done.products is not None
    for file in (*done.products.restored.iterdir(), done.products.segmentation):
        assert not validator_errors(file)


def test_a_mask_is_merged_with_the_gap(tmp_path: Path) -> None:
    mask = np.zeros((18, 16, 8), bool)
    mask[4:8, 4:8, 6] = True
    done = restore(with_gaps(tmp_path, 2), mask, engine="harmonic", absent_slices=True)
    assert done.mask[:, :, 2].all()
    assert done.mask.sum() == 16 + 18 * 16


def test_gaps_are_restored_where_slices_have_their_own_rescaling(tmp_path: Path) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = 1.0 + index, 0.0

    files = Phantom(shape=(6, 5, 6), change=change).write(tmp_path / "scan")
    files[2].unlink()
    volume, source = read_series(tmp_path / "scan", absent_slices=True)
    assert volume.encoding.slope.ravel().tolist() == [1.0, 2.0, 2.0, 4.0, 5.0, 6.0]
    assert source.absent == (2,)


def test_a_gap_is_filled_where_zero_is_padding(tmp_path: Path) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        smooth(dataset, index + 1)
        dataset[Tag("PixelPaddingValue")] = DataElement(Tag("PixelPaddingValue"), "SS", 0)

    files = Phantom(shape=(16, 18, 8), change=change).write(tmp_path / "scan")
    files[3].unlink()
    done = restore(tmp_path / "scan", engine="harmonic", absent_slices=True)
    assert done.mask.all(axis=(0, 1)).tolist() == [k == 3 for k in range(8)]
    assert done.volume.data[:, :, 3].mean() == pytest.approx(400, abs=20)


def test_a_slice_that_is_put_back_has_the_rescaling_that_it_was_filled_by(tmp_path: Path) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        smooth(dataset, index)
        dataset.PixelData = (dataset.pixel_array // (1 + index)).astype(np.int16).tobytes()
        dataset.RescaleSlope, dataset.RescaleIntercept = 1.0 + index, 0.0

    files = Phantom(shape=(16, 18, 8), change=change).write(tmp_path / "scan")
    files[3].unlink()
    done = restore(tmp_path / "scan", output=tmp_path / "out", engine="harmonic", absent_slices=True)
    assert done.products is not None
    written = pydicom.dcmread(done.products.restored / "0004.dcm")
    intensities = written.pixel_array * float(written.RescaleSlope)
    assert np.array_equal(intensities.T, done.volume.intensities()[:, :, 3])
