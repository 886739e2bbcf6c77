"""The header of a NIfTI file as nibabel understands it, and the header of a mask.

nibabel repairs small faults of a header as it reads it (an unknown sform code, a negative voxel size), so this
package and nibabel agree on the grid.
"""

from __future__ import annotations

import logging
import struct
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from medpaint.core.errors import UnreadableError, UnsupportedError
from medpaint.core.geometry import spacing_of
from medpaint.core.types import Affine
from medpaint.io.header import Header, shape_of, without_trailing_ones
from medpaint.io.nifti_forms import forms_of, refuse_sizes
from medpaint.io.nifti_intent import LABELS, refused_intent
from medpaint.io.packing import Packing

__all__ = [
    "LONGEST_HEADER",
    "MASK_NOTE",
    "mask_header",
    "mask_header_like",
    "note_in",
    "parse_nifti",
    "refuse_overlap",
    "unit_warnings",
    "without_texts",
]

_nifti1: Any = import_module("nibabel.nifti1")
_KINDS: Final = (_nifti1.Nifti1Header, import_module("nibabel.nifti2").Nifti2Header)
_NibabelHeader: TypeAlias = Any
"""nibabel does not say what types its methods take."""

LONGEST_HEADER: Final = 552
"""Length of the longer header, of the flag for extensions, and of the first one's size and code."""

MASK_NOTE: Final = b"medpaint: mask of a restored scan, saved as *"
"""Start of the field ``descrip`` of the mask of a product; the ending of the restored scan follows."""

_FLAG: Final = 4
"""Bytes after a header, the first of which says whether extensions follow; the first voxel is behind them."""

_EXTENSION_STEP: Final = 16

_MOST_AXES: Final = 7
_UNITS_NOT_MM: Final = {1: "metres", 3: "micrometres"}
_SPATIAL_UNIT: Final = 7

_GRID: Final = (
    *("pixdim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d"),
    *("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z"),
)
"""Fields for the position of an image."""

_TEXTS: Final = (
    *("descrip", "aux_file", "intent_name", "unused_str"),
    *("data_type", "db_name", "extents", "session_error", "regular", "glmax", "glmin"),
)
"""Fields with free text, and fields that mean nothing in NIfTI and could hold some."""

_LOG: Final = logging.getLogger(__name__)
_LOG.addHandler(logging.NullHandler())
"""Receives what nibabel logs about its repairs, and drops it."""


def parse_nifti(block: bytes, path: Path, packing: Packing) -> Header:
    """Return the header that `block` starts with.

    Args:
        block: the start of the file, unpacked.
        path: the file.
        packing: how it is packed.

    Raises:
        UnreadableError: not a NIfTI header, truncated, or contradictory.
        UnsupportedError: the header of a pair of files.
        GeometryError: the qform is not a rotation, or voxel sizes that it needs are not positive.
    """
    fields = _fields(block, path)
    stated_mm = [float(size) for size in fields["pixdim"][1:4]]  # before nibabel makes positive numbers of them
    try:
        fields.check_fix(_LOG)
        slope, intercept = fields.get_slope_inter()
        offset = fields.get_data_offset()
    except (_nifti1.HeaderDataError, ValueError, OverflowError) as error:
        message = f"{path} is damaged: its header cannot be understood ({error})"
        raise UnreadableError(message) from error
    dtype = fields.get_data_dtype()
    _refuse_early(fields, offset, path)
    sizes = without_trailing_ones(tuple(map(int, fields.get_data_shape())))
    if int(fields["sform_code"]) <= 0:
        refuse_sizes(stated_mm, shape_of(sizes), path)
    forms = forms_of(fields, shape_of(sizes), path)
    return Header(
        path=path,
        kind="nifti",
        sizes=sizes,
        type_name=_nifti1.data_type_codes.label[int(fields["datatype"])],
        dtype=dtype if dtype.kind in "iuf" and dtype.itemsize <= 8 else None,
        affine=forms.affine,
        packing=packing,
        packed=path.stat().st_size,
        offset=offset,
        slope=1.0 if slope is None else slope,
        intercept=0.0 if slope is None else intercept,
        facts=forms.facts,
        warnings=forms.warnings + unit_warnings(fields),
        is_mask=int(fields["intent_code"]) == LABELS or fields["descrip"].item().startswith(MASK_NOTE),
        refusal=refused_intent(int(fields["intent_code"])),
        positions=forms.positions,
    )


def mask_header(shape: tuple[int, ...], affine: Affine, *, note: bytes = b"") -> bytes:
    """Return a NIfTI-1 header for uint8 voxels, and the four bytes that mean that no extension follows.

    The grid is in the sform and, unless it is sheared, in the qform too.

    Args:
        shape: (I, J, K).
        affine: voxel index to RAS+ millimetres, (4, 4).
        note: text for the field ``descrip``, at most 79 bytes.
    """
    axes = affine[:3, :3] / spacing_of(affine)
    header = _blank(_nifti1.Nifti1Header, shape, note)
    header.set_xyzt_units("mm")
    header.set_sform(affine, code=1)
    header.set_qform(affine, code=int(np.allclose(axes.T @ axes, np.eye(3), atol=1e-5)))
    return _bytes_of(header)


def mask_header_like(block: bytes, shape: tuple[int, ...], *, note: bytes = b"") -> bytes:
    """Return a header for uint8 voxels of the version and with the grid of another, as `mask_header` does.

    Every field of the grid is copied as it is, so that each program, by its own rules, finds the mask where it
    finds the scan.

    Args:
        block: the start of the scan's file, unpacked, which `parse_nifti` accepted.
        shape: (I, J, K), or (I, J) where the scan has two axes.
        note: text for the field ``descrip``, at most 79 bytes.
    """
    fields = _fields(block, Path())
    header = _blank(type(fields), shape, note)
    for name in _GRID:
        header[name] = fields[name]
    return _bytes_of(header)


def refuse_overlap(block: bytes, header: Header, rest: int) -> None:
    """Refuse a file whose voxels would start inside the first extension of its header.

    The flag for extensions alone does not count: some writers leave it set after they have dropped the extension.
    The extension is there if the file is longer than its voxels by what would be overlapped.

    Args:
        block: the start of the file, unpacked.
        header: the same, parsed.
        rest: bytes after the last voxel, unpacked.

    Raises:
        UnreadableError: such a file.
    """
    fields = _fields(block, header.path)
    start = fields.sizeof_hdr + _FLAG
    if len(block) < start + 4 or not block[fields.sizeof_hdr]:
        return
    size = int.from_bytes(block[start : start + 4], "little" if fields.endianness == "<" else "big")
    overlap = start + size - header.offset
    if size and size % _EXTENSION_STEP == 0 and 0 < overlap <= rest:
        message = (
            f"{header.path}: its header says that the voxels start at byte {header.offset}, inside an extension "
            f"of the header that ends at byte {start + size}: correct vox_offset"
        )
        raise UnreadableError(message)


def without_texts(block: bytes, path: Path, size: int) -> bytes:
    """Return what precedes the voxels of a file, without texts, extensions and fields that mean nothing in NIfTI.

    Args:
        block: the start of the file, unpacked, which `parse_nifti` accepted.
        path: the file.
        size: bytes before the first voxel.
    """
    fields = _fields(block, path)
    for name in set(_TEXTS).intersection(fields.keys()):
        fields[name] = np.zeros_like(fields[name])
    return bytes(fields.binaryblock).ljust(size, b"\0")


def note_in(block: bytes, path: Path) -> bytes:
    """Return the text in the field ``descrip`` of a header.

    Args:
        block: the start of the file, unpacked.
        path: the file.

    Raises:
        UnreadableError: not a NIfTI header.
        UnsupportedError: the header of a pair of files.
    """
    return bytes(_fields(block, path)["descrip"].item())


def _refuse_early(fields: _NibabelHeader, offset: int, path: Path) -> None:
    """Refuse voxels that start inside the header.

    Raises:
        UnreadableError: such a header.
    """
    first = fields.sizeof_hdr + _FLAG
    if offset < first:
        message = (
            f"{path}: its header says that the voxels start at byte {offset}, inside the header, which has "
            f"{first} bytes: correct vox_offset (to {first}, if the voxels follow the header at once)"
        )
        raise UnreadableError(message)


def _blank(kind: _NibabelHeader, shape: tuple[int, ...], note: bytes) -> _NibabelHeader:
    """Return a header for uint8 voxels, without a grid."""
    header = kind(endianness="<")
    header.set_data_shape(shape)
    header.set_data_dtype(np.uint8)
    header.set_slope_inter(1.0, 0.0)
    header["descrip"] = note
    return header


def _bytes_of(header: _NibabelHeader) -> bytes:
    """Return the bytes of a header and the four that follow it."""
    block = BytesIO()
    header.write_to(block)
    return block.getvalue()


def _fields(block: bytes, path: Path) -> _NibabelHeader:
    """Return nibabel's header, of the version and byte order found in the first four bytes."""
    found = [
        (kind, order)
        for kind in _KINDS
        for order in "<>"
        if block[:4] == struct.pack(f"{order}i", kind.sizeof_hdr)
    ]
    if not found:
        message = f"{path} is not a NIfTI file: expected a header of 348 or 540 bytes, it states another length"
        raise UnreadableError(message)
    kind, order = found[0]
    if len(block) < kind.sizeof_hdr:
        message = f"{path} is truncated: expected a header of {kind.sizeof_hdr} bytes, got {len(block)}"
        raise UnreadableError(message)
    fields = kind(block[: kind.sizeof_hdr], endianness=order, check=False)
    magic, axes = fields["magic"].item(), int(fields["dim"][0])
    if magic == kind.pair_magic:
        message = (
            f"{path}: expected a single NIfTI file, got the header of a .hdr/.img pair: convert it to .nii.gz"
        )
        raise UnsupportedError(message)
    if magic != kind.single_magic or not 0 <= axes <= _MOST_AXES:
        wrong = f"it states {axes} axes" if magic == kind.single_magic else "it has another magic"
        message = f"{path} is not a NIfTI file, or is damaged: {wrong}"
        raise UnreadableError(message)
    return fields


def unit_warnings(fields: _NibabelHeader) -> tuple[str, ...]:
    """Return what users should know about the unit of a header, a sentence each."""
    unit = int(fields["xyzt_units"]) & _SPATIAL_UNIT
    return (f"The header states {_UNITS_NOT_MM[unit]}: treated as millimetres.",) if unit in _UNITS_NOT_MM else ()
