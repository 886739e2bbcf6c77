"""Volumes that no attribute tells apart: by the order of the slices at each position, where that is consistent."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from medpaint.io.dicom.headers import Header
from medpaint.io.dicom.stack import levels_of

__all__ = ["ORDER_SUFFIX", "Ordering", "ordering_of"]

ORDER_SUFFIX: Final = "-order"
"""Ending of the names of orders, such as ``instance-number-order``."""

_Table = NDArray[np.int64]
"""A number for each slice, (volumes, positions)."""


@dataclass(frozen=True)
class Ordering:
    """The volumes of a series by an order of its slices.

    Attributes:
        volumes: the slices of each, by its name; empty where there is no such order. The name is what tells it
            apart from some of the others, and its number, such as ``b-value=1000.0,instance-number-order=2``.
        note: by what they are told apart, and what does not differ; or why they cannot be.
    """

    volumes: Mapping[str, Sequence[Header]] = field(default_factory=dict)
    note: str = ""


def ordering_of(headers: Sequence[Header]) -> Ordering:
    """Return the volumes of a series whose slices lie several at each position.

    An attribute orders them where it runs through one volume after the other, or through one position after the
    other, in the same order each time. All attributes that do must agree on the volumes, and no volume may mix
    what differs in the same way at all positions, such as two b-values.

    Args:
        headers: of slices with positions and one orientation.
    """
    levels = levels_of([one.position or () for one in headers], headers[0].orientation or ())
    counts = np.bincount(levels)
    if counts.max() < 2 or len(counts) < 2:
        return Ordering()
    if np.ptp(counts):
        return Ordering(
            note=f"{counts.min()} to {counts.max()} slices lie at a position: some volume is incomplete"
        )
    found = {name: table for name, table in _tables(headers, levels) if _is_pure(headers, table)}
    same = _unvaried(headers)
    if not found:
        return Ordering(
            note=f"nothing tells the {counts[0]} slices at each position apart ({same}), nor does their order"
        )
    first, table = next(iter(found.items()))
    other = [name for name, one in found.items() if _partition(one) != _partition(table)]
    if other:
        note = f"{first} and {other[0]} group the {counts[0]} slices at each position into different volumes"
        return Ordering(note=f"nothing else tells them apart ({same}), and {note}")
    note = f"no attribute tells the {counts[0]} volumes apart ({same}): they are numbered in the order of {first}"
    volumes = [[headers[index] for index in row] for row in table]
    return Ordering(dict(zip(_names(volumes, first), volumes, strict=True)), note)


def _tables(headers: Sequence[Header], levels: NDArray[np.int64]) -> Iterator[tuple[str, _Table]]:
    """Yield each attribute that orders the slices, with the indices of the slices of each volume."""
    for name in headers[0].order:
        keys = [one.order.get(name, ()) for one in headers]
        if not all(keys):
            continue
        place = {key: rank for rank, key in enumerate(sorted(set(keys)))}
        ranks = np.array([place[key] for key in keys])
        table = np.lexsort((ranks, levels)).reshape(levels.max() + 1, -1).T
        if _runs(ranks[table]):
            yield name, table


def _runs(ranks: _Table) -> bool:
    """Return whether ranks run through one volume after the other, or one position after the other.

    They must not repeat at a position, and must visit the positions of every volume in the same order.
    """
    visited = ranks[:, np.argsort(ranks[0], kind="stable")]
    if not ((np.diff(ranks, axis=0) > 0).all() and (np.diff(visited, axis=1) >= 0).all()):
        return False
    one_volume_then_the_next = (visited[:-1].max(axis=1) < visited[1:].min(axis=1)).all()
    one_position_then_the_next = (visited[-1, :-1] < visited[0, 1:]).all()
    return bool(one_volume_then_the_next or one_position_then_the_next)


def _is_pure(headers: Sequence[Header], table: _Table) -> bool:
    """Return whether what takes the same values at every position is the same throughout each volume."""
    for name in headers[0].facets:
        values = [[headers[index].facets.get(name, "") for index in row] for row in table]
        columns = [sorted(column) for column in zip(*values, strict=True)]
        if all(column == columns[0] for column in columns) and any(len(set(row)) > 1 for row in values):
            return False
    return True


def _names(volumes: Sequence[Sequence[Header]], order: str) -> Iterator[str]:
    """Yield the name of each volume: what its slices state alike, unlike some others, and its number."""
    telling = []
    for name in volumes[0][0].facets:
        values = [{header.facets.get(name) for header in volume} for volume in volumes]
        if all(len(value) == 1 for value in values) and len(set().union(*values)) > 1:
            telling.append(name)
    for number, volume in enumerate(volumes, 1):
        facets = [f"{name}={volume[0].facets[name]}" for name in telling]
        yield ",".join([*facets, f"{order}{ORDER_SUFFIX}={number}"])


def _partition(table: _Table) -> Hashable:
    """Return which slices form volumes, in whatever order."""
    return frozenset(frozenset(row) for row in table.tolist())


def _unvaried(headers: Sequence[Header]) -> str:
    """Return what all slices state alike, of what could tell volumes apart."""
    facets = headers[0].facets
    same = [
        name for name, value in facets.items() if value and all(one.facets.get(name) == value for one in headers)
    ]
    return f"the same in all slices: {', '.join(same)}" if same else "none of those that could is stated"
