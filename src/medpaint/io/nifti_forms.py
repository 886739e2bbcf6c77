"""Where a NIfTI header puts its voxels: by its sform, by its qform, or by neither.

The two forms may contradict each other, and programs differ in the one that they go by. nibabel and this package
take the sform where it is set, ITK often the qform. Without a form each program makes its own guess.
Source: https://nifti.nimh.nih.gov/nifti-1, "methods" 1 to 3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from medpaint.core.errors import GeometryError
from medpaint.core.geometry import LPS_TO_RAS, checked_affine, contradictory, corner_distance_mm
from medpaint.core.types import Affine

__all__ = ["FormsFound", "forms_of", "refuse_sizes"]

_NibabelHeader: TypeAlias = Any
"""nibabel does not say what types its methods take."""

_NO_FORM: Final = "Neither qform nor sform is set: left and right are a guess."


@dataclass(frozen=True, eq=False)
class FormsFound:
    """Where a header puts its voxels.

    Attributes:
        affine: voxel index to RAS+ millimetres, (4, 4); not yet checked.
        positions: the same by each of its statements, the one that the scan is read by first.
        facts: codes of the forms, and by how much they differ.
        warnings: what users should know, a sentence each.
    """

    affine: Affine
    positions: Mapping[str, Affine]
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def forms_of(fields: _NibabelHeader, shape: tuple[int, int, int], path: Path | str) -> FormsFound:
    """Return where a header puts its voxels.

    The sform counts if it is set and spans a volume, else the qform, else a guess from the voxel sizes.

    Args:
        fields: of the header.
        shape: voxels along I, J, K.
        path: the file, or what messages call an image in memory.

    Raises:
        GeometryError: the qform is the only form that is set, and is not a rotation.
    """
    codes = {name: int(fields[name]) for name in ("qform_code", "sform_code")}
    stated = _stated(fields)
    positions = {name: affine for name, affine in stated.items() if affine is not None and _spans(affine)}
    if not stated:
        return FormsFound(_guess(fields), _guesses(fields), codes, (_NO_FORM,))
    if not positions:
        return FormsFound(_unusable(fields, path), {}, codes)
    used, *others = positions
    affine = positions[used]
    if contradictory(positions, shape):
        millimetres = f"{corner_distance_mm(affine, positions[others[0]], shape):.3g} mm"
        facts = codes | {"forms": f"differ by {millimetres}"}
        return FormsFound(affine, positions, facts, (_conflict(used, others[0], millimetres),))
    return FormsFound(
        affine, positions, codes, tuple(_broken(name, used) for name in stated if name not in positions)
    )


def refuse_sizes(sizes: Sequence[float], shape: tuple[int, int, int], path: Path | str) -> None:
    """Refuse voxel sizes that are zero, negative or not finite, along axes of more than one voxel.

    Raises:
        GeometryError: one of them is.
    """
    if any(count > 1 and not 0.0 < size < np.inf for size, count in zip(sizes, shape, strict=True)):
        message = f"{path}: expected positive voxel sizes in the header's pixdim, got {list(sizes)}"
        raise GeometryError(message)


def _conflict(used: str, other: str, millimetres: str) -> str:
    """Return the warning about two forms that contradict each other."""
    return (
        f"The {used} and the {other} differ by up to {millimetres}: the image is read by the {used}, "
        f"and programs that go by the {other} show it elsewhere."
    )


def _broken(name: str, used: str) -> str:
    """Return the warning about a form that is of no use."""
    return f"The {name} is set but spans no volume: the {used} is used. Programs that go by the {name} may fail."


def _stated(fields: _NibabelHeader) -> dict[str, Affine | None]:
    """Return the forms that are set by their names, the sform first; None for a qform that is not a rotation."""
    stated: dict[str, Affine | None] = {}
    for form, get in (("sform", fields.get_sform), ("qform", fields.get_qform)):
        code = int(fields[f"{form}_code"])
        if code > 0:
            try:
                stated[f"{form} (code {code})"] = np.asarray(get(), np.float64)
            except ValueError:
                stated[f"{form} (code {code})"] = None
    return stated


def _spans(affine: Affine) -> bool:
    """Return whether an affine can be used."""
    try:
        checked_affine(affine)
    except GeometryError:
        return False
    return True


def _unusable(fields: _NibabelHeader, path: Path | str) -> Affine:
    """Return the affine of a header none of whose forms can be used, for the message about it.

    Raises:
        GeometryError: there is none.
    """
    try:
        return np.asarray(fields.get_best_affine(), np.float64)
    except ValueError as error:
        quaternion = [float(fields[f"quatern_{name}"]) for name in "bcd"]
        message = f"{path}: expected a rotation in the qform, got quaternion {quaternion}"
        raise GeometryError(message) from error


def _guess(fields: _NibabelHeader) -> Affine:
    """Return what nibabel makes of a header without forms: the first axis to the left, centred."""
    return np.asarray(fields.get_best_affine(), np.float64)


def _guesses(fields: _NibabelHeader) -> dict[str, Affine]:
    """Return what programs make of a header without forms."""
    sizes = np.diag([*np.abs(fields["pixdim"][1:4].astype(np.float64)), 1.0])
    return {
        "voxel sizes, as nibabel reads them": _guess(fields),
        "voxel sizes, as the standard reads them": sizes,
        "voxel sizes, as ITK reads them": np.asarray(LPS_TO_RAS @ sizes),
    }
