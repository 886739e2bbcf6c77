"""What a NRRD header says of its axes, where ITK would refuse the file without a reason.

Source: https://teem.sourceforge.net/nrrd/format.html, "kinds", "space directions" and "space units".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Final

from medpaint.core.errors import UnreadableError, UnsupportedError
from medpaint.core.text import known_words
from medpaint.io.header_words import NRRD_WORDS

__all__ = ["refuse_axes"]

_OF_VOXELS: Final = frozenset({"domain", "space", "time", "none", "???", "scalar", "stub", "list"})
"""Kinds of axes that number voxels, volumes, or nothing."""

_OF_VALUES: Final = frozenset(
    {
        *("point", "vector", "covariant-vector", "normal", "complex", "quaternion"),
        *("2-vector", "3-vector", "4-vector", "3-gradient", "3-normal", "3-color", "4-color"),
        *("rgb-color", "rgba-color", "hsv-color", "xyz-color", "2d-matrix", "2d-masked-matrix", "3d-matrix"),
        *("2d-symmetric-matrix", "2d-masked-symmetric-matrix", "3d-symmetric-matrix", "3d-masked-matrix"),
        *("3d-masked-symmetric-matrix",),
    }
)
"""Kinds of axes that number the parts of a value with several components."""

_DIRECTION: Final = re.compile(r"\([^()]*\)|none")
_QUOTED: Final = re.compile(r'"[^"]*"')
_ONE_BYTE: Final = frozenset(
    {"char", "signed char", "unsigned char", "uchar", "int8", "int8_t", "uint8", "uint8_t"}
)


def refuse_axes(fields: Mapping[str, str], path: Path) -> None:
    """Refuse a header whose axes are not those of one volume or a series of volumes.

    Args:
        fields: of the header; names in lower case and without spaces.
        path: the file.

    Raises:
        UnsupportedError: values that are not single numbers, or an axis without a place in space.
        UnreadableError: directions, units and axes that do not fit each other, or no byte order.
    """
    axes = int(fields["dimension"])
    for kind in fields.get("kinds", "").split():
        if kind.lower() in _OF_VALUES:
            message = f"{path}: expected one real number per voxel, got an axis of kind {kind.lower()}"
            raise UnsupportedError(message)
    directions = _DIRECTION.findall(fields.get("spacedirections", ""))
    fault = _fault(fields, axes, directions)
    if fault:
        message = f"{path} is damaged: its header cannot be understood ({fault})"
        raise UnreadableError(message)
    in_space = [one for one in directions if one != "none"]
    if directions and len(in_space) < min(3, axes):
        message = f"{path}: expected a direction in space for each axis of a volume, got {len(in_space)} of {axes}"
        raise UnsupportedError(message)


def _fault(fields: Mapping[str, str], axes: int, directions: list[str]) -> str:
    """Return what contradicts the rest of the header; empty if nothing does."""
    if directions and len(directions) != axes:
        return f"{axes} axes, but {len(directions)} space directions"
    if not all(_is_finite(one) for one in directions):
        return "space directions that are not finite numbers"
    units = _QUOTED.findall(fields.get("spaceunits", ""))
    in_space = next((one.count(",") + 1 for one in directions if one != "none"), 0)
    if units and in_space and len(units) != in_space:
        return f"{in_space} axes of space, but {len(units)} space units"
    if "endian" not in fields and fields["type"].lower() not in _ONE_BYTE:
        return f"no endian, which values of type {known_words(fields['type'], NRRD_WORDS)} need"
    return ""


def _is_finite(direction: str) -> bool:
    """Return whether a direction consists of finite numbers, or is the word none."""
    try:
        return direction == "none" or all(isfinite(float(part)) for part in direction[1:-1].split(","))
    except ValueError:
        return False
