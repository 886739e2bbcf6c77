from __future__ import annotations

import numpy as np
import pytest
from morphometry_tissue import (
    CSF,
    GREY,
    WHITE,
    Change,
    Tissues,
    change,
    level_of,
    noise_of,
    relabelled,
    segmented,
)

from medpaint.core.types import Array, Mask

SHAPE = (12, 12, 12)


def tissues_of(labels: Array) -> Tissues:
    """Return certain tissues."""
    shares = np.stack([labels == label for label in (CSF, GREY, WHITE)], axis=-1)
    return Tissues(labels.astype(np.uint8), shares.astype(np.float32))


def white_brain() -> Array:
    return np.full(SHAPE, WHITE, np.uint8)


def everywhere() -> Mask:
    return np.ones(SHAPE, bool)


def test_volume_moved_to_another_class_counts_once() -> None:
    after = white_brain()
    after[:2] = GREY
    found = change(tissues_of(white_brain()), tissues_of(after), everywhere(), voxel_ml=0.001)
    assert [found.csf, found.grey, found.white] == pytest.approx([0.0, 0.288, -0.288])
    assert found.off == pytest.approx(0.288)


def test_changes_outside_a_mask_do_not_count() -> None:
    after, where = white_brain(), everywhere()
    after[:2], where[:2] = GREY, False
    assert change(tissues_of(white_brain()), tissues_of(after), where, voxel_ml=0.001).off == 0.0


def test_compensating_labels_are_seen_by_voxels_alone() -> None:
    before, after = white_brain(), white_brain()
    before[:2], after[2:4] = GREY, GREY
    assert change(tissues_of(before), tissues_of(after), everywhere(), voxel_ml=0.001).off == 0.0
    assert relabelled(tissues_of(before), tissues_of(after), everywhere()) == pytest.approx(4 / 12)


def test_what_is_left_is_the_difference() -> None:
    assert Change(3.0, -2.0, -1.0) - Change(1.0, -1.0, 0.0) == Change(2.0, -1.0, -1.0)


def test_noise_and_level_are_those_of_the_class() -> None:
    labels = white_brain()
    labels[:4] = CSF
    image = np.where(labels == WHITE, 200.0, 50.0) + np.random.default_rng(0).normal(0.0, 2.0, SHAPE)
    assert noise_of(image, tissues_of(labels)) == pytest.approx(2.0, rel=0.15)
    assert level_of(image, tissues_of(labels), CSF) == pytest.approx(50.0, abs=0.5)


def test_grey_and_white_matter_are_found_by_their_brightness() -> None:
    pytest.importorskip("dipy", reason="dipy is not installed: pip install --group benchmarks")
    labels = np.zeros((20, 18, 16), np.uint8)
    for label, part in ((CSF, slice(2, 7)), (GREY, slice(7, 12)), (WHITE, slice(12, 18))):
        labels[part, 2:-2, 2:-2] = label
    image = labels * 60.0 + np.random.default_rng(0).normal(0.0, 3.0, labels.shape)
    found = segmented(image, labels > 0, brightest=190.0)
    assert np.array_equal(found.labels >= GREY, labels >= GREY)
    assert np.array_equal(found.labels[labels >= GREY], labels[labels >= GREY])
    assert found.ml(labels == WHITE, voxel_ml=0.001) == pytest.approx([0.0, 0.0, 1.008], rel=1e-3, abs=1e-3)
    assert not found.shares[labels == 0].any()


def test_an_empty_brain_is_refused() -> None:
    pytest.importorskip("dipy", reason="dipy is not installed: pip install --group benchmarks")
    with pytest.raises(ValueError, match="empty"):
        segmented(np.ones(SHAPE), np.zeros(SHAPE, bool), brightest=1.0)
