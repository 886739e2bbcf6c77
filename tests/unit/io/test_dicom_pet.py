"""PET: values that each slice scales by itself, their unit, and several volumes in a series."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_phantom import Phantom
from highdicom.legacy import LegacyConvertedEnhancedPETImage
from multiframe_phantom import enhanced_pet
from pydicom import FileDataset
from pydicom.uid import UID

from medpaint.core.errors import AmbiguousError, GeometryError, UnsupportedError
from medpaint.io.dicom import list_series, read_series
from medpaint.io.source import Derivation

DERIVATION = Derivation("A block was filled.", "key")
SLOPES = [0.5, 0.625, 0.75, 0.875]


def unchanged(_dataset: FileDataset, _index: int) -> None:
    """Change nothing."""


def pet(change: Callable[[FileDataset, int], None] = unchanged) -> Phantom:
    """Return a PET series of four slices, each with its own slope."""
    return Phantom(modality="PT", bits_stored=16, change=change)


def setting(**values: object) -> Callable[[FileDataset, int], None]:
    """Return a change that sets attributes of every slice; None deletes them."""

    def change(dataset: FileDataset, _index: int) -> None:
        for keyword, value in values.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)

    return change


def setting_one(**values: object) -> Callable[[FileDataset, int], None]:
    """Return a change that sets attributes of the second slice; None deletes them."""

    def change(dataset: FileDataset, index: int) -> None:
        if index == 1:
            setting(**values)(dataset, index)

    return change


def times(folder: Path, count: int = 3) -> None:
    """Write a dynamic series."""
    for time in range(count):

        def change(dataset: FileDataset, index: int, time: int = time) -> None:
            dataset.SeriesType, dataset.NumberOfTimeSlices = ["DYNAMIC", "IMAGE"], count
            dataset.FrameReferenceTime = str(30000.0 + 60000 * time)
            dataset.ImageIndex = dataset.InstanceNumber = 4 * time + index + 1
            dataset.SOPInstanceUID = UID(f"1.2.3.4.{dataset.ImageIndex}")
            dataset.PixelData = (np.frombuffer(dataset.PixelData, np.int16) ^ time).tobytes()

        pet(change).write(folder / str(time))


def test_each_slice_is_decoded_with_its_own_slope(tmp_path: Path) -> None:
    phantom = pet()
    phantom.write(tmp_path)
    volume, source = read_series(tmp_path)
    expected = phantom.voxels() * np.array(SLOPES).reshape(-1, 1, 1)
    np.testing.assert_allclose(volume.intensities(), expected.transpose(2, 1, 0))
    facts = {name: source.facts[name] for name in ("modality", "unit", "pet_units", "decay_correction")}
    assert facts == {"modality": "PT", "unit": "Bq/ml", "pet_units": "BQML", "decay_correction": "START"}
    (found,) = list_series(tmp_path)
    assert (found.restorable, found.facts["unit"]) == (True, "Bq/ml")


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ({"Units": "GML", "SUVType": "LBM"}, "g/ml{SUVlbm}"),
        ({"Units": "GML"}, "g/ml{SUVbw}"),
        ({"Units": "CM2ML", "SUVType": "BSA"}, "cm2/ml{SUVbsa}"),
        ({"Units": "CNTS"}, "{counts}"),
    ],
)
def test_units_of_pet_are_named(tmp_path: Path, values: dict[str, str], unit: str) -> None:
    pet(setting(**values)).write(tmp_path)
    assert read_series(tmp_path)[1].facts["unit"] == unit


def test_an_unknown_unit_is_not_invented(tmp_path: Path) -> None:
    pet(setting(Units="NONE")).write(tmp_path)
    _, source = read_series(tmp_path)
    assert "unit" not in source.facts
    assert source.facts["pet_units"] == "NONE"


def test_a_derived_image_keeps_what_suvs_are_computed_from(tmp_path: Path) -> None:
    pet().write(tmp_path / "scan")
    volume, source = read_series(tmp_path / "scan")
    mask = np.zeros(volume.shape, bool)
    mask[1:3, 2:4, 1:3] = True
    data = np.where(mask, volume.data // 2, volume.data)
    source.write(data, mask, tmp_path / "out", DERIVATION)
    changed = {
        "ImageType",
        "SeriesDescription",
        "SeriesNumber",
        "SOPInstanceUID",
        "SeriesInstanceUID",
        "PixelData",
    }
    for k, file in enumerate(source.files):
        before, after = pydicom.dcmread(file), pydicom.dcmread(tmp_path / "out" / f"{k + 1:04d}.dcm")
        removed = {"InstanceCreationDate", "InstanceCreationTime"}
        for element in before:
            if element.keyword not in changed | removed:
                assert after[element.tag] == element, element.keyword
        assert after.RescaleSlope == SLOPES[k]
        assert after.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose == 350000000
        assert list(after.ImageType) == ["DERIVED", "PRIMARY"]
        outside = ~mask[:, :, k].T
        np.testing.assert_array_equal(after.pixel_array[outside], before.pixel_array[outside])


def test_padding_of_pet_is_of_stored_values(tmp_path: Path) -> None:
    phantom = pet(setting(PixelPaddingValue=-32768))
    phantom.write(tmp_path)
    volume, _ = read_series(tmp_path)
    np.testing.assert_array_equal(np.isnan(volume.intensities()), volume.data == -32768)
    assert np.isnan(volume.intensities()).any()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (setting(RescaleSlope=None), "PET without RescaleSlope"),
        (setting(RescaleSlope=None, RescaleIntercept=None), "PET without RescaleSlope"),
        (
            lambda dataset, index: index == 1 and setting(RescaleSlope="0")(dataset, 1),
            r"slope of 0 \(1 of 4 files\)",
        ),
        (setting_one(RescaleSlope=None), r"PET without RescaleSlope.* \(1 of 4 files\)"),
        (setting(NumberOfFrames=2), "2 frames in a file of a single-frame class"),
    ],
)
def test_pet_without_a_usable_scaling_is_refused(
    tmp_path: Path, change: Callable[[FileDataset, int], None], reason: str
) -> None:
    pet(change).write(tmp_path)
    with pytest.raises(UnsupportedError, match=reason):
        read_series(tmp_path)


def test_units_that_differ_between_slices_are_refused(tmp_path: Path) -> None:
    pet(setting_one(Units="CNTS")).write(tmp_path)
    with pytest.raises(GeometryError, match="mixed units: 3 of BQML, 1 of CNTS"):
        read_series(tmp_path)


def test_volumes_of_different_units_are_told_apart(tmp_path: Path) -> None:
    pet().write(tmp_path / "a")

    def change(dataset: FileDataset, index: int) -> None:
        dataset.Units, dataset.SOPInstanceUID = "GML", UID(f"1.2.3.4.9{index}")

    pet(change).write(tmp_path / "b")
    units = {found.name.partition("#")[2]: found.facts["unit"] for found in list_series(tmp_path)}
    assert units == {"units=BQML": "Bq/ml", "units=GML": "g/ml{SUVbw}"}


def test_time_points_of_dynamic_pet_are_separate_volumes(tmp_path: Path) -> None:
    times(tmp_path / "scan")
    with pytest.raises(
        AmbiguousError, match=r"found 3 in one series.*#frame-reference-time=90000\.0 \(4 slices\)"
    ):
        read_series(tmp_path / "scan")
    volume, source = read_series(tmp_path / "scan", series="1.2.3.4#frame-reference-time=90000.0")
    assert {file.parent.name for file in source.files} == {"1"}
    source.write(volume.data, np.ones(volume.shape, bool), tmp_path / "out", DERIVATION)
    again, _ = read_series(tmp_path / "out", series="#frame-reference-time=90000.0")
    np.testing.assert_array_equal(again.data, volume.data)


def test_gates_of_pet_are_separate_volumes(tmp_path: Path) -> None:
    for gate in (0, 250):

        def change(dataset: FileDataset, _index: int, gate: int = gate) -> None:
            dataset.SeriesType, dataset.TriggerTime, dataset.FrameTime = ["GATED", "IMAGE"], str(gate), "250"
            dataset.SOPInstanceUID = UID(f"{dataset.SOPInstanceUID}.{gate}")

        pet(change).write(tmp_path / str(gate))
    assert [found.facts["part"] for found in list_series(tmp_path)] == ["trigger-time=0", "trigger-time=250"]


def test_beds_with_times_of_their_own_are_one_volume(tmp_path: Path) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        dataset.SeriesType = ["WHOLE BODY", "IMAGE"]
        dataset.FrameReferenceTime, dataset.AcquisitionTime = str(60000.0 * (index // 2)), f"03040{index // 2}"

    pet(change).write(tmp_path)
    assert read_series(tmp_path)[0].shape == (5, 6, 4)


def test_enhanced_pet_is_read_and_written(tmp_path: Path) -> None:
    phantom = enhanced_pet(tmp_path / "e.dcm")
    volume, source = read_series(tmp_path / "e.dcm")
    np.testing.assert_array_equal(volume.data, phantom.voxels().transpose(2, 1, 0))
    assert volume.encoding.slope.ravel().tolist() == SLOPES
    assert source.facts["unit"] == "Bq/ml"
    mask = np.zeros(volume.shape, bool)
    mask[1:3, 2:4, 1] = True
    source.write(volume.data, mask, tmp_path / "out", DERIVATION)
    dataset = pydicom.dcmread(tmp_path / "out" / "0001.dcm")
    types = [item.PETFrameTypeSequence[0].FrameType[0] for item in dataset.PerFrameFunctionalGroupsSequence]
    assert types == ["ORIGINAL", "DERIVED", "ORIGINAL", "ORIGINAL"]
    assert dataset.ImageType[:2] == ["MIXED", "PRIMARY"]


def test_time_points_of_enhanced_pet_are_separate_volumes(tmp_path: Path) -> None:
    enhanced_pet(tmp_path / "e.dcm", times=2)
    assert [found.facts["part"] for found in list_series(tmp_path / "e.dcm")] == ["time=1", "time=2"]


def test_legacy_converted_pet_is_read_with_its_unassigned_attributes(tmp_path: Path) -> None:
    times(tmp_path / "scan", 2)
    images = [pydicom.dcmread(file) for file in sorted((tmp_path / "scan").rglob("*.dcm"))]
    converted = LegacyConvertedEnhancedPETImage(
        images, series_instance_uid="1.2.7", series_number=5, sop_instance_uid="1.2.7.1", instance_number=1
    )
    converted.save_as(tmp_path / "e.dcm")
    names = [found.name for found in list_series(tmp_path / "e.dcm")]
    assert names == ["1.2.7#frame-reference-time=30000.0", "1.2.7#frame-reference-time=90000.0"]
    first, source = read_series(tmp_path / "e.dcm", series=names[0])
    single, _ = read_series(tmp_path / "scan", series="1.2.3.4#frame-reference-time=30000.0")
    np.testing.assert_array_equal(first.intensities(), single.intensities())
    assert (source.facts["unit"], source.facts["series_type"]) == ("Bq/ml", "DYNAMIC/IMAGE")


def test_slices_put_back_are_counted(tmp_path: Path) -> None:
    for index, file in enumerate(pet().write(tmp_path / "scan")):
        if index == 2:
            file.unlink()
    volume, source = read_series(tmp_path / "scan", absent_slices=True)
    mask = np.zeros(volume.shape, bool)
    mask[:, :, 2] = True
    source.write(volume.data, mask, tmp_path / "out", DERIVATION)
    written = [pydicom.dcmread(file) for file in sorted((tmp_path / "out").iterdir())]
    assert [(one.ImageIndex, one.NumberOfSlices) for one in written] == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize("lost", [1, 2])
def test_slices_put_back_are_stored_with_the_slope_that_they_state(tmp_path: Path, lost: int) -> None:
    pet().write(tmp_path / "scan")[lost].unlink()
    volume, source = read_series(tmp_path / "scan", absent_slices=True)
    source.write(volume.data, volume.data == volume.data, tmp_path / "out", DERIVATION)
    again, _ = read_series(tmp_path / "out")
    np.testing.assert_array_equal(again.encoding.slope, volume.encoding.slope)
