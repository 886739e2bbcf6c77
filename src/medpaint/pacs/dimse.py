"""A DIMSE server (DICOM PS3.4, PS3.7): C-FIND, C-GET or C-MOVE, and C-STORE."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, Final

from medpaint.core.errors import InputError, ServerError, UsageError
from medpaint.core.types import Progress
from medpaint.io.dicom import quiet
from medpaint.pacs.association import Entity
from medpaint.pacs.reception import Intake, fetch_series, handing_to, waiting_for
from medpaint.pacs.remote import RemoteSeries, check_keywords
from medpaint.pacs.retry import TransientError, call_with_retry

__all__ = ["Dimse"]

_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
_MOVE: Final = "1.2.840.10008.5.1.4.1.2.2.2"
_GET: Final = "1.2.840.10008.5.1.4.1.2.2.3"
"""Study root information models: a query for series names their study (DICOM PS3.4, C.6.2)."""

_CLASSES: Final = (
    "1.2.840.10008.5.1.4.1.1.2",  # CT
    "1.2.840.10008.5.1.4.1.1.2.1",  # enhanced CT
    "1.2.840.10008.5.1.4.1.1.2.2",  # legacy converted enhanced CT
    "1.2.840.10008.5.1.4.1.1.4",  # MR
    "1.2.840.10008.5.1.4.1.1.4.1",  # enhanced MR
    "1.2.840.10008.5.1.4.1.1.4.4",  # legacy converted enhanced MR
    "1.2.840.10008.5.1.4.1.1.66.4",  # segmentation
    "1.2.840.10008.5.1.4.1.1.481.3",  # structure set
)
"""Storage classes that medpaint reads, and so fetches."""

_SYNTAXES: Final = (
    "1.2.840.10008.1.2.1",  # explicit little endian
    "1.2.840.10008.1.2",  # implicit little endian
    "1.2.840.10008.1.2.1.99",  # deflated
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.4.50",  # JPEG baseline
    "1.2.840.10008.1.2.4.51",  # JPEG extended
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS near-lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.201",  # high-throughput JPEG 2000 lossless
    "1.2.840.10008.1.2.4.203",  # high-throughput JPEG 2000
)
"""Each is proposed in a context of its own, so that instances come as stored; an association has room for 128."""

_OF_SERIES: Final = frozenset(
    {
        "Modality",
        "SeriesInstanceUID",
        "SeriesNumber",
        "SeriesDescription",
        "SeriesDate",
        "SeriesTime",
        "ProtocolName",
        "BodyPartExamined",
        "Laterality",
        "Manufacturer",
        "ManufacturerModelName",
        "InstitutionName",
        "StationName",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
    }
)
"""Keys at the level of a series; all others are at the level of its study."""

_CANCELLED: Final = 0xFE00

_OUT_OF_RESOURCES: Final = 0xA7
"""First byte of statuses that may pass in a moment (DICOM PS3.4, tables B.2-1, C.4-2)."""


class Dimse:
    """A DIMSE server; see `Server`.

    Args:
        entity: the server.
        receive: local port that the server has registered for us and sends to (C-MOVE); None: it sends over the
            same association (C-GET), which not all servers support.
    """

    def __init__(self, entity: Entity, *, receive: int | None = None) -> None:
        self._entity, self._receive = entity, receive
        self.url = entity.url

    def series(self, query: Mapping[str, str]) -> list[RemoteSeries]:
        """Return the series that match a query; see `Server`."""
        with quiet():
            _check_query(query)
            return call_with_retry(self.url, lambda: list(self._found(query)))

    def fetch(self, study: str, series: str, folder: Path, progress: Progress | None = None) -> int:
        """Fetch a series into a folder; see `Server`."""
        way = self._get if self._receive is None else self._move
        return fetch_series(self, self.url, (study, series), folder, progress, way)

    def store(self, files: Sequence[Path], progress: Progress | None = None) -> int:
        """Store DICOM files; see `Server`."""
        kinds = [_kind(file) for file in files]
        contexts = [_context(*kind) for kind in dict.fromkeys(kinds)]
        left = list(zip(files, kinds, strict=True))

        def resume() -> None:
            with quiet(), self._entity.associated(contexts) as association:
                for done in self._store_left(left, association, len(files)):
                    if progress is not None:
                        progress("store", done / len(files))

        call_with_retry(self.url, resume)
        return len(files)

    def _store_left(
        self,
        left: list[tuple[Path, tuple[str, str]]],
        association: Any,  # noqa: ANN401 - of pynetdicom
        total: int,
    ) -> Iterator[int]:
        """Store files over an association, remove each from the list once it is stored, and yield how many are.

        Args:
            left: the files that are left to store, with their SOP class and transfer syntax.
            association: with the server.
            total: number of files at the start.
        """
        accepted = {(one.abstract_syntax, one.transfer_syntax[0]) for one in association.accepted_contexts}
        while left:
            file, kind = left[0]
            if kind not in accepted:
                refused = " in ".join(_name(uid) for uid in kind)
                message = f"{self.url} stored {total - len(left)} of {total} instances, does not accept {refused}"
                raise ServerError(message)
            self._check(_established(association).send_c_store(file), "instance")
            del left[0]
            yield total - len(left)

    def _found(self, query: Mapping[str, str]) -> Iterator[RemoteSeries]:
        """Yield the matching series study by study, because servers need not search across studies."""
        of_series = {key: value for key, value in query.items() if key in _OF_SERIES}
        of_study = {key: value for key, value in query.items() if key not in _OF_SERIES}
        known = of_study.get("StudyInstanceUID", "")
        if "Modality" in of_series and not known:
            of_study.setdefault("ModalitiesInStudy", of_series["Modality"])
        with self._entity.associated([_context(_FIND, *_SYNTAXES[:2])]) as association:
            studies = [known]
            if not known or len(of_study) > 1:
                asked = {"StudyInstanceUID": "", **of_study}
                studies = [_uid(one, "StudyInstanceUID") for one in self._answers(association, "STUDY", asked)]
            wanted = {"SeriesInstanceUID": "", "Modality": "", "NumberOfSeriesRelatedInstances": "", **of_series}
            for study in studies:
                for answer in self._answers(association, "SERIES", {"StudyInstanceUID": study, **wanted}):
                    count = int(answer.get("NumberOfSeriesRelatedInstances") or 0)
                    modality = str(answer.get("Modality") or "")
                    yield RemoteSeries(study, _uid(answer, "SeriesInstanceUID"), modality, count)

    def _answers(self, association: Any, level: str, keys: Mapping[str, str]) -> Iterator[Any]:  # noqa: ANN401
        """Yield the server's matches at the level ``STUDY`` or ``SERIES``."""
        for status, answer in _established(association).send_c_find(_identifier(level, keys), _FIND):
            self._check(status, "query")
            if answer is not None:
                yield answer

    def _get(self, wanted: RemoteSeries, intake: Intake) -> None:
        """Have a series sent over the association that asks for it (C-GET)."""
        net: Any = import_module("pynetdicom")
        contexts = [_context(*kind) for kind in product(_CLASSES, _SYNTAXES)]
        roles = [net.build_role(one, scp_role=True) for one in _CLASSES]
        with (
            handing_to(intake) as handler,
            self._entity.associated(
                [_context(_GET, *_SYNTAXES[:2]), *contexts], roles=roles, handlers=[handler]
            ) as association,
        ):
            if all(one.abstract_syntax != _GET for one in association.accepted_contexts):
                message = f"{self.url} does not offer C-GET: use C-MOVE with --receive"
                raise ServerError(message)
            for status, _ in _established(association).send_c_get(_series_of(wanted), _GET):
                self._check(status, "request")

    def _move(self, wanted: RemoteSeries, intake: Intake) -> None:
        """Have a series sent to a local port that accepts associations of the server only (C-MOVE)."""
        ours = self._entity.application()
        ours.require_called_aet, ours.require_calling_aet = True, [self._entity.title]
        with handing_to(intake) as handler:
            receiver = self._listening(ours, handler)
            try:
                with self._entity.associated([_context(_MOVE, *_SYNTAXES[:2])]) as association:
                    waiting_for(association, intake, self._entity.timeout_s)
                    ours_there = f"{self._entity.calling}, this machine, port {self._receive}"
                    for status, _ in association.send_c_move(_series_of(wanted), self._entity.calling, _MOVE):
                        self._check(status, f"request (register there: {ours_there})")
            finally:
                receiver.shutdown()
                for one in receiver.active_associations:
                    one.abort()

    def _listening(self, ours: Any, handler: Any) -> Any:  # noqa: ANN401 - of pynetdicom
        """Start to listen at the port."""
        contexts = [_context(one, *_SYNTAXES) for one in _CLASSES]
        try:
            return ours.start_server(("", self._receive), block=False, contexts=contexts, evt_handlers=[handler])
        except OSError as error:
            message = f"expected a free port to receive at, cannot use {self._receive}: {error.strerror or error}"
            raise UsageError(message) from error

    def _check(self, status: Any, what: str) -> None:  # noqa: ANN401 - a dataset
        """Raise the failure that an answer reports; pending answers and warnings pass."""
        code = status.get("Status")
        if code is None:
            message = "it ended the association, or did not answer in time"
            raise TransientError(message)
        failed = status.get("NumberOfFailedSuboperations") or 0
        if code >> 8 == _OUT_OF_RESOURCES:
            message = f"it is out of resources for the {what} (status {code:#06x})"
            raise TransientError(message)
        if code == _CANCELLED:
            message = f"{self.url} ended the {what} early: it may limit how much it lists, narrow the search"
            raise ServerError(message)
        if failed or (code not in {0x0000, 0xFF00, 0xFF01} and code >> 12 != 0xB):
            more = f", and could not send {failed} instances" if failed else ""
            message = f"{self.url} refused the {what} (status {code:#06x}){more}"
            raise ServerError(message)


def _established(association: Any) -> Any:  # noqa: ANN401 - of pynetdicom
    """Return an association, after checking that it has not ended since the last answer.

    Raises:
        TransientError: it has ended.
    """
    if not association.is_established:
        message = "it ended the association"
        raise TransientError(message)
    return association


def _uid(answer: Any, keyword: str) -> str:  # noqa: ANN401 - of pydicom
    """Return an identifier from an answer.

    Raises:
        TransientError: the answer lacks it.
    """
    found = str(answer.get(keyword) or "")
    if not found:
        message = f"its answer lacks {keyword}"
        raise TransientError(message)
    return found


def _context(abstract: str, *syntaxes: str) -> Any:  # noqa: ANN401 - of pynetdicom
    """Return a presentation context: what to exchange, and in which transfer syntaxes."""
    build: Callable[..., Any] = import_module("pynetdicom").build_context
    return build(abstract, list(syntaxes))


def _identifier(level: str, keys: Mapping[str, str]) -> Any:  # noqa: ANN401 - of pydicom
    """Return the data set that asks for the given keys at a level."""
    pydicom: Any = import_module("pydicom")
    found = pydicom.Dataset()
    found.QueryRetrieveLevel = level
    for key, value in keys.items():
        setattr(found, key, value)
    return found


def _series_of(wanted: RemoteSeries) -> Any:  # noqa: ANN401 - of pydicom
    """Return the data set that asks for a series."""
    return _identifier("SERIES", {"StudyInstanceUID": wanted.study, "SeriesInstanceUID": wanted.series})


def _check_query(query: Mapping[str, str]) -> None:
    """Refuse unknown keywords, and values that they cannot have."""
    check_keywords(query)
    try:
        _identifier("SERIES", query)
    except (ValueError, TypeError, OverflowError) as error:
        message = f"expected valid values for {', '.join(query)}, got an invalid one"
        raise UsageError(message) from error


def _kind(file: Path) -> tuple[str, str]:
    """Return the SOP class and the transfer syntax of a DICOM file.

    Raises:
        InputError: not a DICOM file.
    """
    pydicom: Any = import_module("pydicom")
    try:
        with quiet():
            meta = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=[]).file_meta
        return str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)
    except (OSError, AttributeError, pydicom.errors.InvalidDicomError) as error:
        message = f"{file}: expected a DICOM file to store"
        raise InputError(message) from error


def _name(uid: str) -> str:
    """Return the name of a DICOM identifier."""
    uids: Any = import_module("pydicom.uid")
    return str(uids.UID(uid).name)
