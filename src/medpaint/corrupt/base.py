"""The contract of damage: what it is made from, and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from pydantic import JsonValue

from medpaint.core.types import Array, Mask
from medpaint.core.volume import Volume

__all__ = ["Damage", "Damaged", "voided"]


@dataclass(frozen=True, eq=False)
class Damaged:
    """A damaged scan, and what is known about the damage.

    Attributes:
        volume: the damaged scan, on the grid and of the dtype of the clean one.
        mask: True = damaged, (I, J, K); every voxel outside it is bit for bit the clean scan's, except for damage
            whose table says that it reaches beyond its mask.
        facts: what was done, such as the size and the seed.
    """

    volume: Volume
    mask: Mask
    facts: Mapping[str, JsonValue]


class Damage(Protocol):
    """Damages a clean scan, so that mask and truth are known.

    A hole is the case in which only the mask matters: the values inside it carry no information.
    """

    def __call__(self, volume: Volume, severity: float, seed: int) -> Damaged:
        """Return the damaged scan.

        The same arguments give the same damage.

        Args:
            volume: the clean scan, (I, J, K); not changed.
            severity: how severe the damage is: for a hole its size, in the unit of its kind; for an artefact from
                0, barely visible, to 1, gross.
            seed: decides all that is drawn at random, such as the place.

        Raises:
            InputError: the scan has no room for such damage.
        """
        ...


def voided(data: Array, mask: Mask, value: float) -> Array:
    """Return a copy of `data`, (I, J, K), of the same dtype, with `value` in place of the masked voxels."""
    emptied: Array = np.where(mask, np.asarray(value).astype(data.dtype), data)
    return emptied
