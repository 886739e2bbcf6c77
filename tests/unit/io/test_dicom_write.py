"""Derived series: new attributes, and those that stay as in the source."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from dicom_phantom import OBLIQUE, Phantom, validator_errors
from numpy.typing import NDArray
from pydicom import Dataset, FileDataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from medpaint.core.errors import InputError, UnsupportedError, UsageError
from medpaint.core.types import Array, Mask
from medpaint.io.dicom import DicomSource, read_series
from medpaint.io.dicom.derived import derived_uid
from medpaint.io.dicom.stale import REMOVED_PRIVATE
from medpaint.io.source import Derivation

DERIVATION = Derivation("A lesion was filled by harmonic interpolation.", "scan:mask:harmonic")


def _changed(folder: Path) -> tuple[Array, Mask, DicomSource]:
    """Return a scan with a small block of its second and third slice changed."""
    volume, source = read_series(folder)
    mask = np.zeros(volume.shape, bool)
    mask[1:3, 2:4, 1:3] = True
    data = volume.data.copy()
    data[mask] = np.where(data[mask] > 100, 7, 101)
    return data, mask, source


def _restored(tmp_path: Path, phantom: Phantom) -> tuple[list[FileDataset], list[FileDataset], Array, Mask]:
    """Return source and derived datasets in slice order, and what was written."""
    phantom.write(tmp_path / "scan")
    data, mask, source = _changed(tmp_path / "scan")
    source.write(data, mask, tmp_path / "out", DERIVATION)
    before = [pydicom.dcmread(file) for file in source.files]
    after = [pydicom.dcmread(file) for file in sorted((tmp_path / "out").iterdir())]
    return before, after, data, mask


def _touched(mask: Mask) -> list[bool]:
    """Return for each slice whether the mask touches it."""
    return [bool(mask[:, :, index].any()) for index in range(mask.shape[2])]


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        DeflatedExplicitVRLittleEndian,
        ExplicitVRBigEndian,
        RLELossless,
        JPEG2000Lossless,
    ],
)
@pytest.mark.parametrize(("dtype", "bits"), [("int16", 12), ("uint16", 16), ("uint8", 8)])
def test_written_values_read_back(tmp_path: Path, syntax: pydicom.uid.UID, dtype: str, bits: int) -> None:
    phantom = Phantom(syntax=syntax, dtype=dtype, bits_stored=bits, shape=(35, 33, 4), orientation=OBLIQUE)
    _, after, data, _ = _restored(tmp_path, phantom)
    volume, source = read_series(tmp_path / "out")
    np.testing.assert_array_equal(volume.data, data)
    original, _ = read_series(tmp_path / "scan")
    np.testing.assert_array_equal(volume.affine, original.affine)
    assert (volume.encoding.lowest, volume.encoding.highest) == (
        original.encoding.lowest,
        original.encoding.highest,
    )
    plain = {ImplicitVRLittleEndian: ImplicitVRLittleEndian}.get(syntax, ExplicitVRLittleEndian)
    expected = syntax if syntax == DeflatedExplicitVRLittleEndian else plain
    assert {dataset.file_meta.TransferSyntaxUID for dataset in after} == {expected}
    assert source.facts["axes"]


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian]
)
def test_untouched_slices_keep_their_bytes(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        words = np.frombuffer(dataset.PixelData, "<u2") | 0x5000
        dataset.PixelData = words.astype("<u2").tobytes() + b"\1\2"

    before, after, _, mask = _restored(tmp_path, Phantom(syntax=syntax, dtype="uint16", change=change))
    same = [old.PixelData == new.PixelData for old, new in zip(before, after, strict=True)]
    assert same == [not touched for touched in _touched(mask)]


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
def test_the_same_arguments_give_the_same_bytes(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    Phantom(syntax=syntax).write(tmp_path / "scan")
    data, mask, source = _changed(tmp_path / "scan")
    for name in ("first", "second"):
        source.write(data, mask, tmp_path / name, DERIVATION)
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("first", "second"))
    assert [file.name for file in first] == ["0001.dcm", "0002.dcm", "0003.dcm", "0004.dcm"]
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_identifiers_are_new_valid_and_derive_from_the_key(tmp_path: Path) -> None:
    before, after, _, _ = _restored(tmp_path, Phantom())
    assert len({dataset.SeriesInstanceUID for dataset in after}) == 1
    assert len({dataset.SOPInstanceUID for dataset in after}) == len(after)
    for old, new in zip(before, after, strict=True):
        assert new.SOPInstanceUID == derived_uid(old.SOPInstanceUID, DERIVATION.key)
        assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID
        assert new.SOPInstanceUID.startswith("2.25.")
        assert new.SOPInstanceUID.is_valid
    assert derived_uid("1.2.3", "a") != derived_uid("1.2.3", "b")


def test_derived_image_refers_to_its_source(tmp_path: Path) -> None:
    before, after, _, _ = _restored(tmp_path, Phantom())
    for old, new in zip(before, after, strict=True):
        (item,) = new.SourceImageSequence
        assert item.ReferencedSOPClassUID == old.SOPClassUID
        assert item.ReferencedSOPInstanceUID == old.SOPInstanceUID
        (code,) = item.PurposeOfReferenceCodeSequence
        assert (code.CodeValue, code.CodingSchemeDesignator) == ("121322", "DCM")


def test_derived_image_is_marked_as_such(tmp_path: Path) -> None:
    _, after, _, _ = _restored(tmp_path, Phantom())
    for dataset in after:
        assert list(dataset.ImageType) == ["DERIVED", "SECONDARY", "AXIAL"]
        assert (dataset.SeriesNumber, dataset.SeriesDescription) == (1003, "tiny restored")
        assert dataset.DerivationDescription.startswith(DERIVATION.description)
        assert "synthesised" in dataset.DerivationDescription
        assert "not for diagnosis" in dataset.DerivationDescription
        assert "InstanceCreationDate" not in dataset


def test_all_other_attributes_stay(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.add_new((0x0009, 0x0010), "LO", "SOMEONE")
        dataset.add_new((0x0009, 0x1001), "OB", b"\1\2\3\4")
        dataset.RealWorldValueMappingSequence = [Dataset()]
        dataset.LossyImageCompression = "00"

    before, after, _, _ = _restored(tmp_path, Phantom(change=change))
    named = {
        "SOPInstanceUID", "SeriesInstanceUID", "ImageType", "SeriesNumber", "SeriesDescription", "PixelData",
        "DerivationDescription", "SourceImageSequence", "InstanceCreationDate", "InstanceCreationTime",
        "DerivationCodeSequence", "ContributingEquipmentSequence", "SyntheticData",
    }  # fmt: skip
    for old, new in zip(before, after, strict=True):
        tags = {element.tag for element in [*old, *new]}
        differing = {tag for tag in tags if old.get(tag) != new.get(tag)}
        assert {pydicom.datadict.keyword_for_tag(tag) for tag in differing} <= named


def test_stale_attributes_are_removed(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.IconImageSequence = [Dataset()]
        dataset.DigitalSignaturesSequence = [Dataset()]
        dataset.MACParametersSequence = [Dataset()]
        dataset.DataSetTrailingPadding = b"\0\0"
        dataset.file_meta.SourceApplicationEntityTitle = "SCANNER"

    _, after, _, _ = _restored(tmp_path, Phantom(change=change))
    for dataset in after:
        for keyword in ("IconImageSequence", "DigitalSignaturesSequence", "MACParametersSequence"):
            assert keyword not in dataset
        assert "DataSetTrailingPadding" not in dataset
        assert "SourceApplicationEntityTitle" not in dataset.file_meta


def test_private_attributes_stay_except_those_about_pixels(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.private_block(0x0009, "GEIIS", create=True).add_new(0x10, "SQ", [Dataset()])
        ours = dataset.private_block(0x0043, "GEMS_PARM_01", create=True)
        ours.add_new(0x29, "OB", b"\1\2")
        ours.add_new(0x30, "SS", 7)
        dataset.private_block(0x0043, "SOMEBODY", create=True).add_new(0x29, "SS", 8)

    _, after, _, _ = _restored(tmp_path, Phantom(change=change))
    for dataset in after:
        assert 0x10 not in dataset.private_block(0x0009, "GEIIS")
        assert 0x29 not in dataset.private_block(0x0043, "GEMS_PARM_01")
        assert dataset.private_block(0x0043, "GEMS_PARM_01")[0x30].value == 7
        assert dataset.private_block(0x0043, "SOMEBODY")[0x29].value == 8


@pytest.mark.parametrize(("creator", "group", "element"), REMOVED_PRIVATE)
def test_the_list_of_private_attributes_names_known_ones(creator: str, group: int, element: int) -> None:
    tag = pydicom.tag.Tag(group, 0x1000 + element)
    assert pydicom.datadict.private_dictionary_description(tag, creator)


def test_stated_extremes_are_updated(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        for keyword in ("SmallestImagePixelValue", "LargestImagePixelValue", "LargestPixelValueInSeries"):
            dataset[keyword] = pydicom.DataElement(pydicom.tag.Tag(keyword), "SS", 0)

    _, after, data, _ = _restored(tmp_path, Phantom(change=change))
    for index, dataset in enumerate(after):
        assert dataset.SmallestImagePixelValue == data[:, :, index].min()
        assert dataset.LargestImagePixelValue == data[:, :, index].max()
        assert dataset.LargestPixelValueInSeries == data.max()
        assert "SmallestPixelValueInSeries" not in dataset


def test_overlay_in_replaced_bits_is_removed(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.add_new((0x6000, 0x0010), "US", dataset.Rows)
        dataset.add_new((0x6000, 0x0102), "US", 15)
        dataset.add_new((0x6002, 0x0102), "US", 0)
        dataset.add_new((0x6002, 0x3000), "OW", b"\0\0\0\0")

    _, after, _, mask = _restored(tmp_path, Phantom(dtype="uint16", change=change))
    for dataset, touched in zip(after, _touched(mask), strict=True):
        assert ((0x6000, 0x0010) in dataset) == (not touched)
        assert (0x6002, 0x3000) in dataset


def test_big_endian_words_are_swapped(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.add_new((0x6002, 0x3000), "OW", b"\1\2\3\4")

    _, after, _, _ = _restored(tmp_path, Phantom(syntax=ExplicitVRBigEndian, change=change))
    assert {dataset[0x6002, 0x3000].value for dataset in after} == {b"\2\1\4\3"}
    assert {dataset.Rows for dataset in after} == {6}


def test_an_image_derived_twice_refers_to_its_direct_source(tmp_path: Path) -> None:
    Phantom().write(tmp_path / "scan")
    data, mask, source = _changed(tmp_path / "scan")
    source.write(data, mask, tmp_path / "one", DERIVATION)
    volume, once = read_series(tmp_path / "one")
    once.write(volume.data, mask, tmp_path / "two", Derivation("Again.", "again"))
    one, two = (pydicom.dcmread(tmp_path / name / "0001.dcm") for name in ("one", "two"))
    assert [item.ReferencedSOPInstanceUID for item in two.SourceImageSequence] == [one.SOPInstanceUID]
    assert two.DerivationDescription.startswith("Again.")
    assert f"Before: {DERIVATION.description}" in two.DerivationDescription


@pytest.mark.parametrize(
    ("number", "description", "expected_number", "expected_description"),
    [
        (2**31 - 10, "x" * 64, 2**31 - 1, "x" * 55 + " restored"),
        (None, "", 1000, "restored"),
    ],
)
def test_series_number_and_description_stay_within_bounds(
    tmp_path: Path, number: int | None, description: str, expected_number: int, expected_description: str
) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.SeriesNumber, dataset.SeriesDescription = number, description

    _, after, _, _ = _restored(tmp_path, Phantom(change=change))
    assert after[0].SeriesNumber == expected_number
    assert after[0].SeriesDescription == expected_description


def test_long_and_non_ascii_descriptions_fit(tmp_path: Path) -> None:
    Phantom().write(tmp_path / "scan")
    data, mask, source = _changed(tmp_path / "scan")
    source.write(data, mask, tmp_path / "out", Derivation("fülle " * 400, "k"))
    text = pydicom.dcmread(tmp_path / "out" / "0001.dcm").DerivationDescription
    assert len(text) <= 1024
    assert text.startswith("f?lle")
    assert text.endswith("not for diagnosis.")


def test_one_file_becomes_a_folder_of_one(tmp_path: Path) -> None:
    file = Phantom().write(tmp_path / "scan")[1]
    volume, source = read_series(file)
    source.write(volume.data, np.zeros(volume.shape, bool), tmp_path / "out", DERIVATION)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["0001.dcm"]


@pytest.mark.parametrize("target", ["scan", "scan/out", ".", "scan/../scan/deep/out"])
def test_target_in_on_or_around_the_source_is_refused(tmp_path: Path, target: str) -> None:
    Phantom().write(tmp_path / "scan")
    data, mask, source = _changed(tmp_path / "scan")
    with pytest.raises(UsageError, match="apart from the source"):
        source.write(data, mask, tmp_path / target, DERIVATION)
    assert len(list((tmp_path / "scan").iterdir())) == 4


@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_bytes(file.read_bytes() + b"\0")])
def test_source_that_changed_since_it_was_read_is_refused(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    Phantom().write(tmp_path / "scan")
    data, mask, source = _changed(tmp_path / "scan")
    harm(source.files[2])
    with pytest.raises(InputError, match=r"expected the file that was read.*2\.dcm"):
        source.write(data, mask, tmp_path / "out", DERIVATION)
    assert [path.name for path in tmp_path.iterdir()] == ["scan"]


def _outside(data: NDArray[Any], mask: Mask) -> NDArray[Any]:
    """Return data with one voxel outside the mask changed."""
    changed = data.copy()
    place = tuple(np.argwhere(~mask)[0])
    changed[place] = changed[place] // 2 + 1
    return changed


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_outside, "outside the mask in slice 0"),
        (lambda data, _mask: data[1:], "expected data and mask of shape"),
        (lambda data, _mask: data.astype("int32"), "data of int16"),
        (lambda data, mask: np.where(mask, 3000, data).astype("int16"), "exceeds what the bits hold"),
    ],
)
def test_data_that_does_not_fit_is_a_value_error(
    tmp_path: Path, spoil: Callable[[Array, Mask], Array], message: str
) -> None:
    Phantom().write(tmp_path / "scan")
    data, mask, source = _changed(tmp_path / "scan")
    with pytest.raises(ValueError, match=message):
        source.write(spoil(data, mask), mask, tmp_path / "out", DERIVATION)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed")
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_validator_finds_no_error(tmp_path: Path, modality: str) -> None:
    _restored(tmp_path, Phantom(modality=modality, dtype="int16" if modality == "CT" else "uint16"))
    for folder in ("scan", "out"):
        for file in (tmp_path / folder).iterdir():
            assert not validator_errors(file), folder


LOSSLESS = {"rle": RLELossless, "jpeg-ls": JPEGLSLossless, "jpeg-2000": JPEG2000Lossless}


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless, JPEG2000Lossless])
@pytest.mark.parametrize("how", LOSSLESS)
@pytest.mark.parametrize(("dtype", "bits"), [("int16", 12), ("uint16", 16), ("uint8", 8)])
def test_series_are_compressed_without_loss(
    tmp_path: Path, syntax: pydicom.uid.UID, how: str, dtype: str, bits: int
) -> None:
    Phantom(syntax=syntax, dtype=dtype, bits_stored=bits, shape=(35, 33, 4)).write(tmp_path / "scan")
    data, mask, source = _changed(tmp_path / "scan")
    for name in ("out", "again"):
        source.write(data, mask, tmp_path / name, replace(DERIVATION, compress=how))
    np.testing.assert_array_equal(read_series(tmp_path / "out")[0].data, data)
    files = sorted((tmp_path / "out").iterdir())
    assert [file.read_bytes() for file in files] == [
        file.read_bytes() for file in sorted((tmp_path / "again").iterdir())
    ]
    after = [pydicom.dcmread(file) for file in files]
    assert {dataset.file_meta.TransferSyntaxUID for dataset in after} == {LOSSLESS[how]}
    if syntax == LOSSLESS[how]:
        before = [pydicom.dcmread(file) for file in source.files]
        same = [old.PixelData == new.PixelData for old, new in zip(before, after, strict=True)]
        assert same == [not touched for touched in _touched(mask)]


@pytest.mark.parametrize("how", LOSSLESS)
def test_compressed_series_are_valid(tmp_path: Path, how: str) -> None:
    Phantom(shape=(35, 33, 4)).write(tmp_path / "scan")
    data, mask, source = _changed(tmp_path / "scan")
    source.write(data, mask, tmp_path / "out", replace(DERIVATION, compress=how))
    for file in (tmp_path / "out").iterdir():
        assert not validator_errors(file)


def test_pixels_that_a_compression_does_not_support_are_refused(tmp_path: Path) -> None:
    Phantom(dtype="int32", bits_stored=20).write(tmp_path / "scan")
    data, mask, source = _changed(tmp_path / "scan")
    with pytest.raises(UnsupportedError, match=r"20 of 32 bits.*: choose another compression"):
        source.write(data, mask, tmp_path / "out", replace(DERIVATION, compress="rle"))
    assert not (tmp_path / "out").exists()


def test_an_overlay_in_unused_bits_is_removed_when_compressed(tmp_path: Path) -> None:
    def change(dataset: FileDataset, _index: int) -> None:
        dataset.add_new((0x6000, 0x0010), "US", 6)
        dataset.add_new((0x6000, 0x0102), "US", 12)

    Phantom(dtype="uint16", change=change, shape=(35, 33, 4)).write(tmp_path / "scan")
    data, mask, source = _changed(tmp_path / "scan")
    source.write(data, mask, tmp_path / "out", replace(DERIVATION, compress="jpeg-ls"))
    for file in (tmp_path / "out").iterdir():
        assert (0x6000, 0x0102) not in pydicom.dcmread(file)
