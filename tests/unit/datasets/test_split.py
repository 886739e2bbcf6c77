"""A split by person."""

from __future__ import annotations

import pytest

from medpaint.core.errors import UsageError
from medpaint.datasets.split import split_by_person

PERSONS = [f"sub-{number:02d}" for number in range(20)]


def test_shares_are_kept_and_every_person_is_in_one_part() -> None:
    parts = split_by_person([*PERSONS, *PERSONS], validation=0.2, test=0.1, seed=0)
    assert set(parts) == set(PERSONS)
    counts = [list(parts.values()).count(part) for part in ("training", "validation", "test")]
    assert counts == [14, 4, 2]


def test_order_does_not_matter_and_the_seed_does() -> None:
    one = split_by_person(PERSONS, validation=0.2, test=0.2, seed=0)
    assert split_by_person(PERSONS[::-1], validation=0.2, test=0.2, seed=0) == one
    assert split_by_person(PERSONS, validation=0.2, test=0.2, seed=1) != one


@pytest.mark.parametrize(("count", "expected"), [(1, [1, 0, 0]), (2, [1, 0, 1]), (3, [1, 1, 1])])
def test_few_persons_fill_training_first_and_then_the_test(count: int, expected: list[int]) -> None:
    parts = split_by_person(PERSONS[:count], validation=0.1, test=0.1, seed=0)
    assert [list(parts.values()).count(part) for part in ("training", "validation", "test")] == expected


def test_share_of_zero_gets_nobody() -> None:
    assert set(split_by_person(PERSONS, validation=0.0, test=0.0, seed=0).values()) == {"training"}


@pytest.mark.parametrize(("validation", "test"), [(-0.1, 0.5), (0.5, 0.5), (0.0, 1.0)])
def test_shares_that_leave_nothing_for_training_are_refused(validation: float, test: float) -> None:
    with pytest.raises(UsageError, match="leave something for training"):
        split_by_person(PERSONS, validation=validation, test=test, seed=0)
