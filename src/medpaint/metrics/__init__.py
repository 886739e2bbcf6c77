"""Scores of a restoration against the truth, inside the mask."""

from medpaint.metrics.brats import BratsScores, brats_limits, brats_scores
from medpaint.metrics.errors import mae, psnr, rmse
from medpaint.metrics.seam import seam_score
from medpaint.metrics.ssim import ssim3d

__all__ = ["BratsScores", "brats_limits", "brats_scores", "mae", "psnr", "rmse", "seam_score", "ssim3d"]
