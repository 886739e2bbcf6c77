"""What every kind of server does: say what series it has, hand them out, and take products."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from medpaint.core.errors import InputError, ServerError, UsageError
from medpaint.core.types import Progress
from medpaint.pacs.insistence import BrokenOffError

__all__ = ["Intake", "RemoteSeries", "Server", "check_uids", "only", "read_object"]

UID: Final = re.compile(r"[0-9]+(\.[0-9]+)*")
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
            ServerError: the server was not reached, or refused.
        """
        ...

    def fetch(self, study: str, series: str, folder: Path, progress: Progress | None = None) -> int:
        """Fetch a series into a folder, which appears when it is complete; return the number of files.

        Raises:
            UsageError: study or series is no identifier.
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


class Intake:
    """Takes the instances of a series as they come, a file each.

    Args:
        url: of the server, for messages.
        wanted: the series; with 0 instances where the server does not count them.
        folder: of the files.
        progress: told the fraction that has come.
    """

    def __init__(self, url: str, wanted: RemoteSeries, folder: Path, progress: Progress | None) -> None:
        self._url, self._wanted, self._folder, self._progress = url, wanted, folder, progress
        self.count = 0

    def take(self, series: str, write: Callable[[Path], object]) -> None:
        """Take an instance.

        Args:
            series: that it belongs to.
            write: writes it into a file.

        Raises:
            ServerError: it belongs to another series.
        """
        if series != self._wanted.series:
            message = f"expected instances of series {self._wanted.series} from {self._url}, got others"
            raise ServerError(message)
        self.count += 1
        write(self._folder / f"{self.count:04d}.dcm")
        if self._progress is not None:
            self._progress("fetch", min(1.0, self.count / max(1, self._wanted.instances)))

    def check(self) -> int:
        """Return how many instances came.

        Raises:
            BrokenOffError: fewer than there are.
        """
        if self.count < max(1, self._wanted.instances):
            message = (
                f"expected {self._wanted.instances} instances of series {self._wanted.series}, got {self.count}"
            )
            raise BrokenOffError(message)
        return self.count


def only(found: Sequence[RemoteSeries], url: str, series: str) -> RemoteSeries:
    """Return the series that was asked for.

    Raises:
        ServerError: there is none.
    """
    if not found:
        message = f"expected series {series} on {url}, found none"
        raise ServerError(message)
    return found[0]


def check_uids(*uids: str) -> None:
    """Refuse words that are no identifiers: one becomes the name of a folder, and could lead anywhere.

    Raises:
        UsageError: one is not digits and dots.
    """
    for uid in uids:
        if not UID.fullmatch(uid):
            message = f"expected a DICOM identifier, digits and dots, got {uid!r}"
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
