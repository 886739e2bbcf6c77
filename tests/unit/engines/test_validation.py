"""Engines compared on hidden voxels of the scan itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from medpaint.core.errors import ConvergenceError
from medpaint.core.types import FloatArray, Mask
from medpaint.core.volume import Volume
from medpaint.engines.base import Fill, Hole
from medpaint.engines.choice import choose
from medpaint.engines.doubts import doubts
from medpaint.engines.registry import load_engine
from medpaint.engines.validation import Validation, validated
from medpaint.parameters import FillParameters

SHAPE = (48, 48, 32)


@dataclass(frozen=True, eq=False)
class Knowing:
    """Fills with the truth, plus an offset; starts from the truth plus another."""

    truth: FloatArray
    offset: float
    start: float
    context_mm: float = 1e4

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        del seed
        assert hole.image.shape == self.truth.shape
        true = self.truth[hole.mask]
        values = (true + np.float32(self.offset))[np.newaxis]
        stages = {"start": true + np.float32(self.start)}
        return Fill(values, ("knowing",), np.zeros(true.shape, np.uint8), stages=stages)


@dataclass(frozen=True)
class Failing:
    """Cannot solve its equations."""

    context_mm: float = 30.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        del hole, seed
        message = "no solution"
        raise ConvergenceError(message)


def noise() -> FloatArray:
    return np.random.default_rng(0).uniform(10.0, 20.0, SHAPE).astype(np.float32)


def faded() -> FloatArray:
    """Return noise that turns into other noise from slice to slice, as straight lines do."""
    first, last = np.random.default_rng(1).uniform(10.0, 20.0, (2, *SHAPE[:2], 1)).astype(np.float32)
    share = np.linspace(0.0, 1.0, SHAPE[2], dtype=np.float32)
    scan: FloatArray = (1 - share) * first + share * last
    return scan


def blob() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[8:14, 8:14, 8:14] = True
    return mask


def lost(*slices: int) -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :, list(slices)] = True
    return mask


def damaged(truth: FloatArray, mask: Mask) -> Volume:
    return Volume.of(np.where(mask, np.float32(0.0), truth))


def asked(truth: FloatArray, mask: Mask, name: str) -> Validation:
    validation = validated(damaged(truth, mask), mask, name, load_engine(name))
    assert validation is not None
    return validation


def test_errors_are_those_of_the_engine_and_of_what_it_starts_from() -> None:
    truth, mask = noise(), blob()
    validation = validated(damaged(truth, mask), mask, "knowing", Knowing(truth, 2.0, 3.0))
    assert validation is not None
    assert validation.errors["knowing"] == pytest.approx(2.0, abs=1e-5)
    assert validation.errors["start"] == pytest.approx(3.0, abs=1e-5)
    assert list(validation.errors) == ["knowing", "start", "harmonic"]
    assert 0 < validation.voxels <= np.count_nonzero(mask) / 2


def test_errors_in_opposite_directions_cancel_in_the_mean() -> None:
    truth, mask = noise(), blob()
    validation = validated(damaged(truth, mask), mask, "knowing", Knowing(truth, 1.0, -1.0))
    assert validation is not None
    assert validation.shares["knowing"] == pytest.approx(0.5, abs=0.15)
    assert validation.expected_error < 0.4
    assert sum(validation.shares.values()) == pytest.approx(1.0)


def test_the_masked_voxels_are_not_looked_at() -> None:
    truth, mask = noise(), lost(10, 11)
    other = damaged(truth, mask)
    loud = Volume.of(np.where(mask, np.float32(1e5), truth))
    assert asked(truth, mask, "nearest") == validated(other, mask, "nearest", load_engine("nearest"))
    assert validated(loud, mask, "biharmonic", load_engine("biharmonic")) == asked(truth, mask, "biharmonic")


def test_lost_slices_are_compared_with_interpolated_ones() -> None:
    validation = asked(faded(), lost(10, 11, 20), "nearest")
    assert list(validation.errors) == ["nearest", "registered", "linear"]
    assert validation.best == "linear"
    assert validation.shares == {"linear": 1.0}


def test_straight_lines_are_asked_for_hidden_slices_beside_two_lost_ones() -> None:
    ramp = np.broadcast_to(np.linspace(10.0, 20.0, SHAPE[2], dtype=np.float32), SHAPE).copy()
    mask = lost(*(number for number in range(2, 28) if (number - 2) % 4 < 2))
    assert asked(ramp, mask, "nearest").errors["linear"] == pytest.approx(0.0, abs=1e-5)


def test_a_scan_that_is_lost_nearly_throughout_is_not_asked() -> None:
    mask = np.ones(SHAPE, dtype=bool)
    mask[:, :, ::16] = False
    assert validated(damaged(noise(), mask), mask, "nearest", load_engine("nearest")) is None


def test_auto_takes_what_came_closest() -> None:
    mask = lost(10, 11)
    chosen = choose(FillParameters(), mask, (1.0, 1.0, 1.0), volume=damaged(faded(), mask))
    assert chosen.name == "linear"
    assert chosen.reason == "auto: lost slices; closest to hidden voxels of this scan: linear 100%"
    assert choose(FillParameters(), mask, (1.0, 1.0, 1.0)).name == "resnet2d"


def test_a_named_network_for_lost_slices_is_kept_and_doubted() -> None:
    mask = lost(10, 11)
    chosen = choose(FillParameters(engine="resnet2d"), mask, (1.0, 1.0, 1.0), volume=damaged(faded(), mask))
    assert (chosen.name, chosen.reason) == ("resnet2d", "as asked")
    (warning,) = doubts({"resnet2d": int(np.count_nonzero(mask))}, mask, (1.0, 1.0, 1.0), None, chosen.validation)
    assert "linear came closer to hidden slices of this scan" in warning
    assert doubts({"linear": int(np.count_nonzero(mask))}, mask, (1.0, 1.0, 1.0), None, chosen.validation) == ()


@pytest.mark.parametrize("unit", [1e-200, 1e160, 1e250])
def test_the_unit_of_the_scan_changes_nothing_but_the_errors(unit: float) -> None:
    truth, mask = noise().astype(np.float64), blob()
    plain, other = asked(truth, mask, "biharmonic"), asked(unit * truth, mask, "biharmonic")
    assert other.shares == plain.shares
    assert other.errors["harmonic"] == pytest.approx(unit * plain.errors["harmonic"], rel=1e-3)
    assert other.expected_error == pytest.approx(unit * plain.expected_error, rel=1e-3)


def test_slices_and_holes_together_are_not_compared() -> None:
    mask = lost(20) | blob()
    assert validated(damaged(noise(), mask), mask, "nearest", load_engine("nearest")) is None


def test_an_engine_that_fails_on_hidden_voxels_ends_nothing() -> None:
    mask = blob()
    assert validated(damaged(noise(), mask), mask, "failing", Failing()) is None


def test_what_auto_chose_is_not_doubted_for_what_it_did_not_choose() -> None:
    mask = lost(10)
    found = Validation({"resnet2d": 2.0, "linear": 1.9}, 100, {"resnet2d": 1.0}, 2.0)
    filled_by = {"resnet2d": int(np.count_nonzero(mask))}
    assert doubts(filled_by, mask, (1.0, 1.0, 1.0), None, found, automatic=True) == ()
    assert len(doubts(filled_by, mask, (1.0, 1.0, 1.0), None, found)) == 1


def test_lost_slices_that_straight_lines_fit_better_in_one_place_are_doubted() -> None:
    truth = noise()
    truth[:, :, 22] = (truth[:, :, 21] + truth[:, :, 23]) / 2.0
    mask = lost(16)
    validation = asked(truth, mask, "nearest")
    assert validation.worst > 1.0
    (warning,) = doubts({"nearest": 1}, mask, (1.0, 1.0, 1.0), None, validation, automatic=True)
    assert warning.endswith("compare the result with that of linear")


def test_what_is_exact_is_outdone_nowhere() -> None:
    flat = np.full(SHAPE, 15.0, np.float32)
    flat[:, :, 0] = 10.0
    assert asked(flat, lost(16), "nearest").worst == 0.0
