"""Scans synthesised from label maps."""

from __future__ import annotations

import numpy as np
from training_parts import ONE_MM

from medpaint.core.types import FloatArray
from medpaint.training.synthesis import deformed, synthesised

SHAPE = (40, 36, 32)


def labels() -> FloatArray:
    """Return four thick slabs in the middle of an empty grid, with the labels 2, 5, 9 and 9000."""
    found = np.zeros(SHAPE, np.float32)
    for number, label in enumerate((2, 5, 9, 9000)):
        found[4 + 8 * number : 12 + 8 * number, 4:-4, 4:-4] = label
    return found


def cores(image: FloatArray) -> list[float]:
    """Return the mean intensity well inside each slab."""
    return [float(image[7 + 8 * number : 9 + 8 * number, 10:-10, 10:-10].mean()) for number in range(4)]


def test_the_seed_determines_everything() -> None:
    one, same, other = (synthesised(labels(), ONE_MM, {}, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_another_seed_gives_another_contrast() -> None:
    orders = {tuple(np.argsort(cores(synthesised(labels(), ONE_MM, {}, seed=seed)))) for seed in range(8)}
    assert len(orders) > 3


def test_synthesised_scans_are_finite_and_not_negative() -> None:
    for seed in range(5):
        image = synthesised(labels(), (1.0, 1.0, 3.0), {}, seed=seed)
        assert image.dtype == np.float32
        assert image.shape == SHAPE
        assert np.isfinite(image).all()
        assert image.min() >= 0.0


def test_the_background_stays_darkest() -> None:
    for seed in range(5):
        image = synthesised(labels(), ONE_MM, {}, seed=seed)
        assert float(image[labels() == 0].mean()) < min(cores(image))


def test_labels_of_one_class_share_an_intensity() -> None:
    together = {2: 1, 5: 1, 9: 2, 9000: 2}
    apart = [cores(synthesised(labels(), ONE_MM, {}, seed=seed)) for seed in range(8)]
    shared = [cores(synthesised(labels(), ONE_MM, together, seed=seed)) for seed in range(8)]

    def step(means: list[list[float]]) -> float:
        return float(np.mean([abs(one[0] - one[1]) + abs(one[2] - one[3]) for one in means]))

    assert step(shared) < 0.35 * step(apart)


def test_a_label_without_a_class_is_its_own_class() -> None:
    classes = {0: 0, 2: 1, 5: 1}
    image = synthesised(labels(), ONE_MM, classes, seed=3)
    assert np.array_equal(image, synthesised(labels(), ONE_MM, {**classes, 9: 2, 9000: 3}, seed=3))


def test_a_deformation_moves_borders_and_adds_no_labels() -> None:
    one, same, other = (deformed(labels(), ONE_MM, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert np.count_nonzero(one != labels()) > 100
    assert np.count_nonzero(one != other) > 100
    assert set(np.unique(one)) <= set(np.unique(labels()))
