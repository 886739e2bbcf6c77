"""Units of length in NRRD and MetaImage headers, which ITK neither reads nor writes."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from medpaint.core.errors import UnsupportedError
from medpaint.core.text import known_words
from medpaint.core.types import Affine
from medpaint.io.itk_text import HeaderText, header_end
from medpaint.io.stored import read_errors

__all__ = ["Units", "keep_line", "units_of"]

_QUOTED: Final = re.compile(r'"([^"]*)"')
_UNKNOWN: Final = frozenset({"", "?", "???", "none", "unknown"})
_MILLIMETRES: Final = {
    **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1000.0),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1e-6),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns"), 1e-3),
    **dict.fromkeys(("micrometer", "micrometers", "micrometre", "micrometres"), 1e-3),
}
"""Unit to its length in millimetres."""


@dataclass(frozen=True, eq=False)
class Units:
    """What a header says about the unit of its lengths.

    Attributes:
        line: of the header, without its end; empty where there is none.
        factors: length of the unit along the three axes of space, in millimetres.
        name: the unit or units; empty where lengths are in millimetres.
    """

    line: str = ""
    factors: tuple[float, float, float] = (1.0, 1.0, 1.0)
    name: str = ""

    def in_millimetres(self, affine: Affine) -> Affine:
        """Return the affine of a header in RAS+ millimetres, (4, 4)."""
        return np.asarray(np.diag([*self.factors, 1.0]) @ affine) if self.name else affine

    def positions(self, affine: Affine) -> Mapping[str, Affine]:
        """Return the places of the voxels by the unit, and by programs that know no units."""
        if not self.name:
            return {}
        return {f"lengths in {self.name}": self.in_millimetres(affine), "lengths taken as mm": affine}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what users should know."""
        if not self.name:
            return ()
        return (
            f"The header states lengths in {self.name}: converted to mm. Programs that use ITK take them as mm.",
        )


def units_of(text: HeaderText) -> Units:
    """Return the unit of lengths in a header.

    Raises:
        UnsupportedError: no unit of length, or units of single axes without directions in space.
    """
    if text.kind == "nrrd":
        return _of_nrrd(text)
    stated = text.fields.get("DistanceUnits", "")
    return _units(text, f"DistanceUnits = {stated}", [stated] * 3) if stated else Units()


def keep_line(path: Path, kind: str, line: str) -> None:
    """Put a line back into the header of a file that ITK has written without it.

    Args:
        path: the file with the header.
        kind: ``nrrd`` or ``metaimage``.
        line: without its end; nothing is done for an empty one.
    """
    if not line:
        return
    whole = path.with_name(f"{path.name}.units")
    with read_errors(path), path.open("rb") as source, whole.open("wb") as target:
        target.write(source.read(header_end(path, kind)))
        target.write(f"{line}\n".encode("latin-1"))
        shutil.copyfileobj(source, target, 1 << 20)
    whole.replace(path)


def _of_nrrd(text: HeaderText) -> Units:
    """Return the unit of a NRRD header: of its space or, where it has no directions in space, of its axes."""
    stated = text.fields.get("spaceunits", "")
    if stated:
        names = _QUOTED.findall(stated)[:3]
        return _units(text, "space units: " + " ".join(f'"{name}"' for name in names), names)
    of_axes = _QUOTED.findall(text.fields.get("units", ""))[:3]
    if "spacedirections" not in text.fields and _units(text, "", of_axes).name:
        message = f"{text.path}: expected spacings in mm, got units {', '.join(of_axes)}: convert the header to mm"
        raise UnsupportedError(message)
    return Units()


def _units(text: HeaderText, line: str, names: list[str]) -> Units:
    """Return units with these names, one for each axis of space; an axis without a name is in millimetres."""
    known = ["mm" if name.strip().lower() in _UNKNOWN else _decoded(name.strip()) for name in names]
    factors = [_MILLIMETRES.get(name.lower()) for name in known]
    if None in factors:
        got = known_words(known[factors.index(None)], _MILLIMETRES)
        message = f"{text.path}: expected a unit of length such as mm or um, got {got}: convert the header to mm"
        raise UnsupportedError(message)
    i, j, k = (*(factor or 1.0 for factor in factors), 1.0, 1.0, 1.0)[:3]
    name = "" if {i, j, k} == {1.0} else ", ".join(dict.fromkeys(known))
    return Units(line, (i, j, k), name)


def _decoded(name: str) -> str:
    """Return a unit that may have been written as UTF-8 and was read as Latin-1."""
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return name
