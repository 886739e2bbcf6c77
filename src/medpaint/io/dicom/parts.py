"""The volumes of one series: echoes, time points, b-values and the like, kept apart and never merged."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

from medpaint.core.errors import InputError
from medpaint.io.dicom.assessment import Assessment, assess
from medpaint.io.dicom.derived import UID_ROOT
from medpaint.io.dicom.headers import Header
from medpaint.io.dicom.ordering import ORDER_SUFFIX, ordering_of
from medpaint.io.dicom.shown import shown_uid

__all__ = ["Part", "chosen_part", "parts_of", "split_name"]

_FEWEST: Final = 3
"""Least number of slices of a part: fewer are a localiser or time points of one slice, not volumes."""

_MOST_FACETS: Final = 3
"""Largest number of facets that a series is split by at once."""

_MARK: Final = "#"
"""Separates the identifier of a series from the words for its part."""


@dataclass(frozen=True, eq=False)
class Part:
    """One volume of a series, or a whole series that does not form a volume.

    Attributes:
        words: what distinguishes it from the others, such as ``echo-time=4.92``; empty for a whole series.
        assessment: of its slices.
        note: how it is told apart from the others where no attribute does; empty otherwise.
    """

    words: str
    assessment: Assessment
    note: str = ""

    @property
    def selector(self) -> str:
        """What selects it: the series instance UID, and after a ``#`` the words. Not to be shown; see `name`."""
        return self._after(self.assessment.headers[0].series_uid)

    @property
    def name(self) -> str:
        """The selector as it may be shown: an invalid UID is described, not quoted."""
        return self._after(shown_uid(self.assessment.headers[0].series_uid))

    def _after(self, uid: str) -> str:
        """Return the words after an identifier of the series."""
        return f"{uid}{_MARK}{self.words}" if self.words else uid


def split_name(name: str, known: Collection[str] = ()) -> tuple[str, str]:
    """Return the identifier of a series and the words of its part; either may be empty.

    Args:
        name: what selects the part.
        known: identifiers of series; an invalid UID may contain the mark.
    """
    mine = [uid for uid in known if name == uid or name.startswith(f"{uid}{_MARK}")]
    uid = max(mine, key=len, default=name.partition(_MARK)[0])
    return uid, name[len(uid) :].removeprefix(_MARK)


def parts_of(headers: Sequence[Header]) -> list[Part]:
    """Return the volumes of a series: the series itself if it is one, or its parts by facets, or by an order.

    The series is split only if every part is then a volume, by as few facets as possible; where no facets tell the
    volumes apart, by the order of the slices at each position. Otherwise it is returned whole, with the reasons
    why it is not a volume.
    """
    whole = assess(headers)
    if not whole.geometry or whole.unsupported:
        return [Part("", whole)]
    varying = [name for name in _facets(headers) if len({header.facets[name] for header in headers}) > 1]
    for count in range(1, _MOST_FACETS + 1):
        for names in combinations(varying, count):
            parts = list(_split(headers, names))
            if parts and not any(part.assessment.reason for part in parts):
                return parts
    return _ordered(headers, whole)


def chosen_part(headers: Sequence[Header], words: str, *, in_product: bool) -> Part:
    """Return the part of a series selected by words such as ``echo-time=4.92``.

    Args:
        headers: of the series.
        words: as `parts_of` names a part, or some of them.
        in_product: whether the series may be a product, which consists of the selected volume alone and can lack
            what told it apart: its order, or attributes that de-identification removed.

    Raises:
        InputError: no slice matches.
    """
    wanted = [tuple(word.partition("=")[::2]) for word in words.split(",")]
    found = [header for header in headers if all(header.facets.get(name) == value for name, value in wanted)]
    if found:
        return Part(words, assess(found))
    parts = parts_of(headers)
    for part in parts:
        if part.words == words:
            return part
    if in_product and len(parts) == 1 and _may_lack(headers, wanted):
        return Part(words, parts[0].assessment)
    known = ", ".join(part.words or "no part" for part in parts)
    message = f"expected slices with {words} in series {shown_uid(headers[0].series_uid)}, found {known}"
    raise InputError(message)


def _may_lack(headers: Sequence[Header], wanted: Sequence[tuple[str, ...]]) -> bool:
    """Return whether a lone volume may be a product that lacks what told it apart from others.

    Its order among them is gone with them. What de-identification removed is absent from a derived series.
    """
    derived = headers[0].series_uid.startswith(UID_ROOT)
    return all(
        name in {f"{order}{ORDER_SUFFIX}" for order in headers[0].order}
        or (derived and all(header.facets.get(name) in {value, ""} for header in headers))
        for name, value in wanted
    )


def _ordered(headers: Sequence[Header], whole: Assessment) -> list[Part]:
    """Return the volumes of a series by the order of its slices, or the series whole with the reasons."""
    if whole.affine is None or len({(header.sop_uid, header.index) for header in headers}) < len(headers):
        return [Part("", whole)]
    ordering = ordering_of(headers)
    parts = [
        Part(words, assess(volume), ordering.note)
        for words, volume in ordering.volumes.items()
        if len(volume) >= _FEWEST
    ]
    if parts and not any(part.assessment.reason for part in parts):
        return parts
    notes = (ordering.note,) if ordering.note and not ordering.volumes else ()
    return [Part("", replace(whole, geometry=whole.geometry + notes))]


def _facets(headers: Sequence[Header]) -> list[str]:
    """Return the facets that every header has."""
    return [name for name in headers[0].facets if all(name in header.facets for header in headers)]


def _split(headers: Sequence[Header], names: Sequence[str]) -> Iterator[Part]:
    """Yield the parts of a series by some facets, or nothing if a part would have too few slices."""
    groups: dict[tuple[str, ...], list[Header]] = {}
    for header in headers:
        groups.setdefault(tuple(header.facets[name] for name in names), []).append(header)
    if min(len(group) for group in groups.values()) < _FEWEST:
        return
    for values, group in groups.items():
        words = ",".join(f"{name}={value}" for name, value in zip(names, values, strict=True))
        yield Part(words, assess(group))
