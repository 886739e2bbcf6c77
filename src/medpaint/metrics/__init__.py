"""Scores of a restoration against the truth, inside the mask."""

from medpaint.metrics.errors import mae, psnr, rmse

__all__ = ["mae", "psnr", "rmse"]
