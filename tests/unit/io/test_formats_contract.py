"""The contract of `medpaint.io.source.Source`, the same for every format."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pydicom
import pytest
from dicom_phantom import OBLIQUE, Phantom
from multiframe_phantom import enhanced, enhanced_pet, mosaic

from medpaint.core.checksum import checksum_outside
from medpaint.core.errors import InputError, MedpaintError, UsageError, VerificationError
from medpaint.core.types import Array, Mask
from medpaint.core.volume import Volume
from medpaint.io.nifti import own_ending
from medpaint.io.private import keyed_name
from medpaint.io.reading import outline, product_name, read_mask, read_scan, read_selected
from medpaint.io.selection import Selection
from medpaint.io.source import Derivation, Source

nib: Any = import_module("nibabel")
sitk: Any = import_module("SimpleITK")
"""Neither library says what types its functions take."""

DERIVATION: Final = Derivation("A block was filled.", "key")
SECRET: Final = b"sixteen letters!"
AFFINE: Final = np.array([[-1.8, 0.4, 0, 30], [0.4, 1.8, 0, -40], [0, 0, 2.5, -35], [0, 0, 0, 1.0]])
DATA: Final = np.random.default_rng(3).integers(-500, 3000, (6, 5, 4)).astype(np.int16)
FRAMES: Final = np.stack([DATA, DATA + 1, DATA + 2], axis=-1)

WHOLE, ONE, TWO, ABSENT = Selection(), Selection(frame=1), Selection(frame=2), Selection(frame=7)
NO_SERIES = Selection(series="1.2.3.77")

Maker = Callable[[Path], Path]


@dataclass(frozen=True)
class Case:
    """A scan of one format.

    Attributes:
        make: writes the scan below a folder and returns its path.
        selection: which volume of it is read.
        other: selection of another volume in the same file or series; None where it has one.
        wrong: a selection of something that is not there.
    """

    make: Maker
    selection: Selection = WHOLE
    other: Selection | None = None
    wrong: Selection = ABSENT


def nifti(name: str, data: Array = DATA, *, slope: float = 1.0, kind: Any = nib.Nifti1Image) -> Maker:
    """Return a function that writes a NIfTI file whose qform and sform differ in position."""

    def make(folder: Path) -> Path:
        image = kind(data, None)
        image.set_sform(AFFINE, code=4)
        moved = AFFINE.copy()
        moved[:3, 3] += 5.0
        image.set_qform(moved, code=1)
        image.header.set_xyzt_units("mm", "sec")
        image.header.set_slope_inter(slope, 10.0 if slope != 1.0 else 0.0)
        if data.ndim == 4:
            image.header["pixdim"][4] = 2.2
        nib.save(image, folder / name)
        return folder / name

    return make


def itk(name: str, *, compressed: bool = False, data: Array = DATA) -> Maker:
    """Return a function that writes a NRRD or MetaImage file."""

    def make(folder: Path) -> Path:
        image = sitk.GetImageFromArray(data.T, isVector=False)
        if data.ndim == 3:
            axes = AFFINE[:3, :3] / np.linalg.norm(AFFINE[:3, :3], axis=0)
            image.SetDirection((np.diag([-1, -1, 1]) @ axes).ravel())
            image.SetSpacing(np.linalg.norm(AFFINE[:3, :3], axis=0))
            image.SetOrigin(np.diag([-1, -1, 1]) @ AFFINE[:3, 3])
        sitk.WriteImage(image, str(folder / name), useCompression=compressed)
        return folder / name

    return make


def single_frames(folder: Path) -> Path:
    """Write a series of single-frame images."""
    Phantom(orientation=OBLIQUE).write(folder / "scan")
    return folder / "scan"


def echoes(folder: Path) -> Path:
    """Write an enhanced image with two echoes."""
    enhanced(folder / "image.dcm", echoes=2)
    (folder / "scan").mkdir()
    (folder / "image.dcm").rename(folder / "scan" / "image.dcm")
    return folder / "scan"


def pet(folder: Path) -> Path:
    """Write a PET series, in which each slice has a slope of its own."""
    Phantom(modality="PT", bits_stored=16).write(folder / "scan")
    return folder / "scan"


def times(folder: Path) -> Path:
    """Write an enhanced PET image with two time points."""
    enhanced_pet(folder / "image.dcm", times=2)
    (folder / "scan").mkdir()
    (folder / "image.dcm").rename(folder / "scan" / "image.dcm")
    return folder / "scan"


def tiles(folder: Path) -> Path:
    """Write a mosaic."""
    mosaic(folder / "scan")
    return folder / "scan"


def echo(time: str) -> Selection:
    """Return the selection of an echo."""
    return Selection(series=f"1.2.3.4#echo-time={time}")


CASES: Final = {
    "nii": Case(nifti("scan.nii")),
    "nii.gz": Case(nifti("scan.nii.gz")),
    "NIfTI-2": Case(nifti("scan.nii", kind=nib.Nifti2Image)),
    "NIfTI with a slope": Case(nifti("scan.nii.gz", slope=0.5)),
    "frame of NIfTI": Case(nifti("scan.nii.gz", FRAMES), ONE, TWO),
    "slice of NIfTI": Case(nifti("scan.nii", DATA[:, :, 0])),
    "nrrd": Case(itk("scan.nrrd", compressed=True)),
    "nhdr": Case(itk("scan.nhdr")),
    "compressed nhdr": Case(itk("scan.nhdr", compressed=True)),
    "mha": Case(itk("scan.mha")),
    "mhd": Case(itk("scan.mhd")),
    "compressed mhd": Case(itk("scan.mhd", compressed=True)),
    "frame of nrrd": Case(itk("scan.nrrd", compressed=True, data=FRAMES), ONE, TWO),
    "frame of mha": Case(itk("scan.mha", data=FRAMES), ONE, TWO),
    "single-frame DICOM": Case(single_frames, wrong=NO_SERIES),
    "echo of enhanced DICOM": Case(echoes, echo("4.5"), echo("9.0"), NO_SERIES),
    "PET": Case(pet, wrong=NO_SERIES),
    "time of enhanced PET": Case(
        times, Selection(series="1.2.3.4#time=1"), Selection(series="1.2.3.4#time=2"), NO_SERIES
    ),
    "mosaic": Case(tiles, wrong=NO_SERIES),
}


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    """Return one case after the other."""
    found: Case = request.param
    return found


@pytest.fixture
def path(case: Case, tmp_path: Path) -> Path:
    """Return the scan of a case."""
    (tmp_path / "in").mkdir()
    return case.make(tmp_path / "in")


def changed(volume: Volume) -> tuple[Array, Mask]:
    """Return other values in a block, and the mask of the block."""
    mask = np.zeros(volume.shape, bool)
    mask[1:4, 2:4, :2] = True
    data = volume.data.copy()
    data[mask] = data[mask] // 2 + 3
    return data, mask


def written(case: Case, path: Path, folder: Path) -> tuple[Volume, Source, Array, Mask, Path]:
    """Return a scan that was read, what was written instead in a block, and the product."""
    volume, source = read_selected(path, case.selection)
    data, mask = changed(volume)
    product = folder / f"scan_restored{source.suffix}"
    source.write(data, mask, product, DERIVATION)
    return volume, source, data, mask, product


def product_selection(case: Case, selection: Selection | None = None) -> Selection:
    """Return how a volume is selected in a product."""
    return (selection or case.selection).in_product()


def test_a_source_agrees_with_its_outline(case: Case, path: Path) -> None:
    _, source = read_selected(path, case.selection)
    assert source.selection == case.selection
    assert outline(path).endings[0] == source.suffix
    assert set(outline(path).files) == set(source.files)
    assert source.path == path
    assert source.absent == ()


def test_nothing_changes_where_nothing_is_masked(case: Case, path: Path, tmp_path: Path) -> None:
    volume, source = read_selected(path, case.selection)
    product = tmp_path / f"out{source.suffix}"
    source.write(volume.data, np.zeros(volume.shape, bool), product, DERIVATION)
    again, _ = read_selected(product, product_selection(case))
    np.testing.assert_array_equal(again.data, volume.data)
    np.testing.assert_array_equal(again.affine, volume.affine)


def test_only_the_mask_changes(case: Case, path: Path, tmp_path: Path) -> None:
    volume, source, data, mask, product = written(case, path, tmp_path)
    again, its_source = read_selected(product, product_selection(case))
    np.testing.assert_array_equal(again.data, data)
    assert checksum_outside(again.data, mask) == checksum_outside(volume.data, mask)
    np.testing.assert_array_equal(again.affine, volume.affine)
    np.testing.assert_array_equal(again.intensities()[~mask], volume.intensities()[~mask])
    assert its_source.suffix == source.suffix
    kept = {"shape", "axes", "frames", "dtype", "encoding", "modality", "bits_stored", "qform_code", "sform_code"}
    assert {key: its_source.facts.get(key) for key in kept} == {key: source.facts.get(key) for key in kept}


def test_the_first_position_is_that_of_the_volume(case: Case, path: Path) -> None:
    volume, source = read_selected(path, case.selection)
    for affine in list(source.positions.values())[:1]:
        np.testing.assert_array_equal(affine, volume.affine)


def test_other_volumes_of_the_file_stay(case: Case, path: Path, tmp_path: Path) -> None:
    if case.other is None:
        pytest.skip("the file has one volume")
    *_, product = written(case, path, tmp_path)
    before, _ = read_selected(path, case.other)
    after, _ = read_selected(product, product_selection(case, case.other))
    np.testing.assert_array_equal(after.data, before.data)


def test_a_product_has_the_expected_file_endings(case: Case, path: Path, tmp_path: Path) -> None:
    *_, product = written(case, path, tmp_path / "out")
    names = {entry.name for entry in (tmp_path / "out").iterdir()}
    assert product.name in names
    assert names <= {f"scan_restored{ending}" for ending in outline(path).endings}
    assert {file.name for file in outline(product).files if product.is_file()} <= names


def test_a_product_reads_back_as_it_was_written(case: Case, path: Path, tmp_path: Path) -> None:
    volume, source, data, mask, product = written(case, path, tmp_path)
    back = source.read_back(product, data, mask)
    assert back.sha256 == read_selected(product, product_selection(case))[1].sha256
    assert back.checksum == checksum_outside(volume.data, mask)


@pytest.mark.parametrize("voxel", [(1, 2, 0), (0, 0, -1)], ids=["inside", "outside"])
def test_a_single_wrong_voxel_is_noticed(
    case: Case, path: Path, tmp_path: Path, voxel: tuple[int, int, int]
) -> None:
    _, source, data, mask, product = written(case, path, tmp_path)
    data[voxel] ^= 1
    with pytest.raises(VerificationError, match="does not read back the same"):
        source.read_back(product, data, mask)


def test_a_truncated_product_is_noticed(case: Case, path: Path, tmp_path: Path) -> None:
    _, source, data, mask, product = written(case, path, tmp_path)
    cut_off(outline(product).files[-1])
    with pytest.raises(VerificationError, match="does not read back the same"):
        source.read_back(product, data, mask)


def test_the_mask_is_on_the_grid_of_the_scan(case: Case, path: Path, tmp_path: Path) -> None:
    volume, source, _, mask, product = written(case, path, tmp_path)
    nifti_path, segmentation = tmp_path / "mask.nii.gz", tmp_path / "mask.dcm"
    notes = source.write_mask(mask, nifti_path, segmentation, restored=product, derivation=DERIVATION)
    read = read_mask(nifti_path, volume, source, ())
    np.testing.assert_array_equal(read.values != 0, mask)
    np.testing.assert_allclose(read.affine, volume.affine, atol=1e-5)
    header = scan_header(path)
    assert nib.load(nifti_path).shape == (header.get_data_shape()[:3] if header else mask.shape)
    assert_itk_agrees(path, nifti_path)
    if segmentation.exists():
        drawn = read_mask(segmentation, volume, source, ())
        np.testing.assert_array_equal(drawn.values, mask)
        assert drawn.labels == ()
    assert segmentation.exists() == (source.suffix == "" and not notes)


def test_the_mask_of_a_scan_that_was_not_restored_belongs_to_no_product(
    case: Case, path: Path, tmp_path: Path
) -> None:
    volume, source, _, mask, _ = written(case, path, tmp_path)
    nifti_path, segmentation = tmp_path / "found.nii.gz", tmp_path / "found.dcm"
    source.write_mask(mask, nifti_path, segmentation, restored=None, derivation=DERIVATION)
    np.testing.assert_array_equal(read_mask(nifti_path, volume, source, ()).values != 0, mask)
    assert own_ending(nifti_path) is None
    if segmentation.exists():
        assert pydicom.dcmread(segmentation).ContentLabel == "DAMAGED"


def scan_header(scan: Path) -> Any:
    """Return nibabel's header of a NIfTI file, None for other formats."""
    return nib.load(scan).header if scan.suffix in {".nii", ".gz"} else None


def assert_itk_agrees(scan: Path, mask: Path) -> None:
    """Check that another program finds a mask where it finds a scan."""
    if scan.is_dir() or isinstance(scan_header(scan), nib.Nifti2Header):  # which ITK cannot read
        return
    first, second = sitk.ReadImage(str(scan)), sitk.ReadImage(str(mask))
    axes = min(3, first.GetDimension())
    np.testing.assert_allclose(second.GetSpacing()[:axes], first.GetSpacing()[:axes], rtol=1e-5)
    np.testing.assert_allclose(second.GetOrigin()[:axes], first.GetOrigin()[:axes], atol=1e-4)
    expected, found = (
        np.reshape(one.GetDirection(), (one.GetDimension(),) * 2)[:axes, :axes] for one in (first, second)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_nifti_mask_has_the_grid_fields_of_its_scan(case: Case, path: Path, tmp_path: Path) -> None:
    if path.suffix not in {".nii", ".gz"}:
        pytest.skip("another format")
    volume, source = read_selected(path, case.selection)
    source.write_mask(
        np.ones(volume.shape, bool), tmp_path / "mask.nii", Path(), restored=path, derivation=DERIVATION
    )
    scan, mask = nib.load(path).header, nib.load(tmp_path / "mask.nii").header
    assert type(mask) is type(scan)
    for name in ("pixdim", "xyzt_units", "qform_code", "sform_code", "qoffset_x", "quatern_d", "srow_x", "srow_y"):
        np.testing.assert_array_equal(mask[name], scan[name])


def test_an_empty_mask_leaves_no_mask_in_the_format_of_the_scan(case: Case, path: Path, tmp_path: Path) -> None:
    volume, source = read_selected(path, case.selection)
    none = np.zeros(volume.shape, bool)
    notes = source.write_mask(none, tmp_path / "m.nii", tmp_path / "m.dcm", restored=path, derivation=DERIVATION)
    assert notes == ()
    assert not (tmp_path / "m.dcm").exists()
    assert not read_mask(tmp_path / "m.nii", volume, source, ()).values.any()


def test_the_identity_is_stable_and_distinguishes_volumes(case: Case, path: Path, tmp_path: Path) -> None:
    _, source = read_selected(path, case.selection)
    moved = path.rename(tmp_path / path.name) if len(outline(path).files) == 1 or path.is_dir() else path
    _, again = read_selected(moved, case.selection)
    assert again.identity == source.identity
    if case.other is not None:
        assert read_selected(moved, case.other)[1].identity != source.identity


def test_names_come_from_the_file_or_from_the_secret(case: Case, path: Path) -> None:
    _, source = read_selected(path, case.selection)
    assert product_name(path, case.selection) == "scan"
    assert source.recorded_facts() == source.facts
    keyed = product_name(path, case.selection, SECRET)
    assert keyed == keyed_name(SECRET, source.identity)
    assert keyed != product_name(path, case.selection, SECRET[::-1])
    facts = source.recorded_facts(SECRET)
    changed = {"deidentified_by"} if source.suffix else {"series_uid", "deidentified_by"}
    assert {key for key in facts if facts[key] != source.facts.get(key)} == changed


def test_deidentified_products_hold_no_text_of_the_header(case: Case, path: Path, tmp_path: Path) -> None:
    if case.make is tiles:
        pytest.skip("mosaics cannot be de-identified")
    for file in outline(path).files:
        plant_texts(file)
    volume, source = read_selected(path, case.selection)
    mask = np.zeros(volume.shape, bool)
    mask[0, 0, 0] = True
    target = tmp_path / f"product{source.suffix}"
    source.write(volume.data, mask, target, replace(DERIVATION, secret=SECRET))
    read_back = source.read_back(target, volume.data, mask)
    assert read_back.checksum
    again, _ = read_selected(target, case.selection.in_product())
    assert np.allclose(again.affine, volume.affine)
    for file in outline(target).files:
        content = file.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        assert b"PLANTED" not in content


def plant_texts(file: Path) -> None:
    """Write texts into a file where its format has room for them; other files, such as raw voxels, stay."""
    content = file.read_bytes()
    packed = content[:2] == b"\x1f\x8b"
    content = gzip.decompress(content) if packed else content
    if content[:4] in {b"\x5c\1\0\0", b"\x1c\2\0\0"}:
        content = plant_in_nifti(content)
    elif content.startswith(b"NRRD"):
        magic, _, rest = content.partition(b"\n")
        content = magic + b"\ncontent: PLANTED\n# PLANTED\nPLANTED:=PLANTED\n" + rest
    elif content.startswith(b"ObjectType"):
        content = b"Comment = PLANTED\nPLANTED = PLANTED\n" + content
    elif content[128:132] == b"DICM":
        dataset = pydicom.dcmread(BytesIO(content))
        dataset.PatientComments = dataset.PatientName = "PLANTED"
        out = BytesIO()
        dataset.save_as(out)
        content = out.getvalue()
    file.write_bytes(gzip.compress(content) if packed else content)


def plant_in_nifti(content: bytes) -> bytes:
    """Return a little-endian NIfTI file with texts in its header, in an extension of it, and after its voxels."""
    size = int.from_bytes(content[:4], "little")
    header = bytearray(content[:size])
    places, at, kind = ((4, 14, 148, 228, 328), 108, "<f") if size == 348 else ((240, 320, 508), 168, "<q")
    for place in places:
        header[place : place + 7] = b"PLANTED"
    (offset,) = struct.unpack_from(kind, header, at)
    struct.pack_into(kind, header, at, offset + 32)
    extension = struct.pack("<ii", 32, 6) + b"PLANTED".ljust(24, b"\0")
    return bytes(header) + b"\1\0\0\0" + extension + content[int(offset) :] + b"PLANTED"


def test_a_wrong_selection_is_refused(case: Case, path: Path) -> None:
    with pytest.raises(MedpaintError, match=r"expected|has frames"):
        read_selected(path, case.wrong)
    alien = Selection(frame=0) if path.is_dir() else Selection(series="1.2.3")
    with pytest.raises(UsageError, match=r"expected no (frame|series)"):
        read_selected(path, alien)
    with pytest.raises(UsageError, match="expected a frame counted from 0, got -1"):
        read_scan(path, frame=-1)


def cut_off(file: Path) -> None:
    """Remove the last byte of a file."""
    file.write_bytes(file.read_bytes()[:-1])


def test_a_truncated_scan_is_refused(case: Case, path: Path) -> None:
    cut_off(outline(path).files[-1])
    with pytest.raises(InputError):
        read_selected(path, case.selection)


def test_a_scan_that_changed_since_it_was_read_is_refused(case: Case, path: Path, tmp_path: Path) -> None:
    volume, source = read_selected(path, case.selection)
    file = source.files[-1]
    file.write_bytes(file.read_bytes() + b"\0\0")
    with pytest.raises(InputError, match="changed since"):
        source.write(*changed(volume), tmp_path / f"out{source.suffix}", DERIVATION)
    assert not (tmp_path / f"out{source.suffix}").exists()


def test_two_writes_give_the_same_bytes(case: Case, path: Path, tmp_path: Path) -> None:
    contents = []
    for folder in (tmp_path / "first", tmp_path / "second"):
        _, source, _, mask, product = written(case, path, folder)
        source.write_mask(
            mask, folder / "mask.nii.gz", folder / "mask.dcm", restored=product, derivation=DERIVATION
        )
        files = (file for file in folder.rglob("*") if file.is_file())
        contents.append({file.relative_to(folder): file.read_bytes() for file in files})
    assert contents[0] == contents[1]


def test_no_part_name_is_written(case: Case, path: Path, tmp_path: Path) -> None:
    written(case, path, tmp_path / "out")
    files = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    assert files
    assert not any(b".part." in file.read_bytes() for file in files)


def test_data_of_another_type_is_a_value_error(case: Case, path: Path, tmp_path: Path) -> None:
    volume, source = read_selected(path, case.selection)
    data, mask = changed(volume)
    with pytest.raises(ValueError, match="expected"):
        source.write(data.astype(np.float64), mask, tmp_path / f"out{source.suffix}", replace(DERIVATION, key="x"))
    assert not any(entry.name.startswith(".part") for entry in tmp_path.iterdir())
