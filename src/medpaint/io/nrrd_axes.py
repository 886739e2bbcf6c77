"""What a NRRD header says of its axes, where ITK would refuse the file without a reason.

Source: https://teem.sourceforge.net/nrrd/format.html, "kinds", "space directions" and "space units".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf, isfinite, isnan
from pathlib import Path
from typing import Final

from medpaint.core.errors import GeometryError, UnreadableError, UnsupportedError
from medpaint.core.text import known_words
from medpaint.io.header_words import NRRD_WORDS

__all__ = ["refuse_axes"]

_OF_VOXELS: Final = frozenset({"domain", "space", "time", "none", "???", "scalar", "stub", "list"})
"""Kinds of axes that number voxels, volumes, or nothing."""

_OF_SPACE: Final = frozenset({"domain", "space", "???", "none"})
"""Kinds of axes that may be those of space."""

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
        UnreadableError: spacings, directions, units and axes that do not fit each other, or no byte order.
        GeometryError: an axis of space whose voxels have no length.
        ValueError: a spacing that is not a number.
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
    _refuse_lengths(fields, directions, path)
    in_space = [one for one in directions if one != "none"]
    if directions and len(in_space) < min(3, axes):
        message = f"{path}: expected a direction in space for each axis of a volume, got {len(in_space)} of {axes}"
        raise UnsupportedError(message)


def _refuse_lengths(fields: Mapping[str, str], directions: list[str], path: Path) -> None:
    """Refuse axes of space whose voxels have no length, or an unknown one.

    The format allows negative spacings and, where the spacing is unknown, NaN; programs disagree on what the first
    mean, and ITK takes the second for 1 mm. A series may have any spacing along its axes that number volumes.

    Raises:
        GeometryError: such an axis.
    """
    zero = next((one for one in directions if one != "none" and not any(_numbers(one))), None)
    if zero is not None:
        message = f"{path}: expected space directions of some length, got {zero}"
        raise GeometryError(message)
    spacings = [float(one) for one in fields.get("spacings", "").split()]
    if directions or not spacings:
        return
    kinds = fields.get("kinds", "").lower().split() or ["space"] * len(spacings)
    sizes = [int(size) for size in fields["sizes"].split()]
    of_space = [
        (spacing, size) for spacing, size, kind in zip(spacings, sizes, kinds, strict=True) if kind in _OF_SPACE
    ][:3]
    if any(not 0.0 < spacing < inf and not (isnan(spacing) and size == 1) for spacing, size in of_space):
        stated = known_words(fields["spacings"], {"nan", "-nan", "inf", "-inf"})
        message = f"{path}: expected positive spacings, got {stated}: correct them, or give space directions"
        raise GeometryError(message)


def _numbers(direction: str) -> list[float]:
    """Return the numbers of a direction."""
    return [float(part) for part in direction[1:-1].split(",")]


def _fault(fields: Mapping[str, str], axes: int, directions: list[str]) -> str:
    """Return what contradicts the rest of the header; empty if nothing does."""
    counts = {name: len(fields[name].split()) for name in ("spacings", "kinds") if name in fields}
    if directions:
        counts["space directions"] = len(directions)
    for name, count in counts.items():
        if count != axes:
            return f"{axes} axes, but {count} {name}"
    return _fault_of_directions(fields, directions) or _fault_of_units(fields, directions)


def _fault_of_directions(fields: Mapping[str, str], directions: list[str]) -> str:
    """Return what is wrong with the directions and the origin; empty if nothing is."""
    if not all(_is_finite(one) for one in directions):
        return "space directions that are not finite numbers"
    if not _is_finite(fields.get("spaceorigin", "none").strip()):
        return "a space origin that is not of finite numbers"
    spacings = map(float, fields.get("spacings", "").split())
    if any(one != "none" and not isnan(spacing) for one, spacing in zip(directions, spacings, strict=False)):
        return "spacings beside space directions"
    return ""


def _fault_of_units(fields: Mapping[str, str], directions: list[str]) -> str:
    """Return what is wrong with the units and the byte order; empty if nothing is."""
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
        return direction == "none" or all(map(isfinite, _numbers(direction)))
    except ValueError:
        return False
