"""Warnings about fills that may be worse than the mean of the neighbouring slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_phantom import Phantom
from networks import tiny_weights

import medpaint
from medpaint.core.types import Mask, Spacing
from medpaint.engines.doubts import doubts, unfamiliar
from medpaint.io.selection import Selection
from medpaint.pipeline.read import read

SHAPE = (12, 14, 20)
THIN: Spacing = (1.0, 1.0, 1.0)


def gap() -> Mask:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:, :, 9:11] = True
    return mask


@pytest.mark.parametrize("name", ["biharmonic", "unet3d", "nearest"])
def test_lost_slices_filled_by_another_engine_are_doubted(name: str) -> None:
    (warning,) = doubts({"resnet2d": 5, name: 5}, gap(), THIN, None)
    assert f"filled by {name}: " in warning
    assert "worse than the mean of the neighbouring slices" in warning


@pytest.mark.parametrize("name", ["linear", "registered"])
def test_what_interpolation_left_to_a_smooth_fill_is_not_doubted(name: str) -> None:
    assert doubts({name: 50, "biharmonic": 2}, gap(), THIN, None) == ()


def test_lost_slices_thicker_than_measured_are_doubted() -> None:
    assert doubts({"resnet2d": 5}, gap(), (1.0, 1.0, 5.0), None) == ()
    (warning,) = doubts({"resnet2d": 5}, gap(), (1.0, 1.0, 10.0), None)
    assert "10 mm thick" in warning


def test_padding_does_not_hide_a_lost_slice() -> None:
    void = np.zeros(SHAPE, dtype=bool)
    void[:4] = True
    assert doubts({"biharmonic": 5}, gap() & ~void, THIN, void)


def test_other_fills_are_not_doubted() -> None:
    hole = np.zeros(SHAPE, dtype=bool)
    hole[3:6, 3:6, 3:6] = True
    assert doubts({"biharmonic": 27}, hole, THIN, None) == ()
    assert doubts({"interpolation": 5}, gap(), THIN, None) == ()


def test_the_record_has_the_warning() -> None:
    scan = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    record = medpaint.restore(scan, gap(), engine="biharmonic").record
    assert record.inpaint is not None
    assert record.inpaint.warnings == record.warnings
    assert "filled by biharmonic" in record.warnings[0]


def test_a_network_on_a_modality_that_it_was_not_measured_on_is_doubted() -> None:
    (warning,) = unfamiliar({"unet3d": 5, "biharmonic": 2}, "PT")
    assert warning.startswith("the shipped weights of unet3d were not measured on modality PT")
    assert unfamiliar({"biharmonic": 2, "interpolation": 1}, "PT") == ()
    assert unfamiliar({"unet3d": 5}, "MR") == unfamiliar({"unet3d": 5}, "") == ()


def test_weights_of_the_user_are_not_doubted(tmp_path: Path) -> None:
    Phantom(modality="PT", bits_stored=16, shape=(14, 12, 9)).write(tmp_path / "pet")
    mask = np.zeros((12, 14, 9), dtype=bool)
    mask[:, :, 4] = True
    weights = str(tiny_weights("resnet2d", tmp_path, output=0.1))
    record = medpaint.restore(tmp_path / "pet", mask, engine="resnet2d", weights=weights, max_fraction=1.0).record
    assert record.inpaint is not None
    assert "resnet2d" in record.inpaint.filled_by
    assert record.inpaint.warnings == ()


def test_a_deidentified_record_keeps_the_modality_and_no_other_word(tmp_path: Path) -> None:
    Phantom(modality="PT", bits_stored=16).write(tmp_path / "pet")
    draft = read(tmp_path / "pet", Selection()).draft
    assert draft.withheld().read.facts == {"modality": "PT"}
    named = draft.model_copy(update={"read": draft.read.model_copy(update={"facts": {"modality": "JANE"}})})
    assert named.withheld().read.facts == {}


def test_the_record_of_a_pet_scan_has_the_warning(tmp_path: Path) -> None:
    Phantom(modality="PT", bits_stored=16, shape=(14, 12, 9)).write(tmp_path / "pet")
    mask = np.zeros((12, 14, 9), dtype=bool)
    mask[:, :, 4] = True
    record = medpaint.restore(tmp_path / "pet", mask, engine="resnet2d", max_fraction=1.0).record
    assert record.inpaint is not None
    assert "resnet2d" in record.inpaint.filled_by
    assert "not measured on modality PT" in record.inpaint.warnings[-1]
