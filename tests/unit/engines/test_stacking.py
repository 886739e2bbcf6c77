"""Weights that bring several predictions closest to the truth together."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from medpaint.engines.stacking import shares_of

Misses = NDArray[np.float64]
MANY = 1000


def noise(count: int, voxels: int = 4000, seed: int = 0) -> Misses:
    return np.random.default_rng(seed).normal(size=(count, voxels))


def test_weights_are_shares() -> None:
    shares = shares_of(noise(4) * np.array([[1.0], [2.0], [0.5], [3.0]]), MANY)
    assert shares.min() >= 0.0
    assert shares.sum() == pytest.approx(1.0)


def test_unrelated_errors_get_weights_by_their_precision() -> None:
    np.testing.assert_allclose(shares_of(noise(2) * np.array([[1.0], [2.0]]), MANY), [0.8, 0.2], atol=0.03)


@pytest.mark.parametrize("unit", [1e-9, 1.0, 1e6])
def test_the_unit_of_the_scan_makes_no_difference(unit: float) -> None:
    misses = noise(3) * np.array([[1.0], [2.0], [0.5]])
    np.testing.assert_allclose(shares_of(unit * misses, MANY), shares_of(misses, MANY), atol=1e-6)


def test_no_other_weights_come_much_closer() -> None:
    misses = noise(3)
    misses[1] = 0.7 * misses[0] + 0.5 * misses[1]
    found = float(np.square(shares_of(misses, MANY) @ misses).mean())
    for weights in np.random.default_rng(1).dirichlet(np.ones(3), 200):
        assert found <= 1.02 * float(np.square(weights @ misses).mean())


def test_a_prediction_that_only_adds_error_gets_nothing() -> None:
    first = noise(1)[0]
    np.testing.assert_allclose(shares_of(np.stack([first, 2.0 * first]), MANY), [1.0, 0.0], atol=1e-6)


def test_equal_predictions_are_left_to_the_first() -> None:
    first = noise(1)[0]
    np.testing.assert_allclose(shares_of(np.stack([first, first]), MANY), [1.0, 0.0], atol=1e-6)


def test_predictions_without_error_are_left_to_the_first() -> None:
    np.testing.assert_allclose(shares_of(np.zeros((3, 50)), MANY), [1.0, 0.0, 0.0], atol=1e-6)


def test_a_prediction_without_error_gets_everything() -> None:
    np.testing.assert_allclose(shares_of(noise(2) * np.array([[1.0], [0.0]]), 1), [0.0, 1.0], atol=1e-6)


def test_little_is_concluded_from_few_errors() -> None:
    misses = noise(2) * np.array([[1.0], [0.8]])
    shares = [shares_of(misses, independent)[0] for independent in (1, 10, 1000)]
    assert shares[0] > shares[1] > shares[2] > 0.3
