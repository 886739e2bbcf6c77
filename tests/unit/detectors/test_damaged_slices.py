"""What is special about each detector of damaged slices, lines, regions and metal."""

from __future__ import annotations

import numpy as np
import pytest

from medpaint.core.types import Array
from medpaint.core.volume import Volume
from medpaint.detectors import detect as module
from medpaint.detectors.base import Detection, Detector, Finding, Limits, Sensitivity
from medpaint.detectors.detect import FILLED, detect
from medpaint.detectors.examined import Examined
from medpaint.detectors.neighbours import predicted
from medpaint.detectors.stripe import alternation
from medpaint.detectors.table import DETECTORS, load_detector
from medpaint.parameters import MaskParameters
from medpaint.phantoms import head as head_phantom

SHAPE = (48, 56, 30)
AFFINE = np.diag([4.0, 4.0, 5.3, 1.0])


@pytest.fixture
def head() -> Array:
    noise = np.random.default_rng(0).normal(0.0, 4.0, (2, *SHAPE))
    scaled = 1000.0 * head_phantom(SHAPE, (4.0, 4.0, 5.3))
    scan: Array = np.hypot(scaled + noise[0], noise[1]).astype(np.float32)
    return scan


def found_in(data: Array, name: str, sensitivity: Sensitivity = "normal") -> Detection:
    scan = Examined(Volume.of(data, AFFINE))
    return load_detector(name)(scan, np.zeros(data.shape, bool), sensitivity)


def slices_in(data: Array, name: str, sensitivity: Sensitivity = "normal") -> tuple[int, ...]:
    return tuple(index for finding in found_in(data, name, sensitivity).findings for index in finding.slices)


def test_every_slice_of_a_dark_run_is_found(head: Array) -> None:
    head[:, :, 13:16] *= 0.7
    assert slices_in(head, "dropout") == (13, 14, 15)


def test_every_third_dark_slice_is_found(head: Array) -> None:
    head[:, :, [10, 13, 16]] *= 0.7
    assert slices_in(head, "dropout") == (10, 13, 16)


def test_slightly_dark_slice_is_found_at_high_sensitivity_only(head: Array) -> None:
    head[:, :, 16] *= 0.93
    assert slices_in(head, "dropout", "normal") == ()
    assert slices_in(head, "dropout", "high") == (16,)


def test_dropout_does_not_depend_on_unit_or_offset(head: Array) -> None:
    head[:, :, 14] *= 0.7
    assert slices_in(head * 1e-6, "dropout") == slices_in(head * 50.0 - 1000.0, "dropout") == (14,)


@pytest.mark.parametrize("gain", [0.02, 0.7, 1.15, 1.3])
def test_changed_slices_of_a_stripe_pattern_are_found_and_not_their_neighbours(head: Array, gain: float) -> None:
    head[:, :, 9:20:2] *= gain
    assert slices_in(head, "stripe") == (9, 11, 13, 15, 17, 19)


def test_one_dark_slice_is_no_stripe_pattern() -> None:
    steps = np.array([0.02, -0.02, 0.15, -0.3, 0.15, -0.02, 0.02])
    assert alternation(steps).max() < 0.05
    assert alternation(np.array([0.1, -0.1, 0.1, -0.1, 0.1, 0.0])).tolist() == [0.1] * 5 + [0.0]


def test_lines_of_a_zipper_are_found(head: Array) -> None:
    head[20, :, 8:20] += np.random.default_rng(1).normal(0.0, 600.0, (SHAPE[1], 12))
    (finding,) = found_in(head, "zipper").findings
    assert set(np.flatnonzero(finding.mask.any(axis=(1, 2)))) == {20}
    assert np.flatnonzero(finding.mask.any(axis=(0, 1))).tolist() == list(range(8, 20))


def test_edges_of_lost_slices_are_no_zipper() -> None:
    generator = np.random.default_rng(1)
    data = generator.normal(generator.uniform(700.0, 1300.0, (*SHAPE[:2], 1)), 4.0, SHAPE).astype(np.float32)
    lost = np.zeros(SHAPE, bool)
    lost[:, :, 14:16] = True
    data[lost] = 0.0
    assert load_detector("zipper")(Examined(Volume.of(data, AFFINE)), lost, "normal").findings == ()


def test_finding_says_where_it_is() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[3:6, :, 9] = True
    assert Finding("a kind", mask, "why").where == "I 3-5, J 0-55, K 9"
    assert Finding("a kind", mask, "why", "K", (3, 4, 5, 9)).where == "K 3-5, 9"


def test_zipper_through_a_lost_slice_is_found(head: Array) -> None:
    head[20, :, 8:20] += np.random.default_rng(1).normal(0.0, 600.0, (SHAPE[1], 12))
    head[:, :, 14] = 0.0
    lost = np.zeros(SHAPE, bool)
    lost[:, :, 14] = True
    (finding,) = load_detector("zipper")(Examined(Volume.of(head, AFFINE)), lost, "normal").findings
    assert set(np.flatnonzero(finding.mask.any(axis=(1, 2)))) == {20}
    assert np.flatnonzero(finding.mask.any(axis=(0, 1))).tolist() == [*range(8, 14), *range(15, 20)]


def test_block_in_a_background_of_its_value_is_not_told_from_it(head: Array) -> None:
    head[:] = np.where(head < 50.0, 0.0, head)
    head[:10, 20:28, 12:16] = 0.0
    assert found_in(head, "block").findings == ()


def test_block_beside_a_few_voxels_of_its_value_is_found(head: Array) -> None:
    head[20:28, 25:33, 12:15] = 0.0
    head[23:26, 28:31, 15] = 0.0
    (finding,) = found_in(head, "block").findings
    assert finding.mask.sum() == 8 * 8 * 3
    assert finding.mask[20:28, 25:33, 12:15].all()


def test_padding_around_a_scan_is_no_block(head: Array) -> None:
    padded = np.pad(head, ((6, 0), (0, 9), (7, 7)))
    assert found_in(padded, "block").findings == ()


def test_highest_value_of_a_scaled_scan_is_not_clipped(head: Array) -> None:
    scaled = np.clip(255.0 * head / np.percentile(head[head > 50.0], 99.8), 0.0, 255.0).astype(np.uint8)
    assert found_in(scaled, "saturation").findings == ()


def test_streaks_beside_metal_are_reported_and_never_filled(head: Array) -> None:
    data = 1.6 * head - 1000.0
    data[20:24, 25:29, 12] = 3071.0
    data[:, :, 12] += np.where(
        data[:, :, 12] < 3000.0, np.random.default_rng(1).normal(0.0, 150.0, SHAPE[:2]), 0.0
    )
    metal, streaks = found_in(data, "metal").findings
    assert (metal.repairable, streaks.repairable) == (True, False)
    found = detect(Volume.of(data, AFFINE), repair=tuple(DETECTORS))
    (reported,) = [finding for finding in found.findings if finding.kind == "streaks"]
    assert not reported.filled
    assert not (found.mask & reported.mask).any()


def test_metal_is_looked_for_in_ct_only(head: Array) -> None:
    head[20:24, 25:29, 12] = 5000.0
    assert found_in(head, "metal").findings == ()


def test_only_the_named_detectors_fill(head: Array) -> None:
    head[:, :, 9] = 0.0
    head[:, :, 14] *= 0.5
    scan = Volume.of(head, AFFINE)
    by_default, both = detect(scan), detect(scan, repair=("missing", "dropout"))
    assert [(one.detector, one.filled) for one in by_default.findings] == [("missing", True), ("dropout", False)]
    assert np.flatnonzero(by_default.mask.any(axis=(0, 1))).tolist() == [9]
    assert np.flatnonzero(both.mask.any(axis=(0, 1))).tolist() == [9, 14]


def test_a_detector_that_fails_is_reported_and_does_not_stop_the_others(
    head: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(scan: Examined, found: Array, sensitivity: Sensitivity) -> Detection:
        del scan, found, sensitivity
        message = "no such slice"
        raise IndexError(message)

    def loaded(name: str) -> Detector:
        return failing if name == "stripe" else load_detector(name)

    monkeypatch.setattr(module, "load_detector", loaded)
    head[:, :, 14] *= 0.5
    found = detect(Volume.of(head, AFFINE))
    assert [finding.detector for finding in found.findings] == ["dropout"]
    (warning,) = found.warnings
    assert "stripe failed" in warning
    assert "no such slice" in warning


def test_findings_without_room_for_doubt_score_more() -> None:
    limits = Limits(4.0, 2.0, 1.0)
    assert limits.score(2.0) == 0.5
    assert limits.score(1.0) == limits.score(-1.0) == 0.0
    assert 0.5 < limits.score(4.0) < limits.score(40.0) < 1.0


def test_neighbours_predict_a_linear_change_and_ignore_one_damaged_pair() -> None:
    stack = np.arange(12.0, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    np.testing.assert_allclose(predicted(stack)[1:-1], stack[1:-1])
    assert np.isnan(predicted(stack)[[0, -1]]).all()
    stack[5] = 0.0
    np.testing.assert_allclose(predicted(stack)[6], 6.0)


def test_detection_repeats_itself_to_the_bit(head: Array) -> None:
    head[:, :, 14] *= 0.5
    first, second = (detect(Volume.of(head, AFFINE)) for _ in range(2))
    assert [finding.scores for finding in first.findings] == [finding.scores for finding in second.findings]


def test_parameters_know_the_rows_of_the_table() -> None:
    assert MaskParameters(repair=tuple(DETECTORS)).repair == tuple(DETECTORS)
    assert MaskParameters().repair == FILLED


def test_finding_is_a_value() -> None:
    finding = Finding("kind", np.zeros((1, 1, 1), bool), "why")
    assert finding.repairable
    assert not finding.filled
