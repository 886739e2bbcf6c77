"""The bank: cases are made once and reused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from scans import save
from training_parts import ONE_MM, recipe, source, whole

from medpaint.core.errors import InputError
from medpaint.training.bank import Bank, fill_bank
from medpaint.training.recipe import Recipe
from medpaint.training.scans import Skipped, find_scans


def filled(wanted: Recipe, data: Path, folder: Path) -> tuple[dict[str, Bank], list[Skipped]]:
    """Fill a bank from the scans of a folder."""
    scans, _ = find_scans(wanted, data)
    banks, skipped = fill_bank(wanted, scans, data, folder, workers=1)
    return {str(part): bank for part, bank in banks.items()}, skipped


@pytest.fixture
def wanted(tmp_path: Path) -> Recipe:
    """Write two scans and return a recipe for them."""
    for name in ("sub-t", "sub-v"):
        save(whole().truth, tmp_path / f"{name}.nii.gz", np.diag([*ONE_MM, 1.0]))
    return recipe(sources=[source()], validation=["brains/sub-v"])


def test_cases_are_made_once_and_reused_by_longer_trainings(wanted: Recipe, tmp_path: Path) -> None:
    banks, skipped = filled(wanted, tmp_path, tmp_path / "pairs")
    assert not skipped
    assert [len(banks[part]) for part in ("training", "validation")] == [3, 3]
    assert banks["training"].patch(2).shape == (6, 16, 16, 16)
    assert banks["training"].kinds == ("blob 0.2-0.5",)
    times = {path: path.stat().st_mtime_ns for path in banks["training"].files}
    more = recipe(
        name="longer",
        sources=[source()],
        validation=["brains/sub-v"],
        pairs={"cases": 2},
        network={"channels": [8, 16]},
        loop={"steps": 99},
    )
    longer, _ = filled(more, tmp_path, tmp_path / "pairs")
    assert len(longer["training"].files) == 2
    assert {path: path.stat().st_mtime_ns for path in longer["training"].files[:1]} == times


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make cases in threads of this process: a process of its own takes a second to start."""
    monkeypatch.setattr(
        "medpaint.training.bank.ProcessPoolExecutor", lambda workers, *_: ThreadPoolExecutor(workers)
    )


@pytest.mark.usefixtures("in_threads")
def test_a_changed_scan_gets_new_cases(wanted: Recipe, tmp_path: Path) -> None:
    before, _ = filled(wanted, tmp_path, tmp_path / "pairs")
    save(whole().truth + np.float32(1), tmp_path / "sub-t.nii.gz", np.eye(4))
    after, _ = filled(wanted, tmp_path, tmp_path / "pairs")
    assert not set(before["training"].files) & set(after["training"].files)


@pytest.mark.usefixtures("in_threads")
def test_a_part_whose_cases_all_fail_is_refused(wanted: Recipe, tmp_path: Path) -> None:
    flat = np.zeros((20, 20, 20), np.float32)
    flat[9:11, 9:11, 9:11] = [[[1, 2], [3, 4]], [[1, 2], [3, 4]]]
    save(flat, tmp_path / "sub-v.nii.gz", np.eye(4))
    more = wanted.model_copy(update={"pairs": wanted.pairs.model_copy(update={"cases": 2})})
    with pytest.raises(InputError, match="expected damaged scans for validation, all failed: expected holes"):
        filled(more, tmp_path, tmp_path / "pairs")
