"""A hole in a clean scan, with the truth."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from medpaint.blend import alpha_in_mask, blended
from medpaint.core.errors import InputError
from medpaint.core.volume import Volume
from medpaint.corrupt import LesionShape, kinds
from medpaint.datasets.clean import Clean
from medpaint.engines.choice import Chosen, choose, scaled_for
from medpaint.engines.division import joined
from medpaint.engines.parts import FilledPart, fill_parts, parts_of, values_of
from medpaint.engines.showing import void_of
from medpaint.evaluation.kinds import HoleKind
from medpaint.evaluation.scores import Reference
from medpaint.parameters import FillParameters

__all__ = ["EvaluationHole", "Restored", "hole_in"]


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

    def suited(self, parameters: FillParameters) -> tuple[Chosen, ...]:
        """Return the engines that suit this hole, or each part of it, by its mask alone.

        Raises:
            UsageError: an unknown engine, or one whose package is not installed.
        """
        mask = self.reference.mask
        scaled, void = scaled_for(parameters.engine, self.damaged, mask).volume, void_of(self.damaged, mask)
        return tuple(
            choose(parameters, part.mask, scaled.spacing_mm, void=joined(void, part.unmeasured))
            for part in parts_of(scaled, mask, parameters, void)
        )

    def restored(self, parameters: FillParameters) -> Restored:
        """Return the scan with the hole filled and blended in, as restoration does it.

        Raises:
            UsageError: an unknown engine, or one whose package is not installed.
            MedpaintError: an engine failed.
        """
        mask = self.reference.mask
        scaled, void = scaled_for(parameters.engine, self.damaged, mask).volume, void_of(self.damaged, mask)
        parts = fill_parts(scaled, mask, parameters, void=void)
        alpha = alpha_in_mask(mask, self.damaged.spacing_mm, 0.0)
        data = blended(self.damaged, mask, values_of(parts, mask), alpha)
        return Restored(replace(self.damaged, data=data), parts)


@dataclass(frozen=True, eq=False)
class Restored:
    """A scan with its hole filled.

    Attributes:
        volume: the restored scan.
        parts: what filled each part of the hole.
    """

    volume: Volume
    parts: tuple[FilledPart, ...]

    @property
    def expected_error(self) -> float:
        """Root mean square error in the hole by what the scan says of each part; NaN where it was not asked."""
        if any(one.chosen.validation is None for one in self.parts):
            return nan
        if len(self.parts) == 1 and (only := self.parts[0].chosen.validation):
            return only.expected_error
        errors = [one.chosen.validation.expected_error for one in self.parts if one.chosen.validation]
        return float(np.sqrt(np.average(np.square(errors), weights=[one.voxels for one in self.parts])))


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
