"""A split of a data set into parts, so that no person is in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, Literal

from medpaint.core.errors import UsageError

__all__ = ["PARTS", "Part", "split_by_person"]

Part = Literal["training", "validation", "test"]

PARTS: Final[tuple[Part, ...]] = ("training", "validation", "test")


def split_by_person(persons: Iterable[str], *, validation: float, test: float, seed: int) -> Mapping[str, Part]:
    """Return the part that each person belongs to.

    Persons are ordered by a hash of the seed and their name; the first are for the test, the next for validation.
    A share that is not zero gets at least one person, as long as one is left for training.

    Args:
        persons: their names; repeated ones count once.
        validation: share of the persons for validation.
        test: share of the persons for the test.
        seed: decides the order.

    Raises:
        UsageError: shares that are negative, or leave nothing for training.
    """
    if min(validation, test) < 0.0 or validation + test >= 1.0:
        message = (
            "expected shares for validation and test that leave something for training, "
            f"got {validation:g} and {test:g}"
        )
        raise UsageError(message)
    ordered = sorted(set(persons), key=lambda person: hashlib.sha256(f"{seed}:{person}".encode()).digest())
    for_test = _count(test, len(ordered), len(ordered) - 1)
    for_validation = _count(validation, len(ordered), len(ordered) - 1 - for_test)
    return {
        person: "test" if rank < for_test else "validation" if rank < for_test + for_validation else "training"
        for rank, person in enumerate(ordered)
    }


def _count(share: float, of: int, most: int) -> int:
    """Return how many persons a share is: rounded, at least one if it is not zero, at most `most`."""
    return max(0, min(most, max(1, round(share * of)))) if share > 0.0 else 0
