"""The contract of detectors, for every row of the table."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import Array
from medpaint.core.volume import Volume
from medpaint.detectors.base import Detection
from medpaint.detectors.table import DETECTORS, load_detector
from medpaint.phantoms import head

SHAPE = (24, 28, 20)
NOTHING = np.zeros(SHAPE, bool)


def clean() -> Array:
    return head(SHAPE, (8.0, 8.0, 8.0))


def damaged() -> Array:
    """Return a head with damage of every kind that a detector finds."""
    data = clean()
    data[:, :, 9] = 0.0
    data[11:14, 12:15, 12] = np.nan
    return data


def facts(detection: Detection) -> list[tuple[object, ...]]:
    findings = [
        (found.kind, found.mask.tobytes(), found.why, found.axis, found.slices, found.score)
        for found in detection.findings
    ]
    return [*findings, (detection.mask.tobytes(), detection.warnings)]


@pytest.mark.parametrize("name", DETECTORS)
def test_detector_keeps_the_contract(name: str) -> None:
    detector = load_detector(name)
    data, found = damaged(), NOTHING.copy()
    detection = detector(Volume.of(data), found)

    assert detection.findings
    for finding in detection.findings:
        assert finding.mask.dtype == bool
        assert finding.mask.shape == SHAPE
        assert finding.mask.any()
        assert 0.0 <= finding.score <= 1.0
        assert finding.why
        assert ". " not in finding.why
        assert "\n" not in finding.why
    assert detection.mask.dtype == bool
    np.testing.assert_array_equal(detection.mask, np.any([one.mask for one in detection.findings], axis=0))

    np.testing.assert_array_equal(data, damaged())
    np.testing.assert_array_equal(found, NOTHING)
    assert facts(detector(Volume.of(damaged()), NOTHING)) == facts(detection)


@pytest.mark.parametrize("name", DETECTORS)
def test_findings_do_not_repeat_what_is_known(name: str) -> None:
    scan, detector = Volume.of(damaged()), load_detector(name)
    everything = detector(scan, NOTHING).mask
    part = everything.copy()
    part[:12] = False
    rest = detector(scan, part)
    assert not any((finding.mask & part).any() for finding in rest.findings)
    np.testing.assert_array_equal(rest.mask, everything & ~part)
    assert detector(scan, everything).findings == ()


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("dtype", ["f4", "i2"])
def test_nothing_is_found_in_a_clean_scan(name: str, dtype: str) -> None:
    detection = load_detector(name)(Volume.of((1000 * clean()).astype(dtype)), NOTHING)
    assert facts(detection) == [(NOTHING.tobytes(), ())]
