"""Lengths in other units than millimetres are converted, and the field stays in the header."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medpaint.core.errors import UnsupportedError
from medpaint.core.types import Array
from medpaint.io.itk import read_itk
from medpaint.io.source import Derivation

# SimpleITK does not say what types its functions take.
sitk: Any = import_module("SimpleITK")

DONE = Derivation("tested", "key")
DATA: Array = np.random.default_rng(2).integers(-9, 9, (6, 5, 4)).astype(np.int16)


def saved(path: Path, line: bytes, *, compressed: bool = False) -> Path:
    """Save an image of 2 x 3 x 4 units with another line in its header."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(DATA.T))
    image.SetSpacing([2.0, 3.0, 4.0])
    image.SetOrigin([10.0, 20.0, 30.0])
    sitk.WriteImage(image, str(path), useCompression=compressed)
    before = b"kinds:" if path.suffix in {".nrrd", ".nhdr"} else b"ElementSpacing"
    content = path.read_bytes()
    assert before in content
    path.write_bytes(content.replace(before, line + b"\n" + before, 1))
    return path


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("scan.nrrd", b'space units: "um" "um" "um"'),
        ("scan.nrrd", 'space units: "µm" "µm" "µm"'.encode()),
        ("scan.nrrd", 'space units: "µm" "µm" "µm"'.encode("latin-1")),
        ("scan.nrrd", b'space units: "microns" "microns" "microns"'),
        ("scan.nhdr", b'space units: "um" "um" "um"'),
        ("scan.mha", b"DistanceUnits = um"),
        ("scan.mhd", b"DistanceUnits = um"),
    ],
)
def test_micrometres_are_converted_and_kept(tmp_path: Path, name: str, line: bytes, *, compressed: bool) -> None:
    path = saved(tmp_path / name, line, compressed=compressed)
    volume, source = read_itk(path)
    np.testing.assert_allclose(volume.spacing_mm, (0.002, 0.003, 0.004))
    np.testing.assert_allclose(volume.affine[:3, 3], (-0.010, -0.020, 0.030))
    assert "converted to mm" in source.warnings[0]
    product = tmp_path / "out" / name
    source.write(volume.data + 1, np.ones(DATA.shape, bool), product, DONE)
    assert product.read_bytes().count(line) == 1
    again, _ = read_itk(product)
    np.testing.assert_allclose(again.affine, volume.affine)
    np.testing.assert_array_equal(again.data, DATA + 1)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(product))).T, DATA + 1)


def test_the_place_by_programs_without_units_is_known_too(tmp_path: Path) -> None:
    _, source = read_itk(saved(tmp_path / "scan.nrrd", b'space units: "um" "um" "um"'))
    converted, plain = source.positions.values()
    np.testing.assert_allclose(np.diag(plain)[:3], [-2, -3, 4])
    np.testing.assert_allclose(converted[:3], plain[:3] / 1000)


@pytest.mark.parametrize("line", [b'space units: "mm" "mm" "mm"', b'space units: "" "" ""'])
def test_millimetres_are_no_news(tmp_path: Path, line: bytes) -> None:
    volume, source = read_itk(saved(tmp_path / "scan.nrrd", line))
    assert volume.spacing_mm == (2.0, 3.0, 4.0)
    assert source.warnings == ()
    assert not source.positions


@pytest.mark.parametrize(
    ("name", "line"),
    [("scan.nrrd", b'space units: "s" "s" "s"'), ("scan.nrrd", b'space units: "parsec" "mm" "mm"')],
)
def test_other_units_are_refused(tmp_path: Path, name: str, line: bytes) -> None:
    with pytest.raises(UnsupportedError, match="expected a unit of length such as mm or um"):
        read_itk(saved(tmp_path / name, line))


def test_spacings_in_other_units_are_refused(tmp_path: Path) -> None:
    grid = 'dimension: 3\nsizes: 2 2 2\nspacings: 1 2 3\nunits: "um" "um" "um"\n'
    text = f"NRRD0004\ntype: uchar\n{grid}encoding: raw\n\n"
    path = tmp_path / "scan.nrrd"
    path.write_bytes(text.encode() + bytes(8))
    with pytest.raises(UnsupportedError, match="spacings in mm, got units um"):
        read_itk(path)
