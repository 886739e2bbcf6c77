"""The tissue of a clean scan, where damage is placed and scores are taken."""

from __future__ import annotations

import numpy as np

from medpaint.core.body import body
from medpaint.core.foreground import foreground_of
from medpaint.core.types import Mask
from medpaint.core.volume import Volume

__all__ = ["tissue_of"]


def tissue_of(volume: Volume) -> Mask:
    """Return the finite voxels of the body in a scan, (I, J, K).

    It is found by a threshold on the intensities; the gaps that a threshold leaves are closed.

    Args:
        volume: the scan, (I, J, K).
    """
    finite = np.isfinite(volume.intensities())
    threshold = foreground_of(volume, np.zeros(volume.shape, dtype=bool)).threshold
    return body(finite & (volume.data > threshold), volume.spacing_mm) & finite
