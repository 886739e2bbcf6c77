"""The contract of detectors, for every row of the table."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from medpaint.core.types import Array
from medpaint.core.volume import Volume
from medpaint.detectors.base import SENSITIVITIES, Detection
from medpaint.detectors.examined import Examined
from medpaint.detectors.table import DETECTORS, load_detector
from medpaint.phantoms import head

SHAPE = (48, 56, 30)
SPACING_MM = (4.0, 4.0, 5.3)
NOTHING = np.zeros(SHAPE, bool)
RNG = np.random.default_rng


def clean(seed: int = 0) -> Array:
    """Return a head with a little noise, of the contrast and scale of an MR."""
    noise = RNG(seed).normal(0.0, 4.0, (2, *SHAPE))
    scaled = 1000.0 * head(SHAPE, SPACING_MM)
    scan: Array = np.hypot(scaled + noise[0], noise[1]).astype(np.float32)
    return scan


def ct() -> Array:
    """Return a head in Hounsfield units."""
    return 1.6 * clean() - 1000.0


def with_missing() -> Array:
    data = clean()
    data[:, :, 9] = 0.0
    return data


def with_nan() -> Array:
    data = clean()
    data[20:24, 25:29, 12] = np.nan
    return data


def with_block() -> Array:
    data = clean()
    data[20:28, 25:33, 12:15] = 0.0
    return data


def with_stripes() -> Array:
    data = clean()
    data[:, :, 11:19:2] *= 0.8
    return data


def with_dropout() -> Array:
    data = clean()
    data[:, :, 14] *= 0.5
    return data


def with_spike() -> Array:
    data = clean()
    i, j = np.mgrid[: SHAPE[0], : SHAPE[1]]
    data[:, :, 14] += 200.0 * np.cos(2.0 * np.pi * (8 * i / SHAPE[0] + 11 * j / SHAPE[1]))
    return data


def with_zipper() -> Array:
    data = clean()
    data[:, 27, 10:18] += RNG(1).normal(0.0, 600.0, (SHAPE[0], 8))
    return data


def with_noise() -> Array:
    data = clean()
    data[:, :, 14] += RNG(1).normal(0.0, 150.0, SHAPE[:2])
    return data


def with_saturation() -> Array:
    return np.minimum(clean(), 500.0)


def with_metal() -> Array:
    data = ct()
    data[20:24, 25:29, 12] = 3071.0
    return data


DAMAGED = {
    "missing": with_missing,
    "nonfinite": with_nan,
    "block": with_block,
    "metal": with_metal,
    "stripe": with_stripes,
    "dropout": with_dropout,
    "spike": with_spike,
    "zipper": with_zipper,
    "noise": with_noise,
    "saturation": with_saturation,
}
"""A scan with the damage that each detector finds."""


def examined(data: Array) -> Examined:
    return Examined(Volume.of(data, np.diag([*SPACING_MM, 1.0])))


def facts(detection: Detection) -> list[tuple[object, ...]]:
    findings = [
        (one.kind, one.mask.tobytes(), one.why, one.axis, one.slices, one.score, one.scores, one.repairable)
        for one in detection.findings
    ]
    return [*findings, (detection.mask.tobytes(), detection.warnings)]


def test_every_detector_is_tested() -> None:
    assert list(DAMAGED) == list(DETECTORS)


@pytest.mark.parametrize("name", DETECTORS)
def test_detector_keeps_the_contract(name: str) -> None:
    detector = load_detector(name)
    data, found = DAMAGED[name](), NOTHING.copy()
    detection = detector(examined(data), found, "normal")

    assert detection.findings
    for finding in detection.findings:
        assert finding.mask.dtype == bool
        assert finding.mask.shape == SHAPE
        assert finding.mask.any()
        assert 0.0 <= finding.score <= 1.0
        assert not finding.scores or len(finding.scores) == len(finding.slices)
        assert bool(finding.axis) == bool(finding.slices)
        assert finding.why
        assert ". " not in finding.why
        assert "\n" not in finding.why
    assert detection.mask.dtype == bool
    repairable = [one.mask for one in detection.findings if one.repairable]
    np.testing.assert_array_equal(detection.mask, np.any([NOTHING, *repairable], axis=0))

    np.testing.assert_array_equal(data, DAMAGED[name]())
    np.testing.assert_array_equal(found, NOTHING)
    assert facts(detector(examined(data), NOTHING, "normal")) == facts(detection)


@pytest.mark.parametrize("name", DETECTORS)
def test_findings_do_not_repeat_what_is_known(name: str) -> None:
    scan, detector = examined(DAMAGED[name]()), load_detector(name)
    everything = detector(scan, NOTHING, "normal").mask
    part = everything.copy()
    part[:24] = False
    rest = detector(scan, part, "normal")
    assert not any((finding.mask & part).any() for finding in rest.findings)
    assert not (rest.mask & ~everything).any()
    assert detector(scan, np.ones(SHAPE, bool), "normal").findings == ()


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("dtype", ["f4", "i2"])
@pytest.mark.parametrize("make", [clean, ct])
def test_nothing_is_found_in_a_clean_scan(name: str, dtype: str, make: Callable[[], Array]) -> None:
    detection = load_detector(name)(examined(make().astype(dtype)), NOTHING, "high")
    assert facts(detection) == [(NOTHING.tobytes(), ())]


@pytest.mark.parametrize("name", DETECTORS)
def test_gross_damage_is_found_at_every_sensitivity(name: str) -> None:
    scan, detector = examined(DAMAGED[name]()), load_detector(name)
    assert all(detector(scan, NOTHING, sensitivity).findings for sensitivity in SENSITIVITIES)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 1, 4), (30, 40, 1), (3, 40, 30)])
@pytest.mark.parametrize("value", [0.0, np.nan, 7.0])
def test_a_scan_without_an_image_has_no_findings(name: str, shape: tuple[int, int, int], value: float) -> None:
    scan = Examined(Volume.of(np.full(shape, value, np.float32)))
    assert load_detector(name)(scan, np.zeros(shape, bool), "high").findings == ()


@pytest.mark.parametrize("name", DETECTORS)
def test_infinities_and_the_largest_numbers_stop_no_detector(name: str) -> None:
    data = clean().astype(np.float64)
    data[20:24, 25:29, 12] = np.inf
    data[20:24, 25:29, 20] = -np.inf
    data[2:6, 2:6, 2:6] = np.finfo(float).max
    data[2:6, 2:6, 6:9] = np.finfo(float).min
    load_detector(name)(examined(data), NOTHING, "high")
