"""The weighted mean of several fills."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medpaint.engines.base import Fill, Hole
from medpaint.engines.mixture import Mixture

HOLE = Hole(np.zeros((4, 4, 4), np.float32), np.arange(64).reshape(4, 4, 4) < 4, (1.0, 1.0, 1.0))


@dataclass(frozen=True)
class Steps:
    """Fills with 8, from a fill of 4 that starts from one of 2; each voxel is left to another of them."""

    context_mm: float = 30.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        del hole, seed
        values = np.array([[8.0, 8.0, 4.0, 2.0]], np.float32)
        stages = {
            "smooth": np.full(4, 2.0, np.float32),
            "sharp": np.array([4.0, 4.0, 4.0, 2.0], np.float32),
        }
        return Fill(values, ("network", "sharp", "smooth"), np.array([0, 0, 1, 2], np.uint8), stages=stages)


@dataclass(frozen=True)
class Constant:
    context_mm: float = 50.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        del hole, seed
        return Fill.by("constant", np.full(4, 12.0, np.float32))


def test_fills_and_what_they_start_from_are_added_up_by_their_shares() -> None:
    shares = {"network": 0.5, "sharp": 0.25, "smooth": 0.25}
    fill = Mixture(Steps(), "network", shares).fill(HOLE, seed=0)
    np.testing.assert_array_equal(fill.values, [[5.5, 5.5, 3.5, 2.0]])
    assert fill.values.dtype == np.float32


def test_each_voxel_names_all_that_filled_it() -> None:
    shares = {"network": 0.5, "sharp": 0.25, "smooth": 0.25}
    fill = Mixture(Steps(), "network", shares).fill(HOLE, seed=0)
    named = [fill.fillers[number] for number in fill.filled_by]
    assert named == ["network + sharp + smooth"] * 2 + ["sharp + smooth", "smooth"]


def test_other_engines_are_run_and_named() -> None:
    mixture = Mixture(Steps(), "network", {"constant": 0.75, "network": 0.25}, {"constant": Constant()})
    fill = mixture.fill(HOLE, seed=0)
    np.testing.assert_array_equal(fill.values, [[11.0, 11.0, 10.0, 9.5]])
    assert fill.fillers == ("constant + network", "constant + sharp", "constant + smooth")
    assert mixture.context_mm == 50.0


@dataclass(frozen=True)
class Leaving:
    """Leaves the last voxel to another."""

    context_mm: float = 0.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        del hole, seed
        return Fill(np.zeros((1, 4), np.float32), ("leaving", "heir"), np.array([0, 0, 0, 1], np.uint8))


def test_what_another_engine_left_to_a_third_is_named_by_that() -> None:
    mixture = Mixture(Constant(), "constant", {"constant": 0.5, "leaving": 0.5}, {"leaving": Leaving()})
    fill = mixture.fill(HOLE, seed=0)
    named = [fill.fillers[number] for number in fill.filled_by]
    assert named == ["constant + leaving"] * 3 + ["constant + heir"]


@dataclass(frozen=True)
class Partly:
    """Corrects a fill that is sharp in the first two voxels, and smooth in the others."""

    context_mm: float = 0.0

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        del hole, seed
        stages = {
            "smooth": np.full(4, 2.0, np.float32),
            "sharp": np.array([4.0, 4.0, 2.0, 2.0], np.float32),
        }
        values = np.array([[8.0, 8.0, 8.0, 8.0]], np.float32)
        return Fill(values, ("network", "sharp", "smooth"), np.zeros(4, np.uint8), stages=stages)


def test_a_stage_that_left_a_voxel_to_the_one_before_it_is_not_named() -> None:
    fill = Mixture(Partly(), "network", {"network": 0.5, "sharp": 0.5}).fill(HOLE, seed=0)
    named = [fill.fillers[number] for number in fill.filled_by]
    assert named == ["network + sharp"] * 2 + ["network + smooth"] * 2
