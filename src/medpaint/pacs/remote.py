"""What every kind of server does: say what series it has, hand them out, and take products."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from medpaint.core.errors import AbsentError, InputError, UsageError
from medpaint.core.types import Progress

__all__ = ["RemoteSeries", "Server", "check_keywords", "check_uids", "only", "read_object"]

_UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
"""An identifier of DICOM (PS3.5, 9.1)."""


@dataclass(frozen=True)
class RemoteSeries:
    """A series that a server has."""

    study: str
    series: str
    modality: str
    instances: int


class Server(Protocol):
    """A server of images, which is asked again where it fails for a moment."""

    def series(self, query: Mapping[str, str]) -> list[RemoteSeries]:
        """Return the series that match a query, such as ``{"Modality": "MR", "StudyDate": "20250101-"}``.

        Raises:
            UsageError: a key is no keyword of DICOM.
            ServerError: the server was not reached, or refused.
        """
        ...

    def fetch(self, study: str, series: str, folder: Path, progress: Progress | None = None) -> int:
        """Fetch a series into a folder, which appears when it is complete; return the number of files.

        Raises:
            UsageError: study or series is no identifier.
            AbsentError: there is no such series.
            ServerError: the server was not reached, refused, or sent something else or too little.
        """
        ...

    def store(self, files: Sequence[Path], progress: Progress | None = None) -> int:
        """Store DICOM files; return how many. Stored again, an instance stays what it was.

        Raises:
            InputError: a file is no DICOM.
            ServerError: the server was not reached, or refused some; what it has taken it keeps.
        """
        ...


def only(found: Sequence[RemoteSeries], url: str, study: str, series: str) -> RemoteSeries:
    """Return the series that was asked for, and no other that a server may answer with.

    Raises:
        AbsentError: it is not there.
    """
    for one in found:
        if (one.study, one.series) == (study, series):
            return one
    message = f"expected series {series} of study {study} on {url}, found none"
    raise AbsentError(message)


def check_uids(*uids: str) -> None:
    """Refuse words that are no identifiers: one becomes the name of a folder, and could lead anywhere.

    Raises:
        UsageError: one is not digits and dots.
    """
    for uid in uids:
        if not _UID.fullmatch(uid):
            message = f"expected a DICOM identifier, digits and dots, got {uid!r}"
            raise UsageError(message)


def check_keywords(query: Mapping[str, str]) -> None:
    """Refuse keys that are no keywords of DICOM: a server may pass over them, and list all that it has.

    Raises:
        UsageError: one is none.
    """
    tag_of: Any = import_module("pydicom.datadict").tag_for_keyword
    unknown = [key for key in query if tag_of(key) is None]
    if unknown:
        message = f"expected keywords of DICOM to look for, such as Modality, got {', '.join(unknown)}"
        raise UsageError(message)


def read_object(file: Path) -> Any:  # noqa: ANN401 - of pydicom, which is loaded late
    """Read a DICOM file to be stored.

    Raises:
        InputError: it is none.
    """
    pydicom: Any = import_module("pydicom")
    try:
        return pydicom.dcmread(file)
    except (OSError, pydicom.errors.InvalidDicomError) as error:
        message = f"{file}: expected a DICOM file to store"
        raise InputError(message) from error
