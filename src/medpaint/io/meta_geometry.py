"""What a MetaImage header says of the place and the values of its voxels, where ITK goes by less without a word.

Source: https://itk.org/Wiki/MetaIO/Documentation, "Spatial Objects" and "Image".
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isfinite
from pathlib import Path
from typing import Final

from medpaint.core.errors import GeometryError, UnreadableError
from medpaint.core.text import known_words

__all__ = ["refuse_geometry", "scaling_warnings"]

_POWERS: Final = {
    "TransformMatrix": 2,
    "Rotation": 2,
    "Orientation": 2,
    "Offset": 1,
    "Position": 1,
    "Origin": 1,
    "CenterOfRotation": 1,
    "ElementSpacing": 1,
    "ElementSize": 1,
}
"""Field to the power p, where it has (number of axes) ** p values."""

_SYNONYMS: Final = (("TransformMatrix", "Rotation", "Orientation"), ("Offset", "Position", "Origin"))
"""Fields that mean the same; ITK goes by one of them."""

_SPACINGS: Final = ("ElementSpacing", "ElementSize")
"""The distance between voxels and their size; ITK takes the second where the first is absent."""

_SPECIAL: Final = frozenset({"nan", "-nan", "inf", "-inf"})


def refuse_geometry(fields: Mapping[str, str], axes: int, path: Path) -> None:
    """Refuse a header that does not state one place for its voxels.

    Args:
        fields: of the header.
        axes: number of axes.
        path: the file.

    Raises:
        UnreadableError: too few or too many values for the axes, or fields that contradict each other.
        GeometryError: distances that are not positive, or anything that is not finite.
        ValueError: a value that is not a number.
    """
    values = {name: [float(one) for one in fields[name].split()] for name in _POWERS if name in fields}
    if fault := _fault(fields, values, axes):
        message = f"{path} is damaged: its header cannot be understood ({fault})"
        raise UnreadableError(message)
    spacing = next((name for name in _SPACINGS if name in fields), None)
    if spacing and not all(0.0 < one < inf for one in values[spacing]):
        message = f"{path}: expected a positive {spacing}, got {known_words(fields[spacing], _SPECIAL)}"
        raise GeometryError(message)
    for name in values.keys() - set(_SPACINGS):
        if not all(map(isfinite, values[name])):
            message = f"{path}: expected finite numbers in {name}, got {known_words(fields[name], _SPECIAL)}"
            raise GeometryError(message)


def _fault(fields: Mapping[str, str], values: Mapping[str, list[float]], axes: int) -> str:
    """Return what contradicts the rest of the header; empty if nothing does."""
    for name, numbers in values.items():
        if len(numbers) != axes ** _POWERS[name]:
            return f"{axes} axes, but {name} {known_words(fields[name])}"
    for names in _SYNONYMS:
        stated = [name for name in names if name in values]
        if any(values[name] != values[stated[0]] for name in stated[1:]):
            return f"{' and '.join(stated)} differ"
    return ""


def scaling_warnings(fields: Mapping[str, str], path: Path) -> tuple[str, ...]:
    """Return the warning about a MetaImage header that scales its values, which no reader based on ITK does.

    Raises:
        UnreadableError: by a value that is not a number.
    """
    stated = [fields.get(f"ElementToIntensityFunction{name}") for name in ("Slope", "Offset")]
    try:
        slope, offset = (float(one or default) for one, default in zip(stated, ("1", "0"), strict=True))
    except ValueError as error:
        message = f"{path} is damaged: its header cannot be understood (a value that is not a number)"
        raise UnreadableError(message) from error
    if slope == 1.0 and offset == 0.0:
        return ()
    return (f"The header scales its values (slope {slope:g}, offset {offset:g}): as in ITK, this is not applied.",)
