"""What a folder of DICOM files becomes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_phantom import AXIAL, CORONAL, OBLIQUE, SAGITTAL, Phantom
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, FileDataset
from pydicom.data import get_testdata_file
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from medpaint.core.errors import AmbiguousError, InputError, UnreadableError
from medpaint.io.atomic import replacing_folder
from medpaint.io.dicom import list_series, read_series
from medpaint.io.digest import combined_digest


def _rotation(angles: tuple[float, float, float]) -> tuple[float, ...]:
    """Return rows and columns of a grid that is turned about its three axes."""
    turned = np.eye(3)
    for axis, angle in enumerate(angles):
        step = np.eye(3)
        first, second = [other for other in range(3) if other != axis]
        step[first, first] = step[second, second] = np.cos(angle)
        step[first, second], step[second, first] = -np.sin(angle), np.sin(angle)
        turned = turned @ step
    return tuple(turned[:, 0]) + tuple(turned[:, 1])


@pytest.mark.parametrize("orientation", [AXIAL, SAGITTAL, CORONAL, OBLIQUE])
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_grid_matches_the_phantom(tmp_path: Path, modality: str, orientation: tuple[float, ...]) -> None:
    phantom = Phantom(modality=modality, orientation=orientation)
    phantom.write(tmp_path)
    volume, source = read_series(tmp_path)
    np.testing.assert_allclose(volume.affine, phantom.affine(), atol=1e-5)
    np.testing.assert_array_equal(volume.data, phantom.voxels().transpose(2, 1, 0))
    assert (source.kind, source.suffix, source.facts["modality"]) == ("dicom", "", modality)
    assert np.linalg.det(volume.affine[:3, :3]) > 0


angle = st.floats(-np.pi, np.pi)
length = st.floats(0.1, 9.0).map(lambda value: round(value, 3))


@settings(max_examples=40)
@given(
    angles=st.tuples(angle, angle, angle),
    spacing=st.tuples(length, length),
    step=length,
    order=st.permutations(range(4)),
)
def test_any_grid_is_read_from_files_in_any_order(
    tmp_path_factory: pytest.TempPathFactory,
    angles: tuple[float, float, float],
    spacing: tuple[float, float],
    step: float,
    order: list[int],
) -> None:
    folder = tmp_path_factory.mktemp("series")
    phantom = Phantom(orientation=_rotation(angles), pixel_spacing=spacing, step_mm=step, shape=(3, 2, 4))
    phantom.write(folder, names=[f"{number}.dcm" for number in order])
    volume, _ = read_series(folder)
    np.testing.assert_allclose(volume.affine, phantom.affine(), atol=1e-4)
    np.testing.assert_array_equal(volume.data, phantom.voxels().transpose(2, 1, 0))


def test_descending_files_are_read_in_ascending_order(tmp_path: Path) -> None:
    phantom = Phantom()
    phantom.write(tmp_path, names=["d", "c", "b", "a"])
    volume, source = read_series(tmp_path)
    assert [file.name for file in source.files] == ["d", "c", "b", "a"]
    np.testing.assert_array_equal(volume.data[:, :, 0], phantom.voxels()[0].T)


def test_subfolders_are_searched_and_other_files_skipped(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    Phantom().write(tmp_path, names=["a/0", "a/1", "b/2.IMA", "3"])
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "empty").touch()
    (tmp_path / "junk").write_bytes(b"\x08\x00" + bytes(range(200)))
    directory = get_testdata_file("DICOMDIR")
    (tmp_path / "DICOMDIR").write_bytes(Path(str(directory)).read_bytes())
    assert read_series(tmp_path)[0].shape == (5, 6, 4)


def test_a_series_that_is_still_being_written_is_not_read(tmp_path: Path) -> None:
    Phantom().write(tmp_path / "scan")
    with replacing_folder(tmp_path / "scan" / "copy") as part:
        Phantom(series="1.2.3.5").write(part)
        assert len(list_series(tmp_path / "scan")) == 1
    assert len(list_series(tmp_path / "scan")) == 2


def test_one_file_is_read_as_one_slice(tmp_path: Path) -> None:
    file = Phantom().write(tmp_path)[2]
    volume, source = read_series(file)
    assert volume.shape == (5, 6, 1)
    assert volume.spacing_mm == pytest.approx((0.5, 0.75, 2.0))
    assert source.warnings == ("one slice: its depth of 2.00 mm is SliceThickness",)


def test_two_slices_are_read_with_a_warning(tmp_path: Path) -> None:
    Phantom(shape=(3, 4, 2)).write(tmp_path)
    assert read_series(tmp_path)[1].warnings == ("two slices: the spacing cannot be checked",)


def test_a_stated_spacing_that_contradicts_the_positions_warns(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.SpacingBetweenSlices = "1.5"

    Phantom(change=change).write(tmp_path)
    volume, source = read_series(tmp_path)
    assert volume.spacing_mm[2] == pytest.approx(2.0)
    assert source.warnings == ("the slices step 2.00 mm, SpacingBetweenSlices says 1.50 mm: the step is used",)


@pytest.mark.parametrize(
    ("dtype", "bits", "limits"),
    [
        ("uint8", 8, (0, 255)),
        ("uint16", 12, (0, 4095)),
        ("int16", 12, (-2048, 2047)),
        ("int16", 16, (-32768, 32767)),
        ("uint32", 20, (0, 2**20 - 1)),
    ],
)
def test_limits_follow_the_stored_bits(tmp_path: Path, dtype: str, bits: int, limits: tuple[int, int]) -> None:
    phantom = Phantom(dtype=dtype, bits_stored=bits, shape=(3, 3, 3))
    phantom.write(tmp_path)
    volume, _ = read_series(tmp_path)
    assert volume.encoding.dtype == np.dtype(dtype)
    assert (volume.encoding.lowest, volume.encoding.highest) == limits
    np.testing.assert_array_equal(volume.data, phantom.voxels().transpose(2, 1, 0))


def test_bits_above_the_stored_are_masked_off(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        words = np.frombuffer(dataset.PixelData, "<u2") | 0x5000
        dataset.PixelData = words.astype("<u2").tobytes()

    phantom = Phantom(dtype="uint16", change=change)
    phantom.write(tmp_path)
    np.testing.assert_array_equal(read_series(tmp_path)[0].data, phantom.voxels().transpose(2, 1, 0))


def test_a_common_slope_is_a_single_number(tmp_path: Path) -> None:
    Phantom().write(tmp_path)
    encoding = read_series(tmp_path)[0].encoding
    assert (encoding.slope.shape, float(encoding.slope), float(encoding.intercept)) == ((), 1.0, -1024.0)


def real_world(slope: float, intercept: float, scheme: str = "UCUM") -> Dataset:
    """Return a mapping of all stored values to real-world values."""
    unit, line = Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "mm2/s", scheme, "square millimetres a second"
    line.RealWorldValueSlope, line.RealWorldValueIntercept = slope, intercept
    line.MeasurementUnitsCodeSequence = [unit]
    return line


def test_a_unit_with_a_long_code_is_shown(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        line = real_world(0.5, -3.0)
        unit = line.MeasurementUnitsCodeSequence[0]
        del unit.CodeValue
        unit.LongCodeValue = "g/ml{SUVlbm(Janma)}"
        dataset.RealWorldValueMappingSequence = [line]

    Phantom(modality="MR", dtype="uint16", change=change).write(tmp_path)
    assert read_series(tmp_path)[1].facts["unit"] == "g/ml{SUVlbm(Janma)}"


def test_real_world_values_are_intensities_without_a_rescaling(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.RealWorldValueMappingSequence = [real_world(0.5, -3.0)]

    Phantom(modality="MR", dtype="uint16", change=change).write(tmp_path)
    volume, source = read_series(tmp_path)
    np.testing.assert_array_equal(volume.intensities(), volume.data * 0.5 - 3.0)
    assert source.facts["unit"] == "mm2/s"


@pytest.mark.parametrize("case", ["rescaled", "several", "flat", "words", "range", "whole"])
def test_other_real_world_values_are_ignored(tmp_path: Path, case: str) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        lines = [real_world(0.0 if case == "flat" else 0.5, -3.0, "SOMEBODY")]
        if case in {"range", "whole"}:
            lines[0].add_new("RealWorldValueFirstValueMapped", "US", 0)
            lines[0].add_new("RealWorldValueLastValueMapped", "US", 4094 if case == "range" else 4095)
        dataset.RealWorldValueMappingSequence = lines * (2 if case == "several" else 1)
        if case == "rescaled":
            dataset.RescaleSlope, dataset.RescaleIntercept = "2", "0"

    Phantom(modality="MR", dtype="uint16", change=change).write(tmp_path)
    volume, source = read_series(tmp_path)
    slope, intercept = {"rescaled": (2.0, 0.0), "words": (0.5, -3.0), "whole": (0.5, -3.0)}.get(case, (1.0, 0.0))
    np.testing.assert_array_equal(volume.intensities(), volume.data * slope + intercept)
    assert "unit" not in source.facts


def test_real_world_values_of_only_some_slices_are_ignored(tmp_path: Path) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        if index < 2:
            dataset.RealWorldValueMappingSequence = [real_world(0.5, -3.0)]

    Phantom(modality="MR", dtype="uint16", change=change).write(tmp_path)
    volume, source = read_series(tmp_path)
    np.testing.assert_array_equal(volume.intensities(), volume.data)
    assert "differ in the meaning of their values" in " ".join(source.warnings)


def test_different_slopes_are_kept_per_slice(tmp_path: Path) -> None:
    def change(dataset: FileDataset, index: int) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = f"{index + 0.5}", f"{-index}"

    phantom = Phantom(change=change)
    phantom.write(tmp_path, names=["3", "1", "2", "0"])
    volume, _ = read_series(tmp_path)
    assert volume.encoding.slope.ravel().tolist() == [0.5, 1.5, 2.5, 3.5]
    assert volume.encoding.intercept.shape == (1, 1, 4)
    expected = phantom.voxels()[3].T * 3.5 - 3
    np.testing.assert_allclose(volume.intensities()[:, :, 3], expected)


def test_monochrome1_keeps_its_stored_values(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"

    phantom = Phantom(change=change)
    phantom.write(tmp_path)
    np.testing.assert_array_equal(read_series(tmp_path)[0].data, phantom.voxels().transpose(2, 1, 0))


@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless],
)
def test_transfer_syntax_does_not_change_the_values(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    phantom = Phantom(syntax=syntax, dtype="uint16", shape=(40, 40, 3))
    phantom.write(tmp_path)
    volume, source = read_series(tmp_path)
    assert volume.data.dtype == np.dtype("uint16")
    assert volume.data.dtype.isnative
    assert source.facts["transfer_syntax"] == syntax.name
    np.testing.assert_array_equal(volume.data, phantom.voxels().transpose(2, 1, 0))


def test_files_without_file_meta_are_recognised(tmp_path: Path) -> None:
    phantom = Phantom(syntax=ImplicitVRLittleEndian)
    for file in phantom.write(tmp_path):
        dataset = pydicom.dcmread(file)
        dataset.file_meta = pydicom.dataset.FileMetaDataset()
        dataset.preamble = None
        dataset.save_as(file, implicit_vr=True, little_endian=True)
        assert file.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_series(tmp_path)[0].data, phantom.voxels().transpose(2, 1, 0))


def test_the_hash_covers_the_files_in_slice_order(tmp_path: Path) -> None:
    files = Phantom().write(tmp_path, names=["d", "c", "b", "a"])
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    _, source = read_series(tmp_path)
    assert source.digests == tuple(digests)
    assert source.sha256 == combined_digest(digests)


def test_facts_and_messages_contain_no_patient_data(tmp_path: Path) -> None:
    Phantom().write(tmp_path / "one")
    Phantom(series="1.2.3.5").write(tmp_path / "two")
    _, source = read_series(tmp_path / "one")
    with pytest.raises(AmbiguousError) as caught:
        read_series(tmp_path)
    told = f"{source.facts} {source.warnings} {caught.value} {list_series(tmp_path)}"
    assert "Phantom^" not in told
    assert "tiny" not in told.replace(str(tmp_path), "")


def test_two_series_need_a_choice(tmp_path: Path) -> None:
    Phantom().write(tmp_path / "one")
    Phantom(modality="MR", series="1.2.3.5", shape=(3, 4, 5)).write(tmp_path / "two")
    with pytest.raises(AmbiguousError) as caught:
        read_series(tmp_path)
    assert "1.2.3.4 (CT, 4 instances, 6x5); 1.2.3.5 (MR, 5 instances, 3x4)" in str(caught.value)
    assert read_series(tmp_path, series="1.2.3.5")[0].shape == (4, 3, 5)
    with pytest.raises(InputError, match=r"expected series 9\.9 in .*1\.2\.3\.4 \(CT"):
        read_series(tmp_path, series="9.9")


def test_series_without_images_are_not_candidates(tmp_path: Path) -> None:
    def to_structure_set(dataset: FileDataset, _index: int) -> None:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = pydicom.uid.RTStructureSetStorage
        dataset.Modality = "RTSTRUCT"
        for keyword in ("Rows", "Columns", "PixelData"):
            del dataset[keyword]

    Phantom().write(tmp_path / "one")
    Phantom(series="1.2.3.5", change=to_structure_set).write(tmp_path / "two")
    assert read_series(tmp_path)[0].shape == (5, 6, 4)
    assert [found.restorable for found in list_series(tmp_path)] == [True, False]


def test_a_listing_has_grids_and_reasons(tmp_path: Path) -> None:
    Phantom().write(tmp_path / "one")
    places = [[0, 0, 0], [0, 0, 2], [0, 0, 4], [0, 0, 8]]
    Phantom(modality="MR", series="1.2.3.5", positions=places).write(tmp_path / "two")
    good, bad = list_series(tmp_path)
    assert (good.name, good.path, good.shape, good.dtype) == ("1.2.3.4", tmp_path / "one", (5, 6, 4), "int16")
    assert good.spacing_mm == pytest.approx((0.5, 0.75, 2.0))
    assert (good.modality, good.axes, good.restorable, good.reason) == ("CT", "LPS", True, "")
    assert (bad.restorable, bad.shape) == (False, (5, 6, 4))
    assert "uneven spacing: 2 steps of 2.000 mm and 1 step of 4.000 mm" in bad.reason


def test_listed_series_can_be_read(tmp_path: Path) -> None:
    Phantom(shape=(3, 4, 1)).write(tmp_path / "one")
    Phantom(series="1.2.3.5").write(tmp_path / "two")
    for found in list_series(tmp_path):
        assert read_series(found.path, series=found.name)[0].shape == found.shape


def test_damaged_file_is_listed_as_damaged(tmp_path: Path) -> None:
    Phantom().write(tmp_path)
    (tmp_path / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\xff" * 40)
    found = list_series(tmp_path)
    assert [one.name for one in found if not one.restorable] == ["broken.dcm"]
    with pytest.raises(UnreadableError, match=r"1 damaged or unreadable, such as .*broken\.dcm"):
        read_series(tmp_path)


def test_bundled_series_of_five_slices() -> None:
    folder = Path(str(get_testdata_file("DICOMDIR"))).parent / "98892001" / "CT5N"
    volume, source = read_series(folder)
    assert (volume.shape, source.facts["instances"]) == ((16, 16, 5), 5)
    np.testing.assert_allclose(volume.affine[:3, 3], [72.199997, 143.0, -1.2375], atol=1e-6)
    assert volume.spacing_mm[2] == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("name", "shape", "depth"),
    [
        ("CT_small.dcm", (128, 128, 1), 5.0),
        ("693_J2KI.dcm", (512, 512, 1), 20.0),
        ("MR_small_RLE.dcm", (64, 64, 1), 0.8),
        ("MR_small_jpeg_ls_lossless.dcm", (64, 64, 1), 0.8),
        ("MR_small_bigendian.dcm", (64, 64, 1), 0.8),
        ("MR_small_padded.dcm", (64, 64, 1), 0.8),
        ("J2K_pixelrep_mismatch.dcm", (512, 512, 1), 5.0),
    ],
)
def test_bundled_files(name: str, shape: tuple[int, int, int], depth: float) -> None:
    volume, _ = read_series(Path(str(get_testdata_file(name))))
    assert volume.shape == shape
    assert volume.spacing_mm[2] == pytest.approx(depth)


def test_a_dicomdir_is_read_as_its_folder() -> None:
    folder = Path(pydicom.__file__).parent / "data" / "test_files" / "dicomdirtests"
    by_file, by_folder = list_series(folder / "DICOMDIR"), list_series(folder)
    assert len(by_file) > 5
    assert [one.name for one in by_file] == [one.name for one in by_folder]
