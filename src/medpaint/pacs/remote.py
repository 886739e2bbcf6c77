"""What every kind of server does: list series, send them, and store products."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from medpaint.core.errors import AbsentError, UsageError
from medpaint.core.text import escaped
from medpaint.core.types import Progress

__all__ = ["RemoteSeries", "Server", "check_keywords", "check_uids", "is_uid", "only"]

_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
"""A DICOM identifier (PS3.5, 9.1)."""

_LONGEST_UID: Final = 64


@dataclass(frozen=True)
class RemoteSeries:
    """A series on a server.

    Attributes:
        study: UID of its study.
        series: its UID.
        modality: such as ``MR``; empty if the server does not say.
        instances: number of its instances; 0 if the server does not say.
    """

    study: str
    series: str
    modality: str
    instances: int


class Server(Protocol):
    """A server of images. Requests that fail in a way that may pass are retried."""

    def series(self, query: Mapping[str, str]) -> list[RemoteSeries]:
        """Return the series that match a query, such as ``{"Modality": "MR", "StudyDate": "20250101-"}``.

        Raises:
            UsageError: a key is not a DICOM keyword.
            ServerError: the server could not be reached, or refused.
        """
        ...

    def fetch(self, study: str, series: str, folder: Path, progress: Progress | None = None) -> int:
        """Fetch a series into a folder, which appears when it is complete; return the number of files.

        Raises:
            UsageError: study or series is not a DICOM identifier.
            AbsentError: the server does not have the series.
            ServerError: the server could not be reached, refused, or sent something else or too little.
        """
        ...

    def store(self, files: Sequence[Path], progress: Progress | None = None) -> int:
        """Store DICOM files; return how many instances the server confirms. Storing one again changes nothing.

        Raises:
            InputError: a file is not DICOM.
            ServerError: the server could not be reached, refused some, or did not confirm all; it keeps those that
                it has stored.
        """
        ...


def only(found: Sequence[RemoteSeries], url: str, study: str, series: str) -> RemoteSeries:
    """Return the wanted series from a server's answer, which may contain others.

    Raises:
        AbsentError: the answer does not contain it.
    """
    for one in found:
        if (one.study, one.series) == (study, series):
            return one
    message = f"expected series {series} of study {study} on {url}, which does not have it"
    raise AbsentError(message)


def is_uid(text: str) -> bool:
    """Return whether a text is a DICOM identifier."""
    return len(text) <= _LONGEST_UID and _UID.fullmatch(text) is not None


def check_uids(*uids: str) -> None:
    """Refuse invalid identifiers: one becomes the name of a folder, and could point anywhere.

    Raises:
        UsageError: one has other characters than digits and dots, or too many.
    """
    for uid in uids:
        if not is_uid(uid):
            message = f"expected a DICOM identifier, digits and dots, at most 64, got '{escaped(uid)}'"
            raise UsageError(message)


def check_keywords(query: Mapping[str, str]) -> None:
    """Refuse keys that are not DICOM keywords: a server may ignore them, and list everything.

    Raises:
        UsageError: one is not a DICOM keyword.
    """
    tag_of: Any = import_module("pydicom.datadict").tag_for_keyword
    unknown = [key for key in query if tag_of(key) is None]
    if unknown:
        message = f"expected DICOM keywords, such as Modality, got {', '.join(unknown)}"
        raise UsageError(message)
