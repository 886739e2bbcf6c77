"""The scores of one fill against the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medpaint.core.types import FloatArray, Mask, Spacing
from medpaint.metrics import brats_limits, brats_scores, mae, rmse, seam_score, ssim3d
from medpaint.metrics.brats import PERCENTILES

__all__ = ["Reference", "Scores"]


@dataclass(frozen=True)
class Scores:
    """How close one fill is to the truth, in the tissue inside the mask.

    Attributes:
        psnr: peak signal-to-noise ratio in decibels by the BraTS protocol; higher is better.
        ssim: structural similarity in planes by the BraTS protocol; 1 is best.
        ssim3d: structural similarity in space; 1 is best.
        mae: mean absolute error in the units of the scan.
        rmse: root mean square error in the units of the scan.
        seam: step across the mask's border relative to the steps next to it; 1 is best.
    """

    psnr: float
    ssim: float
    ssim3d: float
    mae: float
    rmse: float
    seam: float


@dataclass(frozen=True, eq=False)
class Reference:
    """A hole in a scan, and the truth that its fills are compared with.

    Attributes:
        truth: intensities of the clean scan above `floor`, finite, (I, J, K).
        mask: the hole, (I, J, K).
        scored: voxels of the mask where scores are taken, (I, J, K); not empty.
        spacing_mm: voxel size along I, J, K.
        floor: intensity of an empty background: 0, or less for scans such as CT.
        limits: intensities above `floor` that the BraTS protocol scales to 0 and 1.
    """

    truth: FloatArray
    mask: Mask
    scored: Mask
    spacing_mm: Spacing
    floor: float
    limits: tuple[float, float]

    @classmethod
    def of(cls, truth: FloatArray, mask: Mask, scored: Mask, spacing_mm: Spacing) -> Reference:
        """Return the reference for a hole; `truth` is in the scan's units and need not be finite everywhere."""
        finite = truth[np.isfinite(truth)]
        floor = min(0.0, float(np.percentile(finite, PERCENTILES[0]))) if finite.size else 0.0
        above = np.nan_to_num(truth - truth.dtype.type(floor), nan=0.0, posinf=0.0, neginf=0.0)
        return cls(above, mask, scored, spacing_mm, floor, brats_limits(np.where(mask, 0.0, above)))

    @property
    def is_flat(self) -> bool:
        """Whether there is only background outside the hole, and therefore no range to score in."""
        return not self.limits[1] > self.limits[0]

    def scores(self, restored: FloatArray) -> Scores:
        """Score a fill.

        Args:
            restored: intensities of the restored scan in its own units, (I, J, K).
        """
        image = np.nan_to_num(restored - restored.dtype.type(self.floor), nan=0.0, posinf=0.0, neginf=0.0)
        brats = brats_scores(self.truth, image, self.scored, self.limits)
        low, high = self.limits
        return Scores(
            psnr=brats.psnr,
            ssim=brats.ssim,
            ssim3d=ssim3d(self.truth, image, self.scored, data_range=high - low),
            mae=mae(self.truth, image, self.scored),
            rmse=rmse(self.truth, image, self.scored),
            seam=seam_score(restored, self.mask, self.spacing_mm),
        )
