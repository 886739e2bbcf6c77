"""NRRD and MetaImage files read as ITK reads them and come back with their headers as they were."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from medpaint.core.errors import (
    AmbiguousError,
    GeometryError,
    InputError,
    MedpaintError,
    UnreadableError,
    UnsupportedError,
)
from medpaint.core.geometry import LPS_TO_RAS
from medpaint.core.types import Affine, Array
from medpaint.io.itk import read_itk
from medpaint.io.source import Derivation

# Neither library says what types its functions take.
sitk: Any = import_module("SimpleITK")

DONE = Derivation("tested", "key")
TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"]
SUFFIXES = [".nrrd", ".nhdr", ".mha", ".mhd"]
SPACING = b"ElementSpacing = 0.80000000000000004 1.25 3\n"


def numbers(dtype: str = "i2", shape: tuple[int, ...] = (4, 3, 5)) -> Array:
    """Return values over the whole range of a type."""
    raw = np.random.default_rng(1).integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8)
    values: Array = raw.view(dtype)[..., 0]
    return np.nan_to_num(values) if values.dtype.kind == "f" else values


def image_of(data: Array) -> Any:
    """Return an oblique image in SimpleITK's form."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    image.SetSpacing([0.8, 1.25, 3.0][: data.ndim])
    image.SetOrigin([10.5, -20.25, 30.125][: data.ndim])
    if data.ndim == 3:
        image.SetDirection(Rotation.from_euler("xyz", [0.3, -0.2, 0.1]).as_matrix().ravel().tolist())
    image.SetMetaData("kept", "by all means")
    return image


def saved(path: Path, data: Array, *, compressed: bool = False) -> Path:
    """Save an oblique image."""
    path.parent.mkdir(exist_ok=True)
    sitk.WriteImage(image_of(data), str(path), useCompression=compressed)
    return path


def affine_by_itk(path: Path) -> Affine:
    """Return the affine that ITK understands, in RAS+."""
    image = sitk.ReadImage(str(path))
    points = [image.TransformIndexToPhysicalPoint(index) for index in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    origin, *steps = np.array(points)
    affine = np.eye(4)
    affine[:3] = np.column_stack([*(np.array(steps) - origin), origin])
    return np.asarray(LPS_TO_RAS @ affine)


def header_of(path: Path) -> bytes:
    """Return the header of a file unchanged."""
    content = path.read_bytes()
    mark = b"\n\n" if path.suffix in {".nrrd", ".nhdr"} else b"ElementDataFile"
    return content.partition(mark)[0]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_is_kept(tmp_path: Path, dtype: str, suffix: str, *, compressed: bool) -> None:
    data = numbers(dtype)
    path = saved(tmp_path / f"scan{suffix}", data, compressed=compressed)

    volume, source = read_itk(path)

    np.testing.assert_array_equal(volume.data, data)
    assert volume.data.dtype == np.dtype(dtype)
    np.testing.assert_allclose(volume.affine, affine_by_itk(path), atol=1e-12)
    assert source.suffix == suffix
    changed = data.copy()
    changed[1] += 1
    target = tmp_path / "out" / f"new{suffix}"
    source.write(changed, changed != data, target, DONE)
    image = sitk.ReadImage(str(target))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, changed)
    assert image.GetMetaData("kept") == "by all means"
    np.testing.assert_array_equal(read_itk(target)[0].affine, volume.affine)
    assert read_itk(target)[1].facts["encoding"] == source.facts["encoding"]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", [".mha", ".mhd"])
def test_an_unchanged_metaimage_is_written_as_it_was(tmp_path: Path, suffix: str, *, compressed: bool) -> None:
    path = saved(tmp_path / "scan" / f"scan{suffix}", numbers(), compressed=compressed)
    volume, source = read_itk(path)
    source.write(volume.data, np.ones(volume.shape, bool), tmp_path / "out" / path.name, DONE)
    before, after = (
        {file.name: file.read_bytes() for file in folder.iterdir()} for folder in (path.parent, tmp_path / "out")
    )
    assert after == before


def test_header_fields_that_itk_understands_are_kept(tmp_path: Path) -> None:
    path = saved(tmp_path / "scan.nrrd", numbers())
    known = b'thicknesses: 1 2 3\nlabels: "a" "b" "c"\ncontent: head\nmeasurement frame: (0,1,0) (1,0,0) (0,0,1)\n'
    path.write_bytes(path.read_bytes().replace(b"kinds: ", known + b"kinds: "))
    volume, source = read_itk(path)
    source.write(volume.data, np.ones(volume.shape, bool), tmp_path / "out.nrrd", DONE)
    kept = header_of(tmp_path / "out.nrrd").splitlines()
    assert set(known.splitlines()) <= set(kept)
    assert b"kept:=by all means" in kept
    assert not [line for line in kept if line.startswith(b"ITK_")]


def test_a_separate_header_refers_to_its_own_data_file(tmp_path: Path) -> None:
    for suffix, ending in ((".nhdr", ".raw.gz"), (".mhd", ".zraw")):
        path = saved(tmp_path / f"scan{suffix}", numbers(), compressed=True)
        volume, source = read_itk(path)
        source.write(volume.data, np.ones(volume.shape, bool), tmp_path / "out" / f"new{suffix}", DONE)
        assert f"new{ending}" in (tmp_path / "out" / f"new{suffix}").read_text()
        assert {file.name for file in (tmp_path / "out").iterdir()} >= {f"new{suffix}", f"new{ending}"}


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(np.float64, 3, elements=st.floats(-3.0, 3.0)),
    hnp.arrays(np.float64, 3, elements=st.floats(0.1, 9.0)),
    hnp.arrays(np.float64, 3, elements=st.floats(-500.0, 500.0)),
    st.sampled_from([".nrrd", ".mha"]),
)
def test_any_grid_is_read_as_itk_reads_it(
    tmp_path_factory: pytest.TempPathFactory, turns: Array, spacing: Array, origin: Array, suffix: str
) -> None:
    image = sitk.Image([3, 2, 4], sitk.sitkUInt8)
    image.SetDirection(Rotation.from_euler("xyz", turns).as_matrix().ravel().tolist())
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(origin.tolist())
    path = tmp_path_factory.mktemp("grid") / f"scan{suffix}"
    sitk.WriteImage(image, str(path))
    np.testing.assert_allclose(read_itk(path)[0].affine, affine_by_itk(path), atol=1e-9)


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (-1, -1, 1)),
        ("right-anterior-superior", (1, 1, 1)),
        ("LAS", (-1, 1, 1)),
        ("RAS", (1, 1, 1)),
    ],
)
def test_every_space_is_converted(tmp_path: Path, space: str, signs: tuple[int, ...]) -> None:
    path = saved(tmp_path / "scan.nrrd", numbers())
    expected = np.diag([*signs, 1]) @ LPS_TO_RAS @ affine_by_itk(path)
    path.write_bytes(path.read_bytes().replace(b"left-posterior-superior", space.encode()))
    volume, source = read_itk(path)
    np.testing.assert_allclose(volume.affine, expected, atol=1e-12)
    source.write(volume.data, np.ones(volume.shape, bool), tmp_path / "out.nrrd", DONE)
    np.testing.assert_allclose(read_itk(tmp_path / "out.nrrd")[0].affine, expected, atol=1e-12)


def test_big_endian_voxels_are_read_correctly(tmp_path: Path) -> None:
    data = numbers("i2")
    for suffix, old, new in (
        (".nrrd", b"endian: little", b"endian: big"),
        (".mha", b"MSB = False", b"MSB = True"),
    ):
        path = saved(tmp_path / f"scan{suffix}", data)
        content = path.read_bytes().replace(old, new)
        path.write_bytes(content[: -data.nbytes] + data.astype(">i2").tobytes(order="F"))
        volume, source = read_itk(path)
        np.testing.assert_array_equal(volume.data, data)
        assert volume.data.dtype.isnative
        source.write(volume.data, np.ones(data.shape, bool), tmp_path / f"out{suffix}", DONE)
        np.testing.assert_array_equal(read_itk(tmp_path / f"out{suffix}")[0].data, data)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_slice_is_a_volume_of_one(tmp_path: Path, suffix: str) -> None:
    data = numbers(shape=(4, 3))
    volume, source = read_itk(saved(tmp_path / f"scan{suffix}", data))
    np.testing.assert_array_equal(volume.data[..., 0], data)
    np.testing.assert_allclose(volume.affine[:3, 3], [-10.5, 20.25, 0.0])
    assert volume.spacing_mm == (0.8, 1.25, 1.0)
    source.write(volume.data + 1, np.ones(volume.shape, bool), tmp_path / "out" / f"scan{suffix}", DONE)
    back = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / f"scan{suffix}")))
    np.testing.assert_array_equal(back.T, data + 1)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_frame_is_read_on_the_grid_of_a_single_volume(tmp_path: Path, suffix: str) -> None:
    data = numbers(shape=(4, 3, 2, 3))
    path = tmp_path / f"scan{suffix}"
    sitk.WriteImage(sitk.JoinSeries([image_of(data[..., frame]) for frame in range(3)]), str(path))
    with pytest.raises(AmbiguousError, match=r"--frame 0\.\.2"):
        read_itk(path)
    volume, _ = read_itk(path, frame=1)
    np.testing.assert_array_equal(volume.data, data[..., 1])
    np.testing.assert_allclose(volume.affine, read_itk(saved(tmp_path / "one.mha", data[..., 1]))[0].affine)


@pytest.mark.parametrize(
    ("space", "kind", "last", "error"),
    [
        ("LPST", "time", "", None),
        ("RAST", "time", "", UnsupportedError),
        ("RAS", "list", "none", UnsupportedError),
        ("RAS", "time", "none", UnreadableError),
    ],
)
def test_a_time_series_is_read_if_itk_knows_its_axes(
    tmp_path: Path, space: str, kind: str, last: str, error: type[InputError] | None
) -> None:
    data = numbers("u1", (2, 3, 4, 2))
    zero = "" if last else ",0"
    text = (
        f"NRRD0004\ntype: uchar\ndimension: 4\nspace: {space}\nsizes: 2 3 4 2\nkinds: domain domain domain "
        f"{kind}\nspace directions: (2,0,0{zero}) (0,2,0{zero}) (0,0,2{zero}) {last or '(0,0,0,1)'}\n"
        f"space origin: (1,2,3{zero})\nencoding: raw\n\n"
    )
    path = tmp_path / "scan.nrrd"
    path.write_bytes(text.encode() + data.tobytes(order="F"))
    if error is not None:
        with pytest.raises(error):
            read_itk(path, frame=1)
        return
    volume, _ = read_itk(path, frame=1)
    np.testing.assert_array_equal(volume.data, data[..., 1])
    np.testing.assert_array_equal(volume.affine, [[-2, 0, 0, -1], [0, -2, 0, -2], [0, 0, 2, 3], [0, 0, 0, 1]])


def test_a_header_without_directions_gives_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "scan.nrrd"
    text = "NRRD0001\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nspacings: 1 2 3\nencoding: raw\n\n"
    path.write_bytes(text.encode() + bytes(8))
    volume, source = read_itk(path)
    assert volume.spacing_mm == (1.0, 2.0, 3.0)
    assert len(source.warnings) == 2


@pytest.mark.parametrize("key", ["byte skip: -1", "byte skip: 5"])
def test_voxels_after_a_foreign_header_are_read(tmp_path: Path, key: str) -> None:
    data = numbers("u1", (2, 2, 2))
    (tmp_path / "foreign.bin").write_bytes(b"12345" + data.tobytes(order="F"))
    text = (
        f"NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 2 2\nspace: LPS\nencoding: raw\n{key}\n"
        "space directions: (1,0,0) (0,1,0) (0,0,1)\ndata file: foreign.bin\n"
    )
    (tmp_path / "scan.nhdr").write_text(text)
    volume, source = read_itk(tmp_path / "scan.nhdr")
    np.testing.assert_array_equal(volume.data, data)
    source.write(volume.data, np.ones(data.shape, bool), tmp_path / "out" / "scan.nhdr", DONE)
    np.testing.assert_array_equal(read_itk(tmp_path / "out" / "scan.nhdr")[0].data, data)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"kinds: domain", b"kinds: vector", "expected one real number per voxel, got an axis of kind vector"),
        (b"endian: little\n", b"", "no endian, which values of type short need"),
        (b"kinds: ", b'space units: "mm"\nkinds: ', "3 axes of space, but 1 space units"),
        (b"directions: (", b"directions: (nan,0,0) (", "3 axes, but 4 space directions"),
        (b"directions: (1", b"directions: (nan", "space directions that are not finite numbers"),
        (
            b"directions: (1,0,0)",
            b"directions: none",
            "for each axis of a volume, got 2 of 3",
        ),
        (b"encoding: raw", b"encoding: raw\nline skip: 3", "got lines to skip: use byte skip instead"),
    ],
)
def test_axes_that_are_no_volume_are_named(tmp_path: Path, old: bytes, new: bytes, reason: str) -> None:
    path = tmp_path / "scan.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((5, 3, 4), np.int16)), str(path))
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(InputError, match=re.escape(reason)):
        read_itk(path)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("kind", [sitk.sitkVectorUInt8, sitk.sitkVectorFloat32])
def test_several_numbers_per_voxel_are_refused(tmp_path: Path, suffix: str, kind: int) -> None:
    sitk.WriteImage(sitk.Image([3, 4, 5], kind, 3), str(tmp_path / f"scan{suffix}"))
    with pytest.raises(UnsupportedError, match="expected one real number per voxel"):
        read_itk(tmp_path / f"scan{suffix}")


@pytest.mark.parametrize(
    ("suffix", "old", "new", "error"),
    [
        (".nrrd", b"NRRD0004", b"NRRD0009", UnreadableError),
        (".nrrd", b"type: short", b"type: shirt", UnreadableError),
        (".nrrd", b"type: short", b"type: block", UnsupportedError),
        (".nrrd", b"encoding: raw", b"encoding: hex", UnsupportedError),
        (".nrrd", b"encoding: raw", b"encoding: gzip", UnreadableError),
        (".nrrd", b"encoding: raw\n", b"", UnreadableError),
        (".nrrd", b"sizes: 4 3 5", b"sizes: 4 3", UnreadableError),
        (".nrrd", b"sizes: 4 3 5", b"sizes: 4 0 5", GeometryError),
        (".nrrd", b"sizes: 4 3 5", b"sizes: 4 x 5", UnreadableError),
        (".nrrd", b"endian: little", b"endian: middle", UnreadableError),
        (".nrrd", b"endian: little\n", b"", UnreadableError),
        (".nrrd", b"encoding: raw", b"encoding: raw\nline skip: 3", UnsupportedError),
        (".nrrd", b"encoding: raw", b"encoding: raw\ndata file: LIST\na.raw", UnsupportedError),
        (".nrrd", b"encoding: raw", b"encoding: raw\nbyte skip: -7", UnreadableError),
        (".nrrd", b"kinds: domain", b"kinds: none", None),
        (".nrrd", b"kinds: domain", b"kinds: " + b"a" * 1100, UnreadableError),
        (".nrrd", b"type: short", b"type: short\ndimension: 3", UnreadableError),
        (".nrrd", b"encoding: raw", b"encoding: raw\ndata file: ../scan.nrrd", UnreadableError),
        (".mha", b"MET_SHORT", b"MET_SHIRT", UnreadableError),
        (".mha", b"NDims = 3", b"NDims = 77", UnreadableError),
        (".mha", b"NDims = 3", b"NDims : 77", UnreadableError),
        (".mha", b"NDims = 3", b"NDims = 3\nNDims = 77", UnreadableError),
        (".mha", b"DimSize = 4 3 5", b"DimSize = 4 3 5000000000", UnreadableError),
        (".mha", b"DimSize = 4 3 5", b"DimSize = 4 0 5", GeometryError),
        (".mha", b"DimSize = 4 3 5", b"DimSize = 4 3 -5", GeometryError),
        (".mha", SPACING, b"ElementSpacing = 0 1 1\n", GeometryError),
        (".mha", SPACING, b"ElementSpacing = nan 1 1\n", GeometryError),
        (".mha", b"Offset = 10.5", b"Offset = ", UnreadableError),
        (".mha", b"BinaryData = True", b"BinaryData = False", UnsupportedError),
        (".mha", b"CompressedData = False", b"CompressedData = True", UnreadableError),
        (".mha", b"= LOCAL", b"= LIST", UnsupportedError),
        (".mha", b"= LOCAL", b"= slice%03d.raw 1 5 1", UnsupportedError),
        (".mha", b"= LOCAL", b"= none.raw", InputError),
        (".mha", b"ElementDataFile", b"ElementData", UnreadableError),
    ],
)
def test_a_damaged_header_is_refused(
    tmp_path: Path, suffix: str, old: bytes, new: bytes, error: type[InputError] | None
) -> None:
    path = saved(tmp_path / f"scan{suffix}", numbers())
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    if error is None:
        read_itk(path)
        return
    with pytest.raises(error) as caught:
        read_itk(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("keep", [0, 4, 60, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, keep: int, *, compressed: bool) -> None:
    path = saved(tmp_path / f"scan{suffix}", numbers(), compressed=compressed)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UnreadableError):
        read_itk(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_flipped_bit_in_the_compressed_part_is_detected(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path / "scan" / f"scan{suffix}", numbers(), compressed=True)
    voxels = max(path.parent.iterdir(), key=lambda file: file.suffix.endswith(("raw", "gz")))
    content = bytearray(voxels.read_bytes())
    content[-20] ^= 16
    voxels.write_bytes(content)
    with pytest.raises(UnreadableError, match="damaged"):
        read_itk(path)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_any_changed_header_is_read_or_refused_in_one_line(tmp_path: Path, suffix: str) -> None:
    path = saved(tmp_path / f"scan{suffix}", numbers())
    original, length = path.read_bytes(), len(header_of(path)) + 20
    rng = np.random.default_rng(5)
    for _ in range(300):
        content = bytearray(original)
        for at in rng.integers(0, length, 3):
            content[at] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            read_itk(path)
        except MedpaintError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    ("suffix", "old", "new"),
    [
        (".nrrd", b"NRRD0004", b"NRRDsmit\x1b[2J"),
        (".nrrd", b"encoding: raw", b"encoding: Smith^John"),
        (".nrrd", b"sizes: 4 3 5", b"sizes: 4 Smith 5"),
        (".nrrd", b"sizes: 4 3 5", b"sizes: 4 3 5 Smith"),
        (".nrrd", b"encoding: raw", b"encoding: raw\ndata file: /Smith/\x1b.raw"),
        (".nrrd", b"encoding: raw", b"encoding: raw\nSmith: 1\nSmith: 2"),
        (".nrrd", b"kinds: domain", b"kinds: Smith " + b"a" * 1100),
        (".mha", b"DimSize = 4 3 5", b"DimSize = 4 3 Smith"),
        (".mha", b"Offset = 10.5", b"Offset = Smith"),
        (".mha", b"= LOCAL", b"= LIST Smith"),
    ],
)
def test_what_a_header_says_is_not_quoted_in_messages(tmp_path: Path, suffix: str, old: bytes, new: bytes) -> None:
    path = saved(tmp_path / f"scan{suffix}", numbers())
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_itk(path)
    assert "smit" not in str(caught.value).lower()
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(path))


def with_fields(path: Path, *lines: str) -> Path:
    """Write a NRRD or MetaImage file of 4x3x5 voxels with further fields."""
    if path.suffix == ".nrrd":
        first, last = (
            ["NRRD0005", "type: short", "dimension: 3", "sizes: 4 3 5"],
            ["encoding: raw", "endian: little", ""],
        )
    else:
        first, last = ["NDims = 3", "DimSize = 4 3 5"], ["ElementType = MET_SHORT", "ElementDataFile = LOCAL"]
    path.write_bytes("\n".join([*first, *lines, *last, ""]).encode() + bytes(120))
    return path


SPACE = "space: left-posterior-superior"
MATRIX = "TransformMatrix = 1 0 0 0 1 0 0 0 1"


@pytest.mark.parametrize(
    ("name", "lines", "error", "reason"),
    [
        ("a.nrrd", ["spacings: 1 -2 3"], GeometryError, "expected positive spacings, got 1 -2 3"),
        ("a.nrrd", ["spacings: 1 0 3"], GeometryError, "expected positive spacings, got 1 0 3"),
        ("a.nrrd", ["spacings: 1 NaN 3"], GeometryError, "expected positive spacings, got 1 NaN 3"),
        ("a.nrrd", ["spacings: 1 inf 3"], GeometryError, "expected positive spacings, got 1 inf 3"),
        ("a.nrrd", ["spacings: 1 2"], UnreadableError, "3 axes, but 2 spacings"),
        ("a.nrrd", ["spacings: 1 two 3"], UnreadableError, "a value that is not a number"),
        (
            "a.nrrd",
            [SPACE, "space directions: (1,0,0) (0,0,0) (0,0,3)"],
            GeometryError,
            r"some length, got \(0,0,0\)",
        ),
        ("a.nrrd", [SPACE, "space directions: (1,0,0) (0,1,0) (1,1,0)"], GeometryError, "do not span a volume"),
        (
            "a.nrrd",
            [SPACE, "space directions: (1,0,0) (0,nan,0) (0,0,3)"],
            UnreadableError,
            "directions that are not",
        ),
        (
            "a.nrrd",
            [SPACE, "space directions: (1,0,0) (0,1,0) (0,0,3)", "space origin: (nan,0,0)"],
            UnreadableError,
            "a space origin that is not of finite numbers",
        ),
        (
            "a.nrrd",
            [SPACE, "space directions: (1,0,0) (0,1,0) (0,0,3)", "spacings: 1 1 3"],
            UnreadableError,
            "spacings beside space directions",
        ),
        ("a.mha", ["ElementSpacing = 1 0 3"], GeometryError, "expected a positive ElementSpacing, got 1 0 3"),
        ("a.mha", ["ElementSpacing = 1 -2 3"], GeometryError, "expected a positive ElementSpacing, got 1 -2 3"),
        ("a.mha", ["ElementSize = 1 -2 3"], GeometryError, "expected a positive ElementSize, got 1 -2 3"),
        ("a.mha", ["ElementSize = 1 nan 3"], GeometryError, "expected a positive ElementSize, got 1 nan 3"),
        ("a.mha", ["Offset = nan 0 0"], GeometryError, "expected finite numbers in Offset, got nan 0 0"),
        ("a.mha", ["Offset = 1 2 3", "Position = 4 5 6"], UnreadableError, "Offset and Position differ"),
        (
            "a.mha",
            [MATRIX, "Rotation = 0 1 0 1 0 0 0 0 1"],
            UnreadableError,
            "TransformMatrix and Rotation differ",
        ),
        ("a.mha", [MATRIX.replace("1", "inf")], GeometryError, "expected finite numbers in TransformMatrix"),
        ("a.mha", [MATRIX.replace("1", "0")], GeometryError, "do not span a volume"),
    ],
)
def test_an_impossible_place_in_space_is_refused_with_the_reason(
    tmp_path: Path, name: str, lines: list[str], error: type[InputError], reason: str
) -> None:
    path = with_fields(tmp_path / name, *lines)
    with pytest.raises(error, match=reason):
        read_itk(path)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("a.nrrd", ["spacings: 1 2 3"]),
        ("a.nrrd", [SPACE, "space directions: (1,0,0) (0,2,0) (0,0,3)", "space origin: (0,0,0)"]),
        ("a.mha", ["ElementSpacing = 1 2 3", "ElementSize = 0 0 0"]),
        ("a.mha", ["ElementSize = 1 2 3"]),
        ("a.mha", ["ElementSpacing = 1 2 3", "Offset = 0 0 0", "Position = 0 0 0"]),
    ],
)
def test_a_place_in_space_is_read_as_the_format_says(tmp_path: Path, name: str, lines: list[str]) -> None:
    volume, _ = read_itk(with_fields(tmp_path / name, *lines))
    np.testing.assert_array_equal(volume.affine, LPS_TO_RAS @ np.diag([1.0, 2.0, 3.0, 1.0]))


def test_a_scaling_that_is_not_applied_is_reported(tmp_path: Path) -> None:
    path = with_fields(
        tmp_path / "a.mha", "ElementToIntensityFunctionSlope = 2", "ElementToIntensityFunctionOffset = 5"
    )
    (warning,) = read_itk(path)[1].warnings
    assert warning == "The header scales its values (slope 2, offset 5): as in ITK, this is not applied."
    path = with_fields(tmp_path / "b.mha", "ElementToIntensityFunctionSlope = two")
    with pytest.raises(UnreadableError, match="a value that is not a number"):
        read_itk(path)


@pytest.mark.parametrize("size", ["0", "-1", "nan", "inf"])
def test_a_metaimage_of_impossible_voxels_is_refused(tmp_path: Path, size: str) -> None:
    path = tmp_path / "scan.mha"
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 6), np.int16)), str(path))
    path.write_bytes(path.read_bytes().replace(b"ElementSpacing = 1 1 1", f"ElementSpacing = {size} 1 1".encode()))
    with pytest.raises(GeometryError, match=f"expected a positive ElementSpacing, got {size} 1 1"):
        read_itk(path)
