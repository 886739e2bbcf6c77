"""All detectors, one after the other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final, get_args

import numpy as np

from medpaint.core.crash import described, is_out_of_memory
from medpaint.core.errors import UsageError
from medpaint.core.foreground import foreground_of
from medpaint.core.text import distinct_digits, short_repr
from medpaint.core.types import Mask
from medpaint.core.volume import Volume
from medpaint.detectors.base import Detection, Finding, Sensitivity
from medpaint.detectors.examined import Examined
from medpaint.detectors.regions import cleaned
from medpaint.detectors.table import DETECTORS, load_detector

__all__ = ["FILLED", "detect"]

FILLED: Final = tuple(name for name, info in DETECTORS.items() if info.fills)
"""Detectors whose findings are filled by default."""


def detect(
    scan: Volume,
    *,
    sensitivity: Sensitivity = "normal",
    repair: Collection[str] = FILLED,
    max_fraction: float = 0.5,
) -> Detection:
    """Find damage of every kind in the table of detectors.

    The detectors run in the order of the table. Each is given what those before it found, and adds to it. If one
    fails, a warning says so and the others go on.

    Args:
        scan: the scan, (I, J, K).
        sensitivity: how readily damage is reported: ``low``, ``normal`` or ``high``.
        repair: detectors whose findings belong to the mask; what others find is reported only.
        max_fraction: a mask that covers more than this share of the foreground is reported and not filled.

    Returns:
        What was found, and the mask of what is to be filled.

    Raises:
        UsageError: not a `Volume`, an unknown sensitivity, or an unknown detector.
    """
    _refuse(scan, sensitivity, repair)
    examined = Examined(scan)
    known, filled = np.zeros(scan.shape, np.bool_), np.zeros(scan.shape, np.bool_)
    findings: list[Finding] = []
    warnings: list[str] = []
    for name in DETECTORS:
        detection = _run(name, examined, known, sensitivity)
        for finding in detection.findings:
            known |= finding.mask
            fills = finding.repairable and name in repair
            if fills:
                filled |= finding.mask
            findings.append(replace(finding, detector=name, filled=fills))
        warnings += detection.warnings
    return _bounded(Detection(filled, tuple(findings), tuple(warnings)), scan, max_fraction)


def _refuse(scan: object, sensitivity: str, repair: Collection[str]) -> None:
    """Refuse what is not a scan, and words that nothing is called."""
    if not isinstance(scan, Volume):
        message = f"scan: expected a Volume, got {type(scan).__name__}; medpaint.Volume.of(array) makes one"
        raise UsageError(message)
    if sensitivity not in get_args(Sensitivity):
        words = ", ".join(get_args(Sensitivity))
        message = f"sensitivity: expected one of {words}, got {short_repr(sensitivity)}"
        raise UsageError(message)
    for name in repair:
        if name not in DETECTORS:
            message = f"repair: expected detectors among {', '.join(DETECTORS)}, got {short_repr(name)}"
            raise UsageError(message)


def _run(name: str, scan: Examined, known: Mask, sensitivity: Sensitivity) -> Detection:
    """Return what one detector finds, without parts that are too small; a warning if it fails."""
    try:
        detection = load_detector(name)(scan, known, sensitivity)
        return cleaned(detection, DETECTORS[name].least_ml, scan.volume.voxel_ml)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        warning = f"the detector {name} failed, so its kind of damage was not looked for: {described(error)}"
        return Detection.of([], scan.volume.shape, [warning])


def _bounded(detection: Detection, scan: Volume, max_fraction: float) -> Detection:
    """Return a detection whose mask is empty if it would cover more than a share of the foreground."""
    if not detection.mask.any():
        return detection
    share = foreground_of(scan, detection.mask).masked_share
    if share <= max_fraction:
        return detection
    percent = distinct_digits(100.0 * share, 100.0 * max_fraction)
    refused = (
        f"the damage covers {percent}% of the foreground, more than {100.0 * max_fraction:g}%: nothing is filled"
    )
    findings = tuple(replace(finding, filled=False) for finding in detection.findings)
    empty = np.zeros(scan.shape, np.bool_)
    return Detection(empty, findings, (*detection.warnings, refused), refused=refused)
