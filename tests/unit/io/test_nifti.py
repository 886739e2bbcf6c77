"""NIfTI files come back byte for byte around the voxels; what cannot be restored is refused."""

from __future__ import annotations

import gzip
import hashlib
import struct
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medpaint.core.errors import (
    AmbiguousError,
    GeometryError,
    InputError,
    MedpaintError,
    UnreadableError,
    UnsupportedError,
    UsageError,
)
from medpaint.core.types import Affine, Array
from medpaint.io.inspection import inspect
from medpaint.io.nifti import read_nifti, write_mask
from medpaint.io.nifti_header import mask_header
from medpaint.io.sniff import kind_of
from medpaint.io.source import Derivation

# Neither library says what types its functions take.
nib: Any = import_module("nibabel")

OBLIQUE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(0.3, -0.2, 0.1) @ np.diag([-1.2, 0.9, 3.0]), [10.0, -20.0, 30.0]
)
DONE = Derivation("tested", "key")
TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]


def numbers(dtype: str, shape: tuple[int, ...] = (4, 3, 5)) -> Array:
    """Return values over the whole range of a type."""
    raw = np.random.default_rng(1).integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8)
    values: Array = raw.view(dtype)[..., 0]
    return np.nan_to_num(values) if values.dtype.kind == "f" else values


def saved(
    path: Path,
    data: Array,
    affine: Affine = OBLIQUE,
    kind: Any = nib.Nifti1Image,
    change: Callable[[Any], None] = lambda _: None,
) -> Path:
    """Save an image with its stored values as they are."""
    image = kind(data, affine, dtype=data.dtype)
    change(image.header)
    nib.save(image, path)
    return path


def patched(path: Path, at: int, value: bytes) -> Path:
    """Overwrite some bytes of a plain file."""
    content = bytearray(path.read_bytes())
    content[at : at + len(value)] = value
    path.write_bytes(content)
    return path


def rewritten(path: Path, target: Path, frame: int | None = None) -> bytes:
    """Read a file, add 1 to every other voxel and write it; return the new file's unpacked bytes."""
    volume, source = read_nifti(path, frame=frame)
    data = volume.data.copy(order="K")
    data[::2] += 1
    source.write(data, np.ones(data.shape, bool), target, DONE)
    back, _ = read_nifti(target, frame=frame)
    np.testing.assert_array_equal(back.data, data)
    content = target.read_bytes()
    return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_and_byte_order_reads_as_nibabel_reads_it(tmp_path: Path, dtype: str, order: str) -> None:
    data = numbers(dtype)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(np.dtype(dtype))
    header.set_data_shape(data.shape)
    header.set_sform(OBLIQUE, 1)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    path = tmp_path / "scan.nii"
    voxels = data.astype(order + dtype).tobytes(order="F")
    path.write_bytes(header.binaryblock + bytes(4) + voxels)

    volume, source = read_nifti(path)

    np.testing.assert_array_equal(volume.data, data)
    np.testing.assert_array_equal(volume.data, nib.load(path).dataobj.get_unscaled())
    assert volume.data.dtype == np.dtype(dtype)
    assert volume.data.dtype.isnative
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    source.write(volume.data, np.ones(data.shape, bool), tmp_path / "same.nii", DONE)
    assert (tmp_path / "same.nii").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_header_extensions_and_tail_stay(tmp_path: Path, kind: Any, suffix: str) -> None:
    def change(header: Any) -> None:
        header["descrip"] = b"keep me"
        header["cal_max"] = 17.0
        header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"keep this too"))

    path = saved(tmp_path / f"scan{suffix}", numbers("i2"), kind=kind, change=change)
    original = gzip.decompress(path.read_bytes()) if suffix == ".nii.gz" else path.read_bytes()
    packed = gzip.compress if suffix == ".nii.gz" else bytes
    path.write_bytes(packed(original + b"tail"))

    content = rewritten(path, tmp_path / f"out{suffix}")

    offset = int(
        struct.unpack_from(*(("<f", original, 108) if kind is nib.Nifti1Image else ("<q", original, 168)))[0]
    )
    assert content[:offset] == original[:offset]
    assert b"keep this too" in content[:offset]
    assert content.endswith(b"tail")
    assert len(content) == len(original) + 4


def test_slope_and_intercept_go_to_the_encoding(tmp_path: Path) -> None:
    data = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    path = saved(tmp_path / "scan.nii", data)
    patched(path, 112, struct.pack("<2f", 0.5, -3.0))
    volume, source = read_nifti(path)
    np.testing.assert_array_equal(volume.data, data)
    np.testing.assert_array_equal(volume.intensities(), data * 0.5 - 3.0)
    assert source.facts["slope"] == 0.5
    assert source.facts["intercept"] == -3.0


@pytest.mark.parametrize("slope", [0.0, float("nan"), float("inf")])
def test_an_invalid_slope_means_unscaled(tmp_path: Path, slope: float) -> None:
    path = patched(saved(tmp_path / "scan.nii", numbers("i2")), 112, struct.pack("<2f", slope, 5.0))
    assert read_nifti(path)[0].encoding.is_identity


def test_a_nan_intercept_is_refused(tmp_path: Path) -> None:
    path = patched(saved(tmp_path / "scan.nii", numbers("i2")), 112, struct.pack("<2f", 2.0, float("nan")))
    with pytest.raises(UnreadableError, match="intercept"):
        read_nifti(path)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize(("qform", "sform"), [(1, 0), (0, 2), (1, 2), (0, 0), (3, 4)])
def test_affine_equals_nibabels(tmp_path: Path, kind: Any, qform: int, sform: int) -> None:
    image = kind(numbers("u1"), None)
    image.header.set_qform(OBLIQUE, qform)
    image.header.set_sform(OBLIQUE * 1.5, sform)
    path = tmp_path / "scan.nii.gz"
    nib.save(image, path)
    volume, source = read_nifti(path)
    np.testing.assert_allclose(volume.affine, nib.load(path).affine, rtol=0, atol=1e-12)
    assert (source.facts["qform_code"], source.facts["sform_code"]) == (qform, sform)
    assert bool(source.warnings) == (bool(qform) == bool(sform))


def test_units_other_than_millimetres_give_a_warning(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nii", numbers("u1"), change=lambda header: header.set_xyzt_units("micron"))
    assert "micrometres" in read_nifti(path)[1].warnings[0]


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.float64, 6, elements=st.floats(-3.0, 3.0)), st.sampled_from([1, -1]))
def test_any_rotation_survives_a_mask_header(values: Array, flip: int) -> None:
    rotation = nib.eulerangles.euler2mat(*values[:3])
    affine = nib.affines.from_matvec(rotation @ np.diag([0.9 * flip, 1.1, 4.0]), values[3:])
    block = mask_header((4, 5, 6), affine)
    header = nib.Nifti1Header(block[:348], endianness="<")
    np.testing.assert_allclose(header.get_sform(), affine, atol=2e-6)
    # A float32 quaternion of a turn by nearly half a circle holds less than half of its digits.
    np.testing.assert_allclose(header.get_qform(), affine, atol=5e-3)


def test_frames_on_two_axes_are_numbered_consecutively(tmp_path: Path) -> None:
    data = numbers("f4", (3, 4, 2, 2, 3))
    path = saved(tmp_path / "scan.nii", data)
    np.testing.assert_array_equal(read_nifti(path, frame=3)[0].data, data[:, :, :, 1, 1])


def test_several_frames_need_a_choice(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nii", numbers("u1", (3, 4, 2, 5)))
    with pytest.raises(AmbiguousError, match=r"5 frames: choose one with --frame 0\.\.4"):
        read_nifti(path)


@pytest.mark.parametrize(("shape", "frame"), [((3, 4, 2, 5), 5), ((3, 4, 2, 5), -1), ((3, 4, 2), 0)])
def test_a_missing_frame_is_refused(tmp_path: Path, shape: tuple[int, ...], frame: int) -> None:
    path = saved(tmp_path / "scan.nii", numbers("u1", shape))
    with pytest.raises(UsageError, match=f"got {frame}"):
        read_nifti(path, frame=frame)


def test_a_slice_is_a_volume_of_one(tmp_path: Path) -> None:
    data = numbers("u1", (3, 4))
    path = saved(tmp_path / "scan.nii", data)
    volume, _ = read_nifti(path)
    np.testing.assert_array_equal(volume.data[..., 0], data)
    np.testing.assert_allclose(volume.affine, nib.load(path).affine)
    rewritten(path, tmp_path / "out.nii")
    assert nib.load(tmp_path / "out.nii").shape == (3, 4)


def test_trailing_axes_of_one_are_dropped(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nii", numbers("u1", (3, 4, 2, 1, 1)))
    assert read_nifti(path)[0].shape == (3, 4, 2)


def test_gzip_is_recognised_by_the_bytes(tmp_path: Path) -> None:
    data = numbers("u1")
    packed = saved(tmp_path / "scan.nii.gz", data)
    path = tmp_path / "scan.nii"
    path.write_bytes(packed.read_bytes())
    volume, source = read_nifti(path)
    np.testing.assert_array_equal(volume.data, data)
    assert source.suffix == ".nii.gz"


@pytest.mark.parametrize("dtype", ["c8", "c16", [("R", "u1"), ("G", "u1"), ("B", "u1")]])
def test_voxels_other_than_one_real_number_are_refused(tmp_path: Path, dtype: Any) -> None:
    path = tmp_path / "scan.nii"
    nib.save(nib.Nifti1Image(np.zeros((2, 2, 2), dtype), np.eye(4)), path)
    with pytest.raises(UnsupportedError, match="expected one real number per voxel"):
        read_nifti(path)


@pytest.mark.parametrize("shape", [(4, 3, 5), (4, 3, 5, 1, 3)])
@pytest.mark.parametrize("code", [1004, 1005, 1006, 1007, 1010, 2003, 2006, 3006])
def test_vectors_and_matrices_are_refused_by_their_intent(
    tmp_path: Path, code: int, shape: tuple[int, ...]
) -> None:
    def change(header: Any) -> None:
        header["intent_code"] = code

    path = saved(tmp_path / "scan.nii", numbers("f4", shape), change=change)
    with pytest.raises(UnsupportedError, match=rf"expected a scalar image, got .* \(intent code {code}\)"):
        read_nifti(path, frame=0 if len(shape) > 3 else None)
    (found,) = inspect(path)
    assert "scalar image" in found.reason


@pytest.mark.parametrize("code", [0, 3, 1001, 1002, 2001])
def test_scalar_intents_are_read(tmp_path: Path, code: int) -> None:
    def change(header: Any) -> None:
        header["intent_code"] = code

    assert read_nifti(saved(tmp_path / "scan.nii", numbers("f4"), change=change))[0].shape == (4, 3, 5)


def test_one_file_of_a_pair_is_refused(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(numbers("u1"), np.eye(4)), tmp_path / "scan.img")
    with pytest.raises(UnsupportedError, match=r"pair: convert it to .nii.gz"):
        read_nifti(tmp_path / "scan.hdr")
    with pytest.raises(UnreadableError, match=r"the voxels of a .hdr/.img pair: convert the pair to .nii.gz"):
        kind_of(tmp_path / "scan.img")


@pytest.mark.parametrize(
    ("at", "value", "error"),
    [
        (344, b"abc\0", UnreadableError),
        (0, b"\0\0\0\0", UnreadableError),
        (70, struct.pack("<h", 77), UnreadableError),
        (40, struct.pack("<h", 9), UnreadableError),
        (40, struct.pack("<h", 1), GeometryError),
        (40, struct.pack("<h", 0), GeometryError),
        (42, struct.pack("<h", 0), GeometryError),
        (42, struct.pack("<h", -4), GeometryError),
        (42, struct.pack("<h", 32000), UnreadableError),
        (108, struct.pack("<f", 100.0), UnreadableError),
        (108, struct.pack("<f", float("nan")), UnreadableError),
        (108, struct.pack("<f", 1e30), UnreadableError),
        (280, bytes(16), GeometryError),
        (280, struct.pack("<f", float("nan")), GeometryError),
    ],
)
def test_a_damaged_header_is_refused(tmp_path: Path, at: int, value: bytes, error: type[InputError]) -> None:
    path = patched(saved(tmp_path / "scan.nii", numbers("u1")), at, value)
    with pytest.raises(error, match=r"scan\.nii"):
        read_nifti(path)


@pytest.mark.parametrize(("kind", "first"), [(nib.Nifti1Image, 352), (nib.Nifti2Image, 544)])
@pytest.mark.parametrize("offset", [0, 1, 348, 351])
def test_voxels_inside_the_header_are_refused(tmp_path: Path, kind: Any, first: int, offset: int) -> None:
    path = saved(tmp_path / "scan.nii", numbers("i2"), kind=kind)
    at, form = (108, "<f") if kind is nib.Nifti1Image else (168, "<q")
    patched(path, at, struct.pack(form, offset))
    with pytest.raises(UnreadableError, match=rf"scan\.nii|vox_offset.*{first}|too low"):
        read_nifti(path)
    (found,) = inspect(path)
    assert not found.restorable


def test_a_start_at_zero_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = patched(saved(tmp_path / "scan.nii", numbers("i2")), 108, bytes(4))
    with pytest.raises(
        UnreadableError, match=r"voxels start at byte 0, inside the header, .* vox_offset \(to 352"
    ):
        read_nifti(path)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_voxels_inside_an_extension_are_refused(tmp_path: Path, kind: Any) -> None:
    def change(header: Any) -> None:
        header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"x" * 30))

    path = saved(tmp_path / "scan.nii", numbers("i2"), kind=kind, change=change)
    read_nifti(path)
    at, value = (108, struct.pack("<f", 352)) if kind is nib.Nifti1Image else (168, struct.pack("<q", 544))
    patched(path, at, value)
    with pytest.raises(UnreadableError, match="inside an extension of the header that ends at byte"):
        read_nifti(path)


def test_a_flag_for_extensions_without_one_is_harmless(tmp_path: Path) -> None:
    data = np.full((3, 4, 5), 32, np.int32)
    path = patched(saved(tmp_path / "scan.nii", data), 348, b"\1")
    np.testing.assert_array_equal(read_nifti(path)[0].data, data)


def test_an_invalid_quaternion_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nii", numbers("u1"), change=lambda header: header.set_qform(OBLIQUE, 1))
    patched(path, 254, bytes(2))
    patched(path, 256, struct.pack("<3f", 2.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="expected a rotation"):
        read_nifti(path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("keep", [0, 1, 100, 351, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, keep: int) -> None:
    path = saved(tmp_path / f"scan{suffix}", numbers("f4", (20, 20, 20)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UnreadableError) as caught:
        read_nifti(path)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_in_the_compressed_part_is_detected(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nii.gz", numbers("f4", (20, 20, 20)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 16
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match="damaged"):
        read_nifti(path)


def test_a_file_that_unpacks_to_far_more_than_stated_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nii", numbers("u1"))
    packed = tmp_path / "scan.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes() + bytes(30_000_000)))
    with pytest.raises(UnreadableError, match=r"its header states .* bytes, it unpacks to more than"):
        read_nifti(packed)


def test_missing_file_and_garbage_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_nifti(tmp_path / "none.nii")
    (tmp_path / "scan.nii").write_bytes(np.random.default_rng(0).bytes(1000))
    with pytest.raises(UnreadableError, match="not a NIfTI file"):
        read_nifti(tmp_path / "scan.nii")


def test_any_changed_header_is_read_or_refused_in_one_line(tmp_path: Path) -> None:
    original = saved(tmp_path / "scan.nii", numbers("i2", (3, 3, 3))).read_bytes()
    path = tmp_path / "changed.nii"
    rng = np.random.default_rng(5)
    for _ in range(300):
        content = bytearray(original)
        for at in rng.integers(0, 352, 3):
            content[at] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            read_nifti(path)
        except MedpaintError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize("affine", [OBLIQUE, OBLIQUE @ np.diag([-1, 1, 1, 1]), np.diag([-2.0, -1.0, 1.0, 1.0])])
def test_a_mask_is_on_the_grid_of_the_scan(tmp_path: Path, affine: Affine) -> None:
    mask = numbers("u1") > 128
    write_mask(mask, affine, tmp_path / "mask.nii.gz")
    image = nib.load(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), mask)
    assert image.get_data_dtype() == np.uint8
    np.testing.assert_allclose(image.affine, affine, atol=1e-5)
    np.testing.assert_allclose(image.get_qform(coded=True)[0], affine, atol=1e-5)
    np.testing.assert_allclose(read_nifti(tmp_path / "mask.nii.gz")[0].affine, affine, atol=1e-5)


def test_a_sheared_mask_has_no_qform(tmp_path: Path) -> None:
    affine = np.eye(4)
    affine[0, 2] = 0.3
    write_mask(np.ones((3, 3, 3), bool), affine, tmp_path / "mask.nii.gz")
    image = nib.load(tmp_path / "mask.nii.gz")
    assert image.get_qform(coded=True)[1] == 0
    np.testing.assert_allclose(image.affine, affine, atol=1e-6)
