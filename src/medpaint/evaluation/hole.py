"""A hole in a clean scan, with the truth."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from medpaint.blend import alpha_in_mask, blended
from medpaint.core.errors import InputError
from medpaint.core.volume import Volume
from medpaint.corrupt import LesionShape, kinds
from medpaint.datasets.clean import Clean
from medpaint.engines.choice import Chosen, choose, scaled_for
from medpaint.engines.filling import fill
from medpaint.engines.showing import void_of
from medpaint.evaluation.kinds import HoleKind
from medpaint.evaluation.scores import Reference
from medpaint.parameters import FillParameters

__all__ = ["EvaluationHole", "hole_in"]


@dataclass(frozen=True, eq=False)
class EvaluationHole:
    """A hole in a clean scan.

    Attributes:
        truth: the clean scan.
        damaged: the scan with the hole in it.
        reference: the hole, and the truth that fills are compared with.
    """

    truth: Volume
    damaged: Volume
    reference: Reference

    def chosen(self, parameters: FillParameters) -> Chosen:
        """Return the engine for this hole, chosen as in restoration.

        Raises:
            UsageError: an unknown engine, or one whose package is not installed.
        """
        mask = self.reference.mask
        scaled, void = scaled_for(parameters.engine, self.damaged, mask).volume, void_of(self.damaged, mask)
        return choose(parameters, mask, scaled.spacing_mm, void=void, volume=scaled)

    def suited(self, parameters: FillParameters) -> Chosen:
        """Return the engine that suits this hole by its mask alone, at no cost.

        Raises:
            UsageError: an unknown engine, or one whose package is not installed.
        """
        mask = self.reference.mask
        spacing_mm = scaled_for(parameters.engine, self.damaged, mask).volume.spacing_mm
        return choose(parameters, mask, spacing_mm, void=void_of(self.damaged, mask))

    def restored(self, chosen: Chosen, seed: int) -> Volume:
        """Return the scan with the hole filled and blended in, as restoration does it."""
        mask = self.reference.mask
        scaled = scaled_for(chosen.name, self.damaged, mask).volume
        filled = fill(scaled, mask, chosen.engine, seed=seed)
        alpha = alpha_in_mask(mask, self.damaged.spacing_mm, 0.0)
        return replace(self.damaged, data=blended(self.damaged, mask, filled.values[0], alpha))


def hole_in(
    clean: Clean, kind: HoleKind, number: int, *, seed: int, shapes: Sequence[LesionShape] = ()
) -> EvaluationHole:
    """Make a hole. It depends only on the arguments and the content of the scan.

    Args:
        clean: the scan.
        kind: kind and range of sizes.
        number: which of the holes of this kind in the scan, from 0.
        seed: decides its size, place and shape.
        shapes: lesions for the kind ``lesion``.

    Raises:
        InputError: no such hole fits into the scan.
    """
    drawn = _seed(seed, clean.sha256, kind, number)
    damage = kinds(shapes)[kind.name]
    damaged = damage(clean.volume, damage.drawn_size(kind.limits, drawn), drawn, tissue=clean.tissue)
    scored = damaged.mask & clean.tissue
    inside, outside = np.count_nonzero(scored), np.count_nonzero(clean.tissue & ~damaged.mask)
    if not 0 < inside <= outside:
        message = f"expected a hole in less than half of the tissue, got {inside} of {inside + outside} voxels"
        raise InputError(message)
    reference = Reference.of(clean.truth, damaged.mask, scored, clean.volume.spacing_mm)
    if reference.is_flat:
        message = "expected different intensities around the hole, got a single one"
        raise InputError(message)
    return EvaluationHole(clean.volume, damaged.volume, reference)


def _seed(seed: int, sha256: str, kind: HoleKind, number: int) -> int:
    """Return the seed of one hole."""
    text = f"{seed}|{sha256}|{kind.name}|{kind.bin}|{number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
