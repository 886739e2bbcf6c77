"""What engines are put to: a hole in a clean scan, with the truth beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from medpaint.blend import alpha_in_mask, blended
from medpaint.core.errors import InputError
from medpaint.core.volume import Volume
from medpaint.corrupt import LesionShape, damage, kinds
from medpaint.datasets.clean import Clean
from medpaint.engines.base import Engine
from medpaint.engines.filling import fill
from medpaint.evaluation.kinds import HoleKind
from medpaint.evaluation.scores import Yardstick

__all__ = ["Trial", "trial_in"]


@dataclass(frozen=True, eq=False)
class Trial:
    """A hole in a clean scan.

    Attributes:
        truth: the clean scan.
        damaged: the scan with the hole in it.
        yardstick: the hole, and what fills are held against.
    """

    truth: Volume
    damaged: Volume
    yardstick: Yardstick

    def restored(self, engine: Engine, seed: int) -> Volume:
        """Return the scan with the hole filled, by the way of the pipeline."""
        mask = self.yardstick.mask
        values, _ = fill(self.damaged, mask, engine, seed=seed)
        alpha = alpha_in_mask(mask, self.damaged.spacing_mm, 0.0)
        return replace(self.damaged, data=blended(self.damaged, mask, values, alpha))


def trial_in(clean: Clean, kind: HoleKind, hole: int, *, seed: int, shapes: Sequence[LesionShape] = ()) -> Trial:
    """Make a hole. It depends on the arguments and the content of the scan, and on nothing else.

    Args:
        clean: the scan.
        kind: kind and range of sizes.
        hole: its number among those of the kind in the scan.
        seed: for its size, place and shape.
        shapes: lesions for the kind ``lesion``.

    Raises:
        InputError: no such hole fits into the scan.
    """
    drawn = _seed(seed, clean.sha256, kind, hole)
    maker = kinds(shapes)[kind.name]
    size = maker.drawn_size(kind.limits, drawn)
    mask = maker.make(clean.tissue, clean.volume.spacing_mm, size, drawn)
    scored = mask & clean.tissue
    known = clean.tissue & ~mask
    inside, outside = np.count_nonzero(scored), np.count_nonzero(known)
    if not 0 < inside <= outside:
        message = f"expected a hole in less than half of the tissue, got {inside} of {inside + outside} voxels"
        raise InputError(message)
    yardstick = Yardstick.of(clean.truth, mask, scored, clean.volume.spacing_mm)
    if yardstick.is_flat:
        message = "expected different intensities around the hole, got one"
        raise InputError(message)
    data = clean.volume.data
    damaged = replace(clean.volume, data=damage(data, mask, float(data[known].min())))
    return Trial(clean.volume, damaged, yardstick)


def _seed(seed: int, sha256: str, kind: HoleKind, hole: int) -> int:
    """Return the seed of one hole."""
    text = f"{seed}|{sha256}|{kind.name}|{kind.bin}|{hole}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
