"""The headers of NIfTI-1 and NIfTI-2: the few fields that say what and where the voxels are.

Sources: nifti1.h and nifti2.h, https://nifti.nimh.nih.gov. What the standard leaves open is read the way nibabel
reads it, so that a grid is the same here and there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from medpaint.core.errors import GeometryError, UnreadableError, UnsupportedError
from medpaint.core.geometry import spacing_of
from medpaint.core.types import Affine, Array
from medpaint.io.header import without_trailing_ones

__all__ = ["Fields", "affine_of", "fields_of", "mask_header", "scaling_of", "sizes_of", "type_of", "warnings_of"]

Fields: TypeAlias = np.void
"""A header's named fields."""

_FIELDS: Final[dict[str, tuple[str, int, str, int]]] = {
    "length": ("i4", 0, "i4", 0),
    "magic": ("S4", 344, "S8", 4),
    "datatype": ("i2", 70, "i2", 12),
    "bitpix": ("i2", 72, "i2", 14),
    "dim": ("8i2", 40, "8i8", 16),
    "pixdim": ("8f4", 76, "8f8", 104),
    "vox_offset": ("f4", 108, "i8", 168),
    "slope": ("f4", 112, "f8", 176),
    "intercept": ("f4", 116, "f8", 184),
    "units": ("u1", 123, "i4", 500),
    "qform_code": ("i2", 252, "i4", 344),
    "sform_code": ("i2", 254, "i4", 348),
    "quaternion": ("3f4", 256, "3f8", 352),
    "position": ("3f4", 268, "3f8", 376),
    "srow": ("(3,4)f4", 280, "(3,4)f8", 400),
}
"""Type and place in NIfTI-1, type and place in NIfTI-2."""


def _layout_of(length: int, version: int) -> np.dtype[np.void]:
    """Return the fields of one version as numpy's record type."""
    places = [(first, at) if version == 1 else (second, there) for first, at, second, there in _FIELDS.values()]
    return np.dtype(
        {
            "names": list(_FIELDS),
            "formats": [kind for kind, _ in places],
            "offsets": [at for _, at in places],
            "itemsize": length,
        }
    )


_LAYOUTS: Final = {348: _layout_of(348, 1), 540: _layout_of(540, 2)}
"""Length of the header, which is its first field, to where the fields are."""

_MAGIC: Final = {348: b"n+1", 540: b"n+2\0\r\n\x1a\n"}
_PAIR_MAGIC: Final = {348: b"ni1", 540: b"ni2\0\r\n\x1a\n"}

_TYPES: Final = {
    2: ("uint8", "u1"),
    4: ("int16", "i2"),
    8: ("int32", "i4"),
    16: ("float32", "f4"),
    64: ("float64", "f8"),
    256: ("int8", "i1"),
    512: ("uint16", "u2"),
    768: ("uint32", "u4"),
    1024: ("int64", "i8"),
    1280: ("uint64", "u8"),
    1: ("binary", ""),
    32: ("complex64", ""),
    128: ("RGB", ""),
    1536: ("float128", ""),
    1792: ("complex128", ""),
    2048: ("complex256", ""),
    2304: ("RGBA", ""),
}
"""Code of a type to its name and, where it is one real number a voxel that all machines have, numpy's."""

_UNITS_NOT_MM: Final = {1: "metres", 3: "micrometres"}
_SPATIAL_UNIT: Final = 7
_MILLIMETRES: Final = 2
_EXTENDER: Final = 4
_MOST_AXES: Final = 7


def fields_of(block: bytes, path: Path) -> Fields:
    """Return the header that `block` starts with.

    Raises:
        UnreadableError: no header, cut off, or one that contradicts itself.
        UnsupportedError: the header of a pair of files.
    """
    layout = _layout(block, path)
    length = layout.itemsize
    if len(block) < length:
        message = f"{path} is truncated: expected a header of {length} bytes, got {len(block)}"
        raise UnreadableError(message)
    fields: Fields = np.frombuffer(block, layout, count=1)[0]
    if fields["magic"] == _PAIR_MAGIC[length]:
        message = f"{path}: expected a NIfTI file that holds its voxels, got the header of a .hdr/.img pair"
        raise UnsupportedError(message)
    if fields["magic"] != _MAGIC[length]:
        message = f"{path} is no NIfTI file: expected the mark {_MAGIC[length]!r}, got {fields['magic']!r}"
        raise UnreadableError(message)
    axes, offset = fields["dim"][0], fields["vox_offset"]
    if not (0 <= axes <= _MOST_AXES and np.isfinite(offset) and offset >= length + _EXTENDER):
        message = f"{path} is damaged: its header announces {axes} axes and voxels from byte {offset}"
        raise UnreadableError(message)
    return fields


def sizes_of(fields: Fields) -> tuple[int, ...]:
    """Return the number of voxels along every axis, without trailing axes of one."""
    return without_trailing_ones(tuple(int(size) for size in fields["dim"][1 : 1 + int(fields["dim"][0])]))


def type_of(fields: Fields, path: Path) -> tuple[str, np.dtype[Any] | None]:
    """Return the type of a voxel, by name and as stored; None where it is not one real number.

    Raises:
        UnreadableError: the standard has no such type.
    """
    code = int(fields["datatype"])
    if code not in _TYPES:
        message = f"{path} is damaged: its header announces voxels of type {code}, which does not exist"
        raise UnreadableError(message)
    name, short = _TYPES[code]
    dtype = np.dtype(short) if short else None
    return name, dtype if dtype is None or fields.dtype["datatype"].isnative else dtype.newbyteorder("S")


def scaling_of(fields: Fields, path: Path) -> tuple[float, float]:
    """Return slope and intercept; a slope of 0, or one that is no number, means that nothing is scaled.

    Raises:
        UnreadableError: the values are scaled, but the intercept is no number.
    """
    slope, intercept = float(fields["slope"]), float(fields["intercept"])
    if slope == 0.0 or not np.isfinite(slope):
        return 1.0, 0.0
    if not np.isfinite(intercept):
        message = f"{path} is damaged: its header scales the values by {slope:g} and adds {intercept}"
        raise UnreadableError(message)
    return slope, intercept


def affine_of(fields: Fields, path: Path) -> Affine:
    """Return the affine of the sform where it is set, else of the qform, else a guess from the voxel size.

    The guess is the one of SPM and nibabel: the first axis points left and the middle of the volume is
    the origin.

    Raises:
        GeometryError: the qform holds no rotation.
    """
    affine = np.eye(4)
    if fields["sform_code"] > 0:
        affine[:3] = fields["srow"]
        return affine
    spacing = np.abs(fields["pixdim"][1:4].astype(np.float64))
    stored = int(fields["dim"][0])
    spacing[stored:] = np.where(spacing[stored:] == 0.0, 1.0, spacing[stored:])
    if fields["qform_code"] > 0:
        spacing[2] *= -1.0 if fields["pixdim"][0] < 0 else 1.0
        affine[:3, :3] = _rotation(fields["quaternion"], path) * spacing
        affine[:3, 3] = fields["position"]
        return affine
    spacing[0] *= -1.0
    sizes = np.array((*sizes_of(fields), 1, 1, 1)[:3])
    affine[:3, :3] = np.diag(spacing)
    affine[:3, 3] = -spacing * (sizes - 1) / 2.0
    return affine


def warnings_of(fields: Fields) -> tuple[str, ...]:
    """Return what a person ought to know about the header, a sentence each."""
    warnings = []
    if fields["qform_code"] <= 0 and fields["sform_code"] <= 0:
        warnings.append("Neither qform nor sform is set: which side is left is a guess.")
    unit = int(fields["units"]) & _SPATIAL_UNIT
    if unit in _UNITS_NOT_MM:
        warnings.append(f"The header counts in {_UNITS_NOT_MM[unit]}: they are taken as millimetres.")
    return tuple(warnings)


def mask_header(shape: tuple[int, ...], affine: Affine) -> bytes:
    """Return a NIfTI-1 header for uint8 voxels, and the four bytes that say that no extension follows.

    The grid stands in the sform and, where it has no shear, in the qform too.

    Args:
        shape: (I, J, K).
        affine: voxel index to RAS+ millimetres, (4, 4).
    """
    header = np.zeros((), _LAYOUTS[348].newbyteorder("<"))
    spacing = np.array(spacing_of(affine))
    axes = affine[:3, :3] / spacing
    flip = -1.0 if np.linalg.det(axes) < 0 else 1.0
    header["length"], header["magic"], header["vox_offset"] = 348, _MAGIC[348], 348 + _EXTENDER
    header["datatype"], header["bitpix"], header["units"] = 2, 8, _MILLIMETRES
    header["slope"] = 1.0
    header["dim"] = [3, *shape, 1, 1, 1, 1]
    header["pixdim"] = [flip, *spacing, 0.0, 0.0, 0.0, 0.0]
    header["sform_code"], header["srow"] = 1, affine[:3]
    if np.allclose(axes.T @ axes, np.eye(3), atol=1e-5):
        header["qform_code"], header["position"] = 1, affine[:3, 3]
        header["quaternion"] = _quaternion(axes * [1.0, 1.0, flip])
    return header.tobytes() + bytes(_EXTENDER)


def _layout(block: bytes, path: Path) -> np.dtype[np.void]:
    """Return where the fields are and in which byte order, by the first of them."""
    little, big = int.from_bytes(block[:4], "little"), int.from_bytes(block[:4], "big")
    if little in _LAYOUTS:
        return _LAYOUTS[little].newbyteorder("<")
    if big in _LAYOUTS:
        return _LAYOUTS[big].newbyteorder(">")
    message = f"{path} is no NIfTI file: expected a header of 348 or 540 bytes, it starts with {block[:8]!r}"
    raise UnreadableError(message)


def _rotation(quaternion: Array, path: Path) -> Array:
    """Return the rotation matrix of a unit quaternion that lacks its real part, (3, 3).

    A real part too small for the header's precision to tell from zero is zero, as nibabel has it.
    """
    b, c, d = quaternion.astype(np.float64)
    real_squared = 1.0 - (b * b + c * c + d * d)
    if abs(real_squared) < 3.0 * np.finfo(quaternion.dtype).eps:
        real_squared = 0.0
    if not real_squared >= 0.0:
        message = f"{path}: expected a rotation in the qform, got quaternion {quaternion.tolist()}"
        raise GeometryError(message)
    a = np.sqrt(real_squared)
    turned = np.array([[0.0, -d, c], [d, 0.0, -b], [-c, b, 0.0]])
    # Where rounding left the quaternion longer than one, the rotation is that of the one scaled to length one.
    return np.asarray(np.eye(3) + 2.0 / (a * a + b * b + c * c + d * d) * (a * turned + turned @ turned))


def _quaternion(rotation: Array) -> Array:
    """Return the imaginary part of the quaternion of a rotation matrix, real part not negative, (3,).

    It is the eigenvector that belongs to the largest eigenvalue of a symmetric matrix made of the
    entries, which stays accurate for every angle and for matrices that are rotations only nearly
    (I. Y. Bar-Itzhack, J. Guidance 23(6), 2000).
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation
    symmetric = np.array(
        [
            [xx + yy + zz, zy - yz, xz - zx, yx - xy],
            [zy - yz, xx - yy - zz, xy + yx, xz + zx],
            [xz - zx, xy + yx, yy - xx - zz, yz + zy],
            [yx - xy, xz + zx, yz + zy, zz - xx - yy],
        ]
    )
    quaternion = np.linalg.eigh(symmetric)[1][:, -1]
    return np.asarray(quaternion[1:] * (-1.0 if quaternion[0] < 0 else 1.0))
