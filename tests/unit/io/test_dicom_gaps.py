"""Larger steps between slices: gaps, or a series of two steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from dicom_phantom import Phantom
from pydicom import FileDataset

from medpaint.core.errors import GeometryError
from medpaint.io.dicom import read_series
from medpaint.io.dicom.gaps import neighbour_of

ONE_GAP = (0.0, 2.0, 4.0, 8.0, 10.0)
TWO_STEPS = (0.0, 2.5, 5.0, 7.5, 10.0, 12.5, 17.5, 22.5, 27.5)


def stating(
    numbers: Sequence[int | None] = (None,), thickness: Sequence[float] = (2.0,), between: Sequence[float] = ()
) -> Callable[[FileDataset, int], None]:
    """Return a change that sets what slices state; the last of each holds for the rest."""

    def change(dataset: FileDataset, index: int) -> None:
        dataset.InstanceNumber = numbers[min(index, len(numbers) - 1)]
        dataset.SliceThickness = thickness[min(index, len(thickness) - 1)]
        if between:
            dataset.SpacingBetweenSlices = between[min(index, len(between) - 1)]

    return change


def series(folder: Path, heights: Sequence[float], change: Callable[[FileDataset, int], None]) -> Path:
    Phantom(positions=[(0, 0, height) for height in heights], shape=(6, 5, len(heights)), change=change).write(
        folder
    )
    return folder


@pytest.mark.parametrize(
    ("heights", "change", "cause"),
    [
        (TWO_STEPS, stating(range(1, 10)), "the instance numbers do not skip as many"),
        (TWO_STEPS, stating(range(9, 0, -1)), "the instance numbers do not skip as many"),
        (TWO_STEPS, stating([5, 3, 1, 2, 4, 6, 7, 8, 9]), "the instance numbers do not skip as many"),
        (TWO_STEPS, stating(thickness=[2.5]), "the larger step is repeated"),
        (TWO_STEPS, stating(thickness=[2.5] * 6 + [5.0]), "SliceThickness states the larger step"),
        (TWO_STEPS, stating(thickness=[5.0]), "SliceThickness states the larger step"),
        (TWO_STEPS, stating(thickness=[9.0], between=[2.5] * 6 + [5.0]), "SpacingBetweenSlices states the larger"),
        (ONE_GAP, stating([1, 2, 3, 4, 5]), "the instance numbers do not skip as many"),
        (ONE_GAP, stating([1, 2, 3, 8, 9]), "the instance numbers do not skip as many"),
        (ONE_GAP, stating(thickness=[2.0, 2.0, 2.0, 4.0, 2.0]), "SliceThickness states the larger step"),
    ],
)
def test_two_steps_are_uneven_and_nothing_is_put_between(
    tmp_path: Path, heights: Sequence[float], change: Callable[[FileDataset, int], None], cause: str
) -> None:
    series(tmp_path, heights, change)
    for absent in (False, True):
        with pytest.raises(GeometryError, match=rf"uneven spacing: . steps? of .* and .*, because {cause}"):
            read_series(tmp_path, absent_slices=absent)


def test_both_steps_are_named(tmp_path: Path) -> None:
    series(tmp_path, TWO_STEPS, stating(range(1, 10)))
    with pytest.raises(GeometryError, match=r"uneven spacing: 5 steps of 2\.500 mm and 3 steps of 5\.000 mm"):
        read_series(tmp_path, absent_slices=True)


@pytest.mark.parametrize(
    ("heights", "change", "absent"),
    [
        (ONE_GAP, stating(), (3,)),
        (ONE_GAP, stating([1, 2, 3, 5, 6]), (3,)),
        (ONE_GAP, stating([11, 9, 7, 3, 1]), (3,)),
        (ONE_GAP, stating([1, 2, 3, 5, 6], thickness=[4.0]), (3,)),
        (ONE_GAP, stating([1, 4, 2, 7, 9]), (3,)),
        ((0.0, 2.0, 4.0, 8.0, 12.0), stating([1, 2, 3, 5, 7]), (3, 5)),
    ],
)
def test_gaps_that_nothing_contradicts_are_put_back(
    tmp_path: Path, heights: Sequence[float], change: Callable[[FileDataset, int], None], absent: tuple[int, ...]
) -> None:
    _, source = read_series(series(tmp_path, heights, change), absent_slices=True)
    assert source.absent == absent


def test_more_absent_slices_than_slices_are_refused(tmp_path: Path) -> None:
    series(tmp_path, (0.0, 2.0, 4.0, 2e6), stating())
    with pytest.raises(GeometryError, match="expected fewer absent slices than there are, got 999997"):
        read_series(tmp_path, absent_slices=True)


def test_an_absent_slice_is_modelled_on_the_nearest() -> None:
    slots = (0, 1, 5, 6)
    assert [neighbour_of(k, slots) for k in range(7)] == [0, 1, 1, 1, 2, 2, 3]
