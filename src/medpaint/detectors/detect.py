"""All detectors, one after the other."""

from __future__ import annotations

import numpy as np

from medpaint.core.errors import UsageError
from medpaint.core.volume import Volume
from medpaint.detectors.base import Detection, Finding
from medpaint.detectors.table import DETECTORS, load_detector

__all__ = ["detect"]


def detect(scan: Volume) -> Detection:
    """Find damage of every kind in the table of detectors.

    The detectors run in the order of the table. Each is given what those before it found, and adds to it.

    Args:
        scan: the scan, (I, J, K).

    Raises:
        UsageError: not a `Volume`.
    """
    if not isinstance(scan, Volume):
        message = f"scan: expected a Volume, got {type(scan).__name__}; medpaint.Volume.of(array) makes one"
        raise UsageError(message)
    mask = np.zeros(scan.shape, np.bool_)
    findings: list[Finding] = []
    warnings: list[str] = []
    for name in DETECTORS:
        detection = load_detector(name)(scan, mask)
        mask = mask | detection.mask
        findings += detection.findings
        warnings += detection.warnings
    return Detection(mask, tuple(findings), tuple(warnings))
