"""A first fill corrected by a network, crop by crop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import numpy as np

from medpaint.core.types import FloatArray, Mask, Window
from medpaint.engines.base import Fill
from medpaint.engines.images import Image, Overlaid, values_at
from medpaint.engines.learned.correction import correction
from medpaint.engines.learned.crops import axis_of, body_of, crops_of
from medpaint.engines.learned.networks.names import NetworkInfo
from medpaint.engines.learned.start import Start
from medpaint.engines.learned.usage import Runnable

__all__ = ["Correcting"]


@final
@dataclass(frozen=True)
class Correcting:
    """Corrects first fills by a network.

    Attributes:
        name: what the fill is reported as.
        network: its axes and slices.
        load: returns the network; called only if it has something to fill.
        sharper: name of what the first fill was made by where it is not smooth; empty if it is smooth everywhere.
        flips: average the outputs for the crop and for its mirror images.
        seen_mm: margin of known tissue around the holes that the network sees; None: as for medpaint's own.
    """

    name: str
    network: NetworkInfo
    load: Callable[[], Runnable]
    sharper: str
    flips: bool = False
    seen_mm: float | None = None

    def fill(self, start: Start) -> Fill:
        """Return the corrected fill; each voxel is reported as filled by what changed it last."""
        hole = start.mask
        filled, changed, loaded = self._corrected(start)
        filled_by = np.select((changed[hole], start.sharper[hole]), [0, 1], 2).astype(np.uint8)
        stages: dict[str, FloatArray] = {"biharmonic": values_at(start.smooth, hole)}
        if self.sharper:
            stages[self.sharper] = values_at(start.filled, hole)
        fillers = (self.name, self.sharper or "exemplar", "biharmonic")
        fill = Fill(values_at(filled, hole)[np.newaxis], fillers, filled_by, stages=stages)
        if loaded is None or not (filled_by == 0).any():
            return fill
        return replace(fill, device=loaded.device, weights_sha256=loaded.sha256)

    def _corrected(self, start: Start) -> tuple[Image, Mask, Runnable | None]:
        """Return the scan with the corrected fill, and where the network changed it, both (I, J, K)."""
        changed = np.zeros(start.mask.shape, dtype=bool)
        fitting = [one for one in crops_of(self.network, start, self.seen_mm) if self._fits(start, one)]
        if not fitting:
            return start.filled, changed, None
        loaded = self.load()
        pieces = []
        for crop in fitting:
            window = body_of(self.network, start, crop)
            hole, filled = start.mask[window], start.filled[window].copy()
            known = filled[start.known[window]]
            added = correction(loaded, start, window, flips=self.flips)
            after = filled + start.spread * added
            filled[hole] = np.clip(after, known.min(), known.max())[hole]
            pieces.append((window, filled))
            changed[window] = added != 0.0
        return Overlaid(start.filled, pieces), changed, loaded

    def _fits(self, start: Start, crop: Window) -> bool:
        """Return whether the network is for the first fill of a crop."""
        hole = start.mask[crop]
        if start.spread == 0.0:
            return False
        if self.network.for_lost_slices:
            return axis_of(self.network, start, crop) is not None
        return self.sharper != "exemplar" or not np.array_equal(start.filled[crop][hole], start.smooth[crop][hole])
