"""Scans and masks that are objects of Python: arrays, tensors, and images of SimpleITK and nibabel."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from scans import save_pair

import medpaint
from medpaint.core.types import Affine, Array, Mask

nib: Any = import_module("nibabel")
SimpleITK: Any = import_module("SimpleITK")

SHAPE = (12, 11, 8)


def oblique() -> Affine:
    """Return an affine of axes that are turned and of different length."""
    turn, cos, sin = np.eye(3), np.cos(0.3), np.sin(0.3)
    turn[:2, :2] = [[cos, -sin], [sin, cos]]
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-0.9, 1.1, 2.5])
    affine[:3, 3] = (31.0, -22.5, 7.25)
    return affine


def stored(dtype: str = "int16") -> Array:
    noise = np.random.default_rng(0).normal(1000.0, 50.0, SHAPE)
    return noise.astype(dtype)


def hole() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[4:7, 4:7, 3:5] = True
    return mask


def restored(scan: object, mask: object = None, **options: Any) -> medpaint.Restoration:
    return medpaint.restore(scan, hole() if mask is None else mask, engine="nearest", **options)


def nifti(dtype: str = "int16", **header: Any) -> Any:
    image = nib.Nifti1Image(stored(dtype), oblique())
    image.header["descrip"] = b"kept"
    for name, value in header.items():
        image.header[name] = value
    return image


def itk(values: Array) -> Any:
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(values.T))
    image.SetSpacing((0.9, 1.1, 2.5))
    image.SetOrigin((-31.0, 22.5, 7.25))
    cos, sin = np.cos(0.3), np.sin(0.3)
    image.SetDirection((cos, sin, 0.0, sin, -cos, 0.0, 0.0, 0.0, 1.0))
    image.SetMetaData("0010|0010", "kept")
    return image


SAME: dict[str, Callable[[Array], Any]] = {
    "lists": lambda values: values.tolist(),
    "Fortran order": np.asfortranarray,
    "reversed view": lambda values: values[::-1].copy()[::-1],
    "strided view": lambda values: np.repeat(values, 2, axis=0)[::2],
    "big-endian": lambda values: values.astype(values.dtype.newbyteorder(">")),
    "4D of one frame": lambda values: values[..., np.newaxis],
    "nothing masked": np.ma.masked_array,
    "a Volume, big-endian": lambda values: medpaint.Volume.of(values.astype(">i2")),
}


@pytest.mark.parametrize("name", SAME)
def test_what_means_the_same_array_is_restored_the_same(name: str) -> None:
    expected = restored(stored()).volume.data
    assert np.array_equal(restored(SAME[name](stored())).volume.data, expected)


def test_a_read_only_array_is_left_alone() -> None:
    values = stored()
    values.flags.writeable = False
    done = restored(values)
    assert np.array_equal(values, stored())
    assert np.array_equal(done.volume.data[~hole()], values[~hole()])


@pytest.mark.parametrize("change", ["plain", "grad", "bfloat16", "sparse"])
def test_a_tensor_of_torch_is_an_array(change: str) -> None:
    import torch

    tensor = torch.from_numpy(stored("float32"))
    scan = {
        "plain": tensor,
        "grad": tensor.clone().requires_grad_(),
        "bfloat16": tensor.bfloat16(),
        "sparse": tensor.to_sparse(),
    }[change]
    done = restored(scan, torch.from_numpy(hole()))
    expected = tensor.bfloat16().float() if change == "bfloat16" else tensor
    assert np.array_equal(done.volume.data[~hole()], expected.numpy()[~hole()])


class Unwilling:
    """Refuses to be an array."""

    def __array__(self, *_: object, **__: object) -> Array:
        message = "no\nway"
        raise RuntimeError(message)


class Placed:
    """An image of a package that is not known."""

    affine = np.eye(4)

    def __array__(self, *_: object, **__: object) -> Array:
        return stored()


UNCLEAR: dict[str, tuple[Callable[[], Any], str]] = {
    "ragged": (lambda: [[1, 2], [3]], "got list that is not an array"),
    "objects": (lambda: stored().astype(object), "got numpy.ndarray of object values"),
    "texts": (lambda: [["a", "b"]], "got list of str32 values"),
    "bytes": (lambda: b"scan.nii", "got bytes"),
    "generator": (lambda: (row for row in stored()), "got generator"),
    "None": (lambda: None, "got NoneType"),
    "number": (lambda: 5, "got int"),
    "huge integers": (lambda: [[10**30]], "got list of object values"),
    "no": (Unwilling, r"Unwilling that is not an array: no\\nway"),
    "an affine": (Placed, r"Placed: pass medpaint\.Volume\.of\(array, affine\) instead"),
    "masked": (lambda: np.ma.masked_array(stored(), hole()), r"without masked values: fill them"),
    "complex": (lambda: stored() * 1j, "expected real numbers of at most 64 bits, got values of type complex128"),
    "bool": (hole, "got values of type bool"),
    "long double": (lambda: stored().astype(np.longdouble), "got values of type float128"),
    "empty": (lambda: np.zeros((0, 3, 3)), r"none of them empty, got shape \(0, 3, 3\)"),
    "1D": (lambda: stored()[0, 0], r"expected one volume, .* got shape \(8,\)"),
    "4D": (lambda: stored()[np.newaxis], r"got shape \(1, 12, 11, 8\)"),
    "null": (lambda: "a\0b", "got one with a null character"),
}


@pytest.mark.parametrize("name", UNCLEAR)
def test_what_is_no_scan_is_refused_by_the_name_of_the_argument(name: str) -> None:
    make, said = UNCLEAR[name]
    with pytest.raises((medpaint.UsageError, medpaint.InputError), match=f"^scan: .*{said}") as refused:
        restored(make())
    assert "\n" not in str(refused.value)


def test_a_tensor_without_values_is_refused() -> None:
    import torch

    with pytest.raises(medpaint.UsageError, match=r"scan: .*torch\.Tensor that is not an array: it has no values"):
        restored(torch.zeros(SHAPE, device="meta"))


@pytest.mark.parametrize("name", ["ragged", "texts", "generator", "masked", "empty", "null", "complex"])
def test_what_is_no_mask_is_refused_by_the_name_of_the_argument(name: str) -> None:
    make, said = UNCLEAR[name]
    with pytest.raises((medpaint.UsageError, medpaint.InputError), match=f"^mask: .*{said}"):
        restored(stored(), make())


def check_nibabel(before: Any, after: Any) -> None:
    """Check that nothing but the masked voxels differs."""
    assert type(after) is type(before)
    assert after.get_data_dtype() == before.get_data_dtype()
    same_header = {name: before.header[name].tobytes() for name in before.header if not name.startswith("scl_")}
    assert {name: after.header[name].tobytes() for name in same_header} == same_header
    assert np.array_equal(after.affine, before.affine)
    kept = ~hole().reshape(before.shape)
    assert np.array_equal(np.asarray(after.dataobj)[kept], np.asarray(before.dataobj)[kept])
    assert not np.array_equal(np.asarray(after.dataobj), np.asarray(before.dataobj))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_an_image_of_nibabel_comes_back_with_its_header(dtype: str) -> None:
    image = nifti(dtype, qform_code=1, sform_code=4)
    done = restored(image)
    assert np.allclose(done.volume.affine, oblique(), atol=1e-5)
    check_nibabel(image, done.as_given())


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_stored_values_and_scaling_of_nibabel_are_kept(tmp_path: Path, kind: Any) -> None:
    plain = kind(stored(), oblique())
    plain.header.set_slope_inter(0.1, -3.0)
    plain.to_filename(tmp_path / "scan.nii")
    image = nib.load(tmp_path / "scan.nii")
    back = restored(image).as_given()
    check_nibabel(image, back)
    assert (back.dataobj.slope, back.dataobj.inter) == (image.dataobj.slope, image.dataobj.inter)
    kept = ~hole()
    assert np.array_equal(back.dataobj.get_unscaled()[kept], stored()[kept])


def test_an_image_in_memory_is_restored_like_its_file(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    from_file = medpaint.restore(scan, mask, engine="harmonic")
    from_image = medpaint.restore(nib.load(scan), nib.load(mask), engine="harmonic")
    assert np.array_equal(from_image.volume.data, from_file.volume.data)
    assert np.array_equal(from_image.volume.affine, from_file.volume.affine)
    from_itk = medpaint.restore(SimpleITK.ReadImage(str(scan)), SimpleITK.ReadImage(str(mask)), engine="harmonic")
    assert np.array_equal(from_itk.volume.data, from_file.volume.data)
    assert np.allclose(from_itk.volume.affine, from_file.volume.affine, atol=1e-4)


def test_a_nifti_image_whose_numbers_are_no_intensities_is_refused() -> None:
    for kind in (nib.Nifti1Image, nib.Nifti2Image, nib.Nifti1Pair):
        image = kind(stored(), oblique())
        image.header["intent_code"] = 1006
        with pytest.raises(medpaint.InputError, match=r"^scan: .* got displacement vectors \(intent code 1006\)"):
            restored(image)
        with pytest.raises(medpaint.InputError, match=r"^mask: .* got displacement vectors"):
            restored(stored(), image)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda image: image.header.set_xyzt_units("micron"), "states micrometres: treated as millimetres"),
        (lambda image: image.header.set_xyzt_units("meter"), "states metres: treated as millimetres"),
        (lambda image: image.set_qform(np.diag([1.0, 1, 1, 1]), 1), "The sform .* and the qform .* differ by"),
    ],
)
def test_the_header_of_a_nifti_image_is_warned_of_as_that_of_its_file(
    tmp_path: Path, change: Callable[[Any], None], said: str
) -> None:
    image, drawn = nifti(), nib.Nifti1Image(hole().astype(np.uint8), oblique())
    change(image)
    change(drawn)
    image.to_filename(tmp_path / "scan.nii")
    drawn.to_filename(tmp_path / "mask.nii")
    found = restored(image, drawn).record
    assert found.read is not None
    (warning,) = found.read.warnings
    assert re.search(said, warning)
    assert found.warnings == restored(tmp_path / "scan.nii", tmp_path / "mask.nii").record.warnings
    assert any(one.startswith("mask: ") for one in found.warnings)


def test_the_affine_of_an_image_counts_where_it_was_changed() -> None:
    image = nifti()
    image.set_qform(np.eye(4), 1)
    image.affine[:3, 3] = (1.0, 2.0, 3.0)
    done = restored(image)
    assert np.array_equal(done.volume.affine, image.affine)
    assert done.record.read is not None
    assert done.record.read.warnings == ()


def test_an_sform_in_memory_that_spans_no_volume_gives_way_to_the_qform() -> None:
    image = nifti()
    image.set_qform(np.diag([2.0, 2.0, 2.0, 1.0]), 1)
    image.set_sform(np.zeros((4, 4)), 2)
    done = restored(image)
    assert done.volume.spacing_mm == (2.0, 2.0, 2.0)
    assert done.record.read is not None
    assert "spans no volume: the qform (code 1) is used" in done.record.read.warnings[0]


@pytest.mark.parametrize(
    ("given", "returned"),
    [
        (nib.Nifti1Image, nib.Nifti1Image),
        (nib.Nifti2Image, nib.Nifti2Image),
        (nib.Nifti1Pair, nib.Nifti1Image),
        (nib.Nifti2Pair, nib.Nifti2Image),
        (nib.MGHImage, nib.Nifti1Image),
        (nib.Spm99AnalyzeImage, nib.Nifti1Image),
        (nib.Minc1Image, nib.Nifti1Image),
    ],
)
def test_an_image_of_nibabel_comes_back_as_nifti(given: Any, returned: Any) -> None:
    image = given(stored(), np.diag([1.0, 2.0, 3.0, 1.0]))
    back = restored(image).as_given()
    assert type(back) is returned
    assert np.allclose(back.affine, image.affine)
    assert np.array_equal(np.asarray(back.dataobj)[~hole()], stored()[~hole()])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "float32", "float64"])
def test_an_image_of_simpleitk_comes_back_with_its_geometry(dtype: str) -> None:
    image = itk(stored(dtype))
    done = restored(image)
    assert np.allclose(done.volume.affine, oblique())
    back = done.as_given()
    assert (back.GetPixelID(), back.GetSize()) == (image.GetPixelID(), image.GetSize())
    assert (back.GetOrigin(), back.GetSpacing()) == (image.GetOrigin(), image.GetSpacing())
    assert back.GetDirection() == image.GetDirection()
    assert back.GetMetaData("0010|0010") == "kept"
    before, after = SimpleITK.GetArrayFromImage(image).T, SimpleITK.GetArrayFromImage(back).T
    assert np.array_equal(after[~hole()], before[~hole()])
    assert not np.array_equal(after, before)
    assert np.array_equal(before, stored(dtype))


def test_a_slice_of_simpleitk_stays_a_slice() -> None:
    image = SimpleITK.GetImageFromArray(stored()[..., 3].T.copy())
    image.SetOrigin((5.0, 6.0))
    back = restored(image, hole()[..., 3]).as_given()
    assert (back.GetDimension(), back.GetSize(), back.GetOrigin()) == (2, (12, 11), (5.0, 6.0))


def test_the_kinds_agree_on_where_voxels_are() -> None:
    """A mask of one kind fits a scan of the other, also where its axes are stored in another order."""
    scan, mask = nifti(), itk(hole().astype(np.uint8))
    expected = restored(scan).volume.data
    assert np.array_equal(restored(scan, mask).volume.data, expected)
    assert np.array_equal(
        restored(itk(stored()), nib.Nifti1Image(hole().astype(np.uint8), oblique())).volume.data, expected
    )
    assert np.array_equal(restored(scan, SimpleITK.Flip(mask, [True, False, True])).volume.data, expected)
    assert np.array_equal(
        restored(scan, medpaint.Volume.of(hole().astype(np.uint8), oblique())).volume.data, expected
    )


def test_a_mask_on_another_grid_is_refused_in_the_words_of_python() -> None:
    mask = itk(hole().astype(np.uint8))
    mask.SetOrigin((0.0, 0.0, 0.0))
    with pytest.raises(medpaint.InputError, match="resample_mask=True"):
        restored(nifti(), mask)


def test_either_kind_can_be_made_of_any_result(tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    done = medpaint.restore(scan, mask, engine="nearest")
    image = done.as_nibabel()
    assert np.array_equal(np.asarray(image.dataobj), done.volume.data)
    assert np.allclose(image.affine, done.volume.affine)
    again = restored(done.as_sitk(), np.zeros(done.volume.shape))
    assert np.allclose(again.volume.affine, done.volume.affine)
    assert np.array_equal(again.volume.data, done.volume.data)
    with pytest.raises(medpaint.UsageError, match=r"use volume, as_nibabel\(\) or as_sitk\(\)"):
        done.as_given()


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (lambda: nib.Nifti1Image(np.zeros((3, 3, 3, 2), np.int16), np.eye(4)), r"got shape \(3, 3, 3, 2\)"),
        (lambda: nib.Nifti1Image(stored().astype(np.complex64), np.eye(4)), "type complex64"),
        (lambda: nib.Nifti1Image(stored(), None), "expected an image with an affine"),
        (lambda: SimpleITK.Image([3, 3, 3], SimpleITK.sitkVectorUInt8, 3), "3D, 3 values per voxel"),
        (lambda: SimpleITK.Image([3, 3, 3, 2], SimpleITK.sitkInt16), "4D, 1 values per voxel"),
    ],
)
def test_an_image_that_is_no_volume_is_refused(image: Callable[[], Any], said: str) -> None:
    with pytest.raises(medpaint.InputError, match=f"^scan: .*{said}"):
        restored(image())


def test_an_image_whose_file_is_gone_is_refused(tmp_path: Path) -> None:
    nifti().to_filename(tmp_path / "scan.nii")
    image = nib.load(tmp_path / "scan.nii")
    (tmp_path / "scan.nii").unlink()
    with pytest.raises(medpaint.InputError, match=r"scan: the image's voxels cannot be read: .*No such file"):
        restored(image)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed": 10**5000}, "seed: input should be less than .*, got a value of type int"),
        ({"seed": np.ones((100, 100))}, "seed: input should be a valid integer, got array"),
        ({"engine": 5}, "engine: input should be a valid string, got 5"),
        ({"dilate_mm": float("nan")}, "dilate_mm: "),
        ({"output": 5}, "output: expected the path of a folder, got int"),
        ({"output": "folder"}, r"leave output out, and save what as_nibabel\(\)"),
        ({"deidentify": "key"}, "deidentify: only written products can be de-identified: .* output"),
        ({"compress": "rle"}, "compress: only written products can be compressed: .* output"),
        ({"progress": 3}, "progress: expected a function, got int"),
    ],
)
def test_an_option_of_the_wrong_type_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(medpaint.UsageError, match=said) as refused:
        medpaint.restore(stored(), hole(), **options)
    assert "\n" not in str(refused.value)


def twice(folder: Path) -> None:
    for _ in range(2):
        medpaint.restore(*save_pair(folder), output=folder / "out", engine="nearest")


def time_series(folder: Path) -> None:
    nib.Nifti1Image(np.zeros((4, 4, 4, 2), np.int16), np.eye(4)).to_filename(folder / "series.nii")
    medpaint.restore(folder / "series.nii")


ERRORS: list[tuple[Callable[[Path], object], str]] = [
    (lambda _: medpaint.restore(stored(), hole() * np.arange(8)), r"choose with labels=\.\.\."),
    (lambda _: medpaint.restore(stored(), ~hole()), "use invert_mask=True if black means repair"),
    (lambda _: medpaint.read_scan("n" * 300), "File name too long"),
    (lambda _: medpaint.verify(Path("n" * 300)), "File name too long"),
    (lambda folder: medpaint.restore(*save_pair(folder), output="n" * 300), "File name too long"),
    (twice, "overwrite=True"),
    (time_series, r"choose one with frame=0\.\.1"),
    (
        lambda _: medpaint.detect(cast("Any", stored())),
        "scan: expected a Volume, got ndarray; medpaint.Volume",
    ),
    (lambda _: medpaint.Volume.of(cast("Any", [[1.0]])), "expected data as a plain numpy array, got list"),
    (lambda _: medpaint.Volume.of(stored(), cast("Any", "x")), "expected a 4x4 affine of real numbers, got 'x'"),
]


@pytest.mark.parametrize(("call", "said"), ERRORS)
def test_errors_speak_python(tmp_path: Path, call: Callable[[Path], object], said: str) -> None:
    with pytest.raises(medpaint.MedpaintError, match=said) as refused:
        call(tmp_path)
    assert "--" not in str(refused.value)


def test_the_public_functions_can_be_sent_to_other_processes() -> None:
    sent = pickle.dumps(medpaint.restore)
    assert pickle.loads(sent) is medpaint.restore  # noqa: S301 - from the line above
