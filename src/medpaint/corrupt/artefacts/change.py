"""What an artefact does to a scan, and how that becomes a damaged scan with its true mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from pydantic import JsonValue

from medpaint.core.errors import InputError
from medpaint.core.types import FloatArray, Mask
from medpaint.corrupt.artefacts.scene import Scene
from medpaint.corrupt.base import Damaged

__all__ = ["Change", "Maker", "applied"]


@dataclass(frozen=True, eq=False)
class Change:
    """What an artefact does, in intensities.

    Attributes:
        values: intensities with the artefact, (I, J, K).
        region: where they may differ from the clean ones, (I, J, K): slices, lines, a block.
        facts: what was drawn, such as the slices.
        axis: the axis whose slices the region consists of; None where it does not consist of slices.
        whole: the mask is the region, less the slices without a change; False: it is the changed voxels.
        truth: mask that differs from both, for damage that reaches beyond its mask, (I, J, K).
        blanks: changes also what artefacts leave alone, such as blanked background and non-finite voxels.
    """

    values: FloatArray
    region: Mask
    facts: Mapping[str, JsonValue]
    axis: int | None = None
    whole: bool = False
    truth: Mask | None = None
    blanks: bool = False


class Maker(Protocol):
    """Makes one kind of artefact."""

    def __call__(self, scene: Scene, severity: float, rng: np.random.Generator) -> Change:
        """Return the change.

        All random numbers are drawn before the severity is looked at, so that the same seed gives the same
        artefact at any severity.

        Args:
            scene: the clean scan.
            severity: from 0, barely visible, to 1, gross.
            rng: source of random numbers.

        Raises:
            InputError: the scan has no room for such an artefact.
        """
        ...


def applied(scene: Scene, change: Change) -> Damaged:
    """Return the scan with a change to it, in stored values.

    Intensities are rounded to the nearest value that can be stored, and clipped to the range of the type. A voxel
    counts as changed if its stored value differs. Voxels outside the region, and those whose intensity stays the
    same, keep their bits.

    Args:
        scene: the clean scan, (I, J, K).
        change: what to do to it.

    Raises:
        InputError: after rounding nothing has changed.
    """
    volume = scene.volume
    touched = change.region & (change.values != scene.values)
    if not change.blanks:
        touched &= scene.usable
    stored = volume.data.copy()
    stored[touched] = volume.encoding.at(touched, volume.shape).encode(change.values[touched])
    changed = (stored != volume.data) & ~(np.isnan(stored) & np.isnan(volume.data))
    if not changed.any():
        message = (
            "expected damage that changes stored values, but after rounding nothing is left of it: "
            "give a higher severity or another seed"
        )
        raise InputError(message)
    mask = _mask(change, changed) if change.truth is None else change.truth
    facts: dict[str, JsonValue] = dict(change.facts)
    if change.axis is not None:
        others = tuple(other for other in range(3) if other != change.axis)
        slices: list[JsonValue] = list(np.flatnonzero(mask.any(axis=others)).tolist())
        facts |= {"axis": "IJK"[change.axis], "slices": slices}
    facts |= {
        "ml": float(np.count_nonzero(mask)) * volume.voxel_ml,
        "changed_voxels": int(np.count_nonzero(changed)),
        "changed_outside_mask": int(np.count_nonzero(changed & ~mask)),
    }
    return Damaged(replace(volume, data=stored), mask, facts)


def _mask(change: Change, changed: Mask) -> Mask:
    """Return the true mask: the changed voxels, or the region less the slices that have none."""
    if not change.whole:
        return changed
    if change.axis is None:
        return change.region
    others = tuple(other for other in range(3) if other != change.axis)
    return change.region & np.asarray(changed.any(axis=others, keepdims=True))
