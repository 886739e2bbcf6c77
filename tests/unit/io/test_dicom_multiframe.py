"""Enhanced multi-frame images, mosaics, and series with several volumes."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_phantom import Phantom
from multiframe_phantom import enhanced, mosaic
from pydicom import Dataset, FileDataset
from pydicom.uid import UID, EnhancedMRImageStorage

from medpaint.core.errors import AmbiguousError, InputError, UnreadableError, UnsupportedError
from medpaint.core.types import Array, Mask
from medpaint.io.dicom import DicomSource, list_series, read_series
from medpaint.io.source import Derivation

DERIVATION = Derivation("A block was filled.", "key")


def changed(volume: Any) -> tuple[Array, Mask]:
    """Return other values in a block of the third slice, and the mask of the block."""
    mask = np.zeros(volume.shape, bool)
    mask[1:4, 2:4, 2] = True
    data = volume.data.copy()
    data[mask] = data[mask] // 2 + 3
    return data, mask


@pytest.mark.parametrize("shared", [True, False])
def test_frames_are_sorted_by_position(tmp_path: Path, shared: bool) -> None:  # noqa: FBT001
    phantom = enhanced(tmp_path / "e.dcm", shared=shared)
    volume, source = read_series(tmp_path / "e.dcm")
    single, _ = read_series(tmp_path / "single")
    np.testing.assert_array_equal(volume.data, single.data)
    np.testing.assert_allclose(volume.affine, phantom.affine())
    assert float(volume.encoding.slope) == 2.0
    assert source.facts["instances"] == 1


def test_real_world_values_of_functional_groups_are_intensities(tmp_path: Path) -> None:
    enhanced(tmp_path / "image")
    dataset = pydicom.dcmread(tmp_path / "image")
    line = Dataset()
    line.RealWorldValueSlope, line.RealWorldValueIntercept = 0.25, 7.0
    (common,) = dataset.SharedFunctionalGroupsSequence
    del common.PixelValueTransformationSequence
    common.RealWorldValueMappingSequence = [line]
    dataset.save_as(tmp_path / "image")
    volume, _ = read_series(tmp_path / "image")
    np.testing.assert_array_equal(volume.intensities(), volume.data * 0.25 + 7.0)


def test_an_enhanced_image_stays_one_and_marks_its_filled_frames(tmp_path: Path) -> None:
    enhanced(tmp_path / "e.dcm")
    volume, source = read_series(tmp_path / "e.dcm")
    data, mask = changed(volume)
    source.write(data, mask, tmp_path / "out", DERIVATION)
    (file,) = (tmp_path / "out").iterdir()
    dataset = pydicom.dcmread(file)
    assert dataset.SOPClassUID == EnhancedMRImageStorage
    assert dataset.SyntheticData == "YES"
    assert dataset.ContentQualification == "RESEARCH"
    assert dataset.ImageType[:2] == ["MIXED", "PRIMARY"]
    types = [item.MRImageFrameTypeSequence[0].FrameType[0] for item in dataset.PerFrameFunctionalGroupsSequence]
    assert types == ["DERIVED", "ORIGINAL", "ORIGINAL", "ORIGINAL"]
    sources = [len(item.DerivationImageSequence) for item in dataset.PerFrameFunctionalGroupsSequence]
    assert sources == [1, 0, 0, 0]
    (reference,) = dataset.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence
    assert reference.ReferencedSOPInstanceUID == pydicom.dcmread(tmp_path / "e.dcm").SOPInstanceUID
    again, _ = read_series(file)
    np.testing.assert_array_equal(again.data, data)


def test_an_image_with_all_frames_filled_refers_to_its_source(tmp_path: Path) -> None:
    enhanced(tmp_path / "e.dcm")
    volume, source = read_series(tmp_path / "e.dcm")
    source.write(volume.data, np.ones(volume.shape, bool), tmp_path / "out", DERIVATION)
    dataset = pydicom.dcmread(tmp_path / "out" / "0001.dcm")
    assert dataset.ImageType[0] == "DERIVED"
    (study,) = dataset.SourceImageEvidenceSequence
    assert study.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3.4"


def test_a_wrong_number_of_functional_groups_is_damage(tmp_path: Path) -> None:
    enhanced(tmp_path / "e.dcm")
    dataset = pydicom.dcmread(tmp_path / "e.dcm")
    del dataset.PerFrameFunctionalGroupsSequence[0]
    dataset.save_as(tmp_path / "e.dcm")
    with pytest.raises(UnreadableError):
        read_series(tmp_path / "e.dcm")


def test_echoes_are_separate_volumes_and_one_is_restored_alone(tmp_path: Path) -> None:
    enhanced(tmp_path / "e.dcm", echoes=2)
    with pytest.raises(AmbiguousError, match=r"found 2 in one series.*#echo-time=4\.5 \(4 slices\); .*=9\.0"):
        read_series(tmp_path / "e.dcm")
    names = [found.name for found in list_series(tmp_path / "e.dcm")]
    assert names == ["1.2.3.4#echo-time=4.5", "1.2.3.4#echo-time=9.0"]
    first, second = (read_series(tmp_path / "e.dcm", series=name) for name in names)
    np.testing.assert_array_equal(first[0].data ^ 1, second[0].data)
    assert first[1].sha256 != second[1].sha256
    data, mask = changed(second[0])
    second[1].write(data, mask, tmp_path / "out", DERIVATION)
    again, _ = read_series(tmp_path / "out", series="#echo-time=9.0")
    np.testing.assert_array_equal(again.data, data)
    other, _ = read_series(tmp_path / "out", series="#echo-time=4.5")
    np.testing.assert_array_equal(other.data, first[0].data)
    with pytest.raises(
        InputError, match=r"expected slices with echo-time=7 .* found echo-time=4\.5, echo-time=9\.0"
    ):
        read_series(tmp_path / "e.dcm", series="1.2.3.4#echo-time=7")


def test_echoes_in_separate_files_are_separate_volumes(tmp_path: Path) -> None:
    for echo in (1, 2):

        def change(dataset: FileDataset, _index: int, echo: int = echo) -> None:
            dataset.EchoTime = 10.0 * echo
            dataset.SOPInstanceUID = UID(f"{dataset.SOPInstanceUID}.{echo}")

        Phantom(modality="MR", dtype="uint16", change=change).write(tmp_path / str(echo))
    names = [found.name.partition("#")[2] for found in list_series(tmp_path)]
    assert names == ["echo-time=10.0", "echo-time=20.0"]
    _, source = read_series(tmp_path, series="1.2.3.4#echo-time=20.0")
    assert {file.parent.name for file in source.files} == {"2"}
    assert source.facts["part"] == "echo-time=20.0"


def test_a_facet_that_varies_within_a_volume_does_not_split_it(tmp_path: Path) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        dataset.AcquisitionNumber = index // 2

    Phantom(shape=(6, 5, 8), change=change).write(tmp_path / "scan")
    volume, _ = read_series(tmp_path / "scan")
    assert volume.shape == (5, 6, 8)


def read_mosaic(tmp_path: Path) -> tuple[Any, DicomSource]:
    mosaic(tmp_path / "m")
    return read_series(tmp_path / "m")


def test_a_mosaic_is_read_as_its_slices(tmp_path: Path) -> None:
    phantom = mosaic(tmp_path / "m")
    volume, _ = read_series(tmp_path / "m")
    single, _ = read_series(tmp_path / "single")
    np.testing.assert_array_equal(volume.data, single.data)
    np.testing.assert_allclose(volume.affine, phantom.affine())


def test_a_mosaic_against_the_normal_is_reversed(tmp_path: Path) -> None:
    phantom = mosaic(tmp_path / "m", normal=-1.0)
    volume, _ = read_series(tmp_path / "m")
    single, _ = read_series(tmp_path / "single")
    np.testing.assert_array_equal(volume.data, single.data[:, :, ::-1])
    assert volume.affine[2, 3] == pytest.approx(phantom.affine()[2, 3] - 4 * phantom.step_mm)


def test_a_mosaic_stays_one_and_keeps_its_unused_pixels(tmp_path: Path) -> None:
    volume, source = read_mosaic(tmp_path)
    data, mask = changed(volume)
    source.write(data, mask, tmp_path / "out", DERIVATION)
    again, _ = read_series(tmp_path / "out")
    np.testing.assert_array_equal(again.data, data)
    before, after = (
        pydicom.dcmread(file).pixel_array for file in (tmp_path / "m/m.dcm", tmp_path / "out/0001.dcm")
    )
    assert np.count_nonzero(before != after) == np.count_nonzero(volume.data != data)
    assert (after[6:, 8:] == 7).all()


def test_a_mosaic_without_its_private_header_is_refused(tmp_path: Path) -> None:
    mosaic(tmp_path / "m", private=False)
    with pytest.raises(UnsupportedError, match="a Siemens mosaic without the private header"):
        read_series(tmp_path / "m")


def test_a_mosaic_with_a_damaged_private_header_is_refused(tmp_path: Path) -> None:
    mosaic(tmp_path / "m")
    dataset = pydicom.dcmread(tmp_path / "m" / "m.dcm")
    header = bytearray(dataset[0x00291010].value)
    header[104:108] = struct.pack("<i", 2**30)
    dataset[0x00291010].value = bytes(header)
    dataset.save_as(tmp_path / "m" / "m.dcm")
    with pytest.raises(UnsupportedError, match="a Siemens mosaic whose private header is damaged"):
        read_series(tmp_path / "m")
