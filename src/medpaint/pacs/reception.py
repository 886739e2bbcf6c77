"""Reception of the instances of a series (DICOM PS3.4, annex B)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, Final, NoReturn

from medpaint.core.errors import MedpaintError, ServerError
from medpaint.core.types import Progress
from medpaint.io.atomic import replacing_folder
from medpaint.io.dicom import quiet
from medpaint.io.dicom.parsing import PARSE_ERRORS
from medpaint.pacs.instance import Identity, identity_of
from medpaint.pacs.limits import MOST_INSTANCES, Allowance
from medpaint.pacs.remote import RemoteSeries, Server, check_uids, only
from medpaint.pacs.retry import PermanentError, TransientError, call_with_retry

__all__ = ["Intake", "fetch_series", "handing_to"]

_REFUSED: Final = 0xA900
"""Status of an instance that is not accepted: its data set does not match (DICOM PS3.4, table B.2-1)."""


class Intake:
    """Writes the arriving instances of a series, one file each, until it is closed.

    Several threads may pass it instances: a server may send over several associations.

    Args:
        url: address of the server, for messages.
        wanted: the series; with 0 instances if the server does not count them.
        folder: where to write the files.
        progress: called with the fraction that has arrived.
    """

    def __init__(self, url: str, wanted: RemoteSeries, folder: Path, progress: Progress | None) -> None:
        self._url, self._wanted, self._folder, self._progress = url, wanted, folder, progress
        self._taken: set[str] = set()
        self._lock, self._open = Lock(), True
        self.last = time.monotonic()

    @property
    def count(self) -> int:
        """Number of instances that have arrived."""
        return len(self._taken)

    def take(self, write: Callable[[Path], object]) -> Identity:
        """Write an instance to a file, check what it is, and return that.

        Args:
            write: writes it to the given path.

        Raises:
            ServerError: it belongs to another study or series, is a duplicate, is one too many, or comes too late.
            PermanentError: it is not DICOM, or lacks identifiers.
            TransientError: it is truncated.
        """
        with self._lock:
            self._refuse_more()
            file = self._folder / f"{len(self._taken) + 1:04d}.dcm"
            write(file)
            identity = identity_of(file)
            self._refuse_others(identity)
            self._taken.add(identity.instance)
            self.last = time.monotonic()
            if self._progress is not None:
                self._progress("fetch", min(1.0, len(self._taken) / max(1, self._wanted.instances)))
            return identity

    def close(self) -> int:
        """Accept no more instances; return how many arrived.

        Raises:
            TransientError: fewer arrived than the series has.
        """
        with self._lock:
            self._open = False
        expected, series, count = self._wanted.instances, self._wanted.series, len(self._taken)
        if count < max(1, expected):
            wanted = f"{expected} instances" if expected else "an instance or more"
            message = f"expected {wanted} of series {series}, got {count}"
            raise TransientError(message)
        return count

    @contextmanager
    def closing(self) -> Iterator[Intake]:
        """Accept no more instances once the block ends, even by an error."""
        try:
            yield self
        finally:
            self._open = False

    def _refuse_more(self) -> None:
        """Refuse an instance where no further one is expected."""
        count = len(self._taken)
        if 0 < self._wanted.instances <= count:
            self._refuse(f"more than the {self._wanted.instances} that it lists")
        if count >= MOST_INSTANCES:
            self._refuse(f"more than {MOST_INSTANCES}")
        if not self._open:
            self._refuse("one after the transfer had ended")

    def _refuse_others(self, identity: Identity) -> None:
        """Refuse an instance that is not a further one of the series."""
        if identity.series != self._wanted.series:
            self._refuse("one of another series")
        if identity.study != self._wanted.study:
            self._refuse("one of another study")
        if identity.instance in self._taken:
            self._refuse("one twice")

    def _refuse(self, got: str) -> NoReturn:
        """Raise what came instead of an instance of the series."""
        message = f"expected the instances of series {self._wanted.series} from {self._url}, each once, got {got}"
        raise ServerError(message)


def fetch_series(
    server: Server,
    url: str,
    wanted: tuple[str, str],
    folder: Path,
    progress: Progress | None,
    receive: Callable[[RemoteSeries, Intake], None],
) -> int:
    """Fetch a series as `Server.fetch` promises, by any protocol.

    Args:
        server: lists the series.
        url: address of the server, for messages.
        wanted: UIDs of study and series.
        folder: the folder to create.
        progress: called with the fraction that has arrived.
        receive: has the instances of the series sent, and passes them to an intake.
    """
    check_uids(*wanted)
    study, series = wanted
    listed = only(server.series({"StudyInstanceUID": study, "SeriesInstanceUID": series}), url, study, series)

    def attempt() -> int:
        with quiet(), replacing_folder(folder) as part:
            intake = Intake(url, listed, part, progress)
            receive(listed, intake)
            return intake.close()

    return call_with_retry(url, attempt)


@contextmanager
def handing_to(intake: Intake, allowance: Allowance, origin: tuple[str, int] | None = None) -> Iterator[Any]:
    """Yield an event handler that passes arriving instances to an intake, and raise its first error in the end.

    Args:
        intake: takes them.
        allowance: what the transfer may take; counts the bytes of each instance from nothing. After an error it is
            used up, so that the server can end the connections only.
        origin: our title and the number of the request (C-MOVE) for which instances may be sent; None: any.
    """
    events: Any = import_module("pynetdicom.events")
    errors: list[Exception] = []

    def take(event: Any) -> int:  # noqa: ANN401 - of pynetdicom
        allowance.next_message()
        try:
            _check_command(event, origin)
            content = event.encoded_dataset()
            _check_agreement(event.request, intake.take(lambda path: path.write_bytes(content)))
        except (MedpaintError, TransientError, PermanentError, OSError) as error:
            errors.append(error)
        except PARSE_ERRORS:
            errors.append(PermanentError("expected DICOM instances, got something that cannot be parsed"))
        if errors:
            allowance.use_up(str(errors[0]))
            return _REFUSED
        return 0x0000

    try:
        with intake.closing():
            yield events.EVT_C_STORE, take
    except (MedpaintError, TransientError, PermanentError):
        if not errors:
            raise
    if errors:
        raise errors[0]


def _check_command(event: Any, origin: tuple[str, int] | None) -> None:  # noqa: ANN401 - of pynetdicom
    """Refuse an instance that is sent for another request, or not as agreed.

    Raises:
        PermanentError: it is.
    """
    request = event.request
    if request.AffectedSOPClassUID != event.context.abstract_syntax:
        message = "it sends an instance as another class than the association has agreed on"
        raise PermanentError(message)
    named = request.MoveOriginatorApplicationEntityTitle, request.MoveOriginatorMessageID
    if origin is not None and any(got not in {None, own} for got, own in zip(named, origin, strict=True)):
        message = "it sends an instance for another request than ours"
        raise PermanentError(message)


def _check_agreement(request: Any, identity: Identity) -> None:  # noqa: ANN401 - of pynetdicom
    """Refuse an instance that is not what its command says.

    Raises:
        PermanentError: it is not.
    """
    if request.AffectedSOPInstanceUID != identity.instance:
        message = "it sends an instance with another SOPInstanceUID than its command names"
        raise PermanentError(message)
    if request.AffectedSOPClassUID != identity.sop_class:
        message = "it sends an instance with another SOPClassUID than its command names"
        raise PermanentError(message)
