"""Metal in CT, and its streaks."""

from __future__ import annotations

from typing import Final

import numpy as np

from medpaint.core.slices import slices_mask
from medpaint.core.types import Mask
from medpaint.detectors.base import Detection, Finding, Limits, Sensitivity
from medpaint.detectors.examined import Examined
from medpaint.detectors.regions import large_parts
from medpaint.detectors.stack import FULL_BLOCK, Stack

__all__ = ["metal"]

HU: Final = Limits(3000.0, 2800.0, 2500.0)
"""Hounsfield units of metal. Compact bone and enamel stay below the last; many scanners stop at 3071."""

LEAST_ML: Final = 0.1
"""Smaller connected parts are not metal: where the field of view cuts the body off, bone is as bright."""

STREAKS: Final = Limits(2.0, 1.5, 1.3)
"""Noise of the slices with metal, as a multiple of that of the others."""


def metal(scan: Examined, found: Mask, sensitivity: Sensitivity) -> Detection:
    """Find metal in CT, and say whether the slices with it are streaked.

    Streaks reach far beyond the metal and are no region that filling could repair: they are reported only.

    Args:
        scan: the scan, (I, J, K).
        found: True = known to be damaged, (I, J, K).
        sensitivity: how readily metal is reported.
    """
    shape = scan.volume.shape
    if not scan.is_ct:
        return Detection.of([], shape)
    values = scan.volume.intensities()
    limit = HU.at(sensitivity)
    mask = large_parts((values >= limit) & ~found, LEAST_ML / scan.volume.voxel_ml)
    if not mask.any():
        return Detection.of([], shape)
    highest = float(values[mask].max())
    why = f"voxels have up to {highest:.0f} HU, and at least {limit:.0f}"
    findings = [Finding("metal", mask, why, score=HU.score(highest))]
    if scan.stacks:
        streaks = _streaks(scan.stacks[-1], mask, STREAKS.at(sensitivity), found)
        findings += [streaks] if streaks is not None else []
    return Detection.of(findings, shape)


def _streaks(stack: Stack, mask: Mask, limit: float, found: Mask) -> Finding | None:
    """Return the streaked slices among those with metal; None if they are no noisier than the others."""
    others = tuple(other for other in range(3) if other != stack.axis)
    metallic = np.asarray(mask.any(axis=others))[stack.indices]
    full = stack.covered >= FULL_BLOCK
    clean = full & ~metallic[:, None, None]
    if not clean.any():
        return None
    typical = float(np.median(stack.noise[clean]))
    noise = np.array(
        [np.median(level[own]) if own.any() else 0.0 for level, own in zip(stack.noise, full, strict=True)]
    )
    streaked = np.flatnonzero(metallic & (noise >= limit * typical))
    if not streaked.size:
        return None
    slices = stack.indices[streaked]
    i, j, k = mask.shape
    beside = slices_mask((i, j, k), stack.axis, slices)
    ratio = float(noise[streaked].max()) / typical
    return Finding(
        "streaks",
        beside & ~mask & ~found,
        f"the slices with metal are up to {ratio:.1f} times as noisy as the others",
        "IJK"[stack.axis],
        tuple(int(index) for index in slices),
        STREAKS.score(ratio),
        tuple(STREAKS.score(float(one) / typical) for one in noise[streaked]),
        repairable=False,
    )
