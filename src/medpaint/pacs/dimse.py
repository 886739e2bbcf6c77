"""A DIMSE server (DICOM PS3.4, PS3.7): C-FIND, C-GET or C-MOVE, and C-STORE."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, Final

from medpaint.core.errors import InputError, ServerError, UsageError
from medpaint.core.types import Progress
from medpaint.io.dicom import quiet
from medpaint.io.dicom.parsing import PARSE_ERRORS
from medpaint.pacs.answers import checked_count, checked_modality, checked_uid, value_of
from medpaint.pacs.association import Entity
from medpaint.pacs.contact import EndedError
from medpaint.pacs.guard import guarding
from medpaint.pacs.limits import (
    ANSWER_BYTES,
    LIST_RATE,
    LIST_S,
    MESSAGE_BYTES,
    MOST_REPORTS,
    MOST_SERIES,
    SERIES_BYTES,
    Allowance,
)
from medpaint.pacs.receiver import receiving, waiting_for
from medpaint.pacs.reception import Intake, fetch_series, handing_to
from medpaint.pacs.remote import RemoteSeries, check_keywords
from medpaint.pacs.retry import PermanentError, call_with_retry
from medpaint.pacs.services import CLASSES, FIND, GET, MOVE, OF_SERIES, SYNTAXES, context_of
from medpaint.pacs.status import PENDING, check_counts, check_status
from medpaint.pacs.storing import Outgoing, outgoing_of

__all__ = ["Dimse"]

_ENDLESS: Final = "its list does not end; narrow the search"


class Dimse:
    """A DIMSE server; see `Server`.

    Args:
        entity: the server.
        receive: local port that the server has registered for us and sends to (C-MOVE); None: it sends over the
            same association (C-GET), which not all servers support.
        senders: hosts, addresses and networks other than the server's own that it may send to that port from.
    """

    def __init__(self, entity: Entity, *, receive: int | None = None, senders: Sequence[str] = ()) -> None:
        self._entity, self._receive, self._senders = entity, receive, tuple(senders)
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
        left = [outgoing_of(file) for file in files]
        contexts = [context_of(*kind) for kind in dict.fromkeys((one.sop_class, one.syntax) for one in left)]
        total = len({one.instance for one in left})
        stored: set[str] = set()

        def resume() -> None:
            allowance = Allowance(self._entity.timeout_s, ANSWER_BYTES)
            with quiet(), self._entity.associated(contexts, allowance) as association:
                accepted = {(one.abstract_syntax, one.transfer_syntax[0]) for one in association.accepted_contexts}
                while left:
                    allowance.restart(sent=left[0].file.stat().st_size)
                    self._store_one(association, accepted, left[0], f"{len(stored)} of {total}")
                    stored.add(left.pop(0).instance)
                    if progress is not None:
                        progress("store", len(stored) / total)

        call_with_retry(self.url, resume)
        return len(stored)

    def _store_one(
        self,
        association: Any,  # noqa: ANN401 - of pynetdicom
        accepted: Collection[tuple[str, str]],
        outgoing: Outgoing,
        done: str,
    ) -> None:
        """Store a file over an association.

        Args:
            association: with the server.
            accepted: classes and transfer syntaxes that it accepts.
            outgoing: the file.
            done: how many instances of how many are stored.
        """
        kind = outgoing.sop_class, outgoing.syntax
        if kind not in accepted:
            refused = " in ".join(_name(uid) for uid in kind)
            message = f"{self.url} stored {done} instances, does not accept {refused}"
            raise ServerError(message)
        check_status(self.url, _sent(association, outgoing.file), "instance", final=True)

    def _found(self, query: Mapping[str, str]) -> Iterator[RemoteSeries]:
        """Yield the matching series study by study, because servers need not search across studies."""
        of_series = {key: value for key, value in query.items() if key in OF_SERIES}
        of_study = {key: value for key, value in query.items() if key not in OF_SERIES}
        known = of_study.get("StudyInstanceUID", "")
        if "Modality" in of_series and not known:
            of_study.setdefault("ModalitiesInStudy", of_series["Modality"])
        allowance = Allowance(self._entity.timeout_s, ANSWER_BYTES, slowest=LIST_RATE)
        end, count = time.monotonic() + LIST_S, 0
        with self._entity.associated([context_of(FIND, *SYNTAXES[:2])], allowance) as association:
            studies = [known]
            if not known or len(of_study) > 1:
                asked = {"StudyInstanceUID": "", **of_study}
                studies = [
                    checked_uid(value_of(one, "StudyInstanceUID"), "StudyInstanceUID")
                    for one in self._answers(association, "STUDY", asked)
                ]
            wanted = {"SeriesInstanceUID": "", "Modality": "", "NumberOfSeriesRelatedInstances": "", **of_series}
            for study in dict.fromkeys(studies):
                allowance.restart()
                for answer in self._answers(association, "SERIES", {"StudyInstanceUID": study, **wanted}):
                    count += 1
                    if count > MOST_SERIES or time.monotonic() > end:
                        raise PermanentError(_ENDLESS)
                    yield _series_in(answer, study)

    def _answers(self, association: Any, level: str, keys: Mapping[str, str]) -> Iterator[Any]:  # noqa: ANN401
        """Yield the server's matches at the level ``STUDY`` or ``SERIES``."""
        answers = _asked(association, "send_c_find", _identifier(level, keys), FIND)
        for number, (status, answer) in enumerate(answers):
            check_status(self.url, status, "query")
            if number >= MOST_SERIES:
                raise PermanentError(_ENDLESS)
            if answer is not None:
                yield answer
            elif status.Status in PENDING:
                message = "expected what matches the query, got an answer that cannot be parsed"
                raise PermanentError(message)

    def _get(self, wanted: RemoteSeries, intake: Intake) -> None:
        """Have a series sent over the association that asks for it (C-GET)."""
        net: Any = import_module("pynetdicom")
        contexts = [context_of(*kind) for kind in product(CLASSES, SYNTAXES)]
        roles = [net.build_role(one, scp_role=True) for one in CLASSES]
        allowance = self._for_series()
        with (
            handing_to(intake, allowance) as handler,
            self._entity.associated(
                [context_of(GET, *SYNTAXES[:2]), *contexts], allowance, roles=roles, handlers=[handler]
            ) as association,
        ):
            if all(one.abstract_syntax != GET for one in association.accepted_contexts):
                message = f"{self.url} does not offer C-GET: use C-MOVE with --receive"
                raise ServerError(message)
            self._follow(_asked(association, "send_c_get", _series_of(wanted), GET), "request", intake)

    def _move(self, wanted: RemoteSeries, intake: Intake) -> None:
        """Have a series sent to a local port (C-MOVE)."""
        ours, port, timeout_s = self._entity.calling, self._receive or 0, self._entity.timeout_s
        number = secrets.randbelow(2**16 - 1) + 1
        what = f"request (register there: {ours}, this machine, port {port})"
        allowance = self._for_series()
        with (
            handing_to(intake, allowance, (ours, number)) as handler,
            receiving(self._entity, port, [handler, guarding(allowance, timeout_s)], senders=self._senders),
            self._entity.associated([context_of(MOVE, *SYNTAXES[:2])], allowance) as association,
        ):
            waiting_for(association, intake, timeout_s)
            answers = _asked(association, "send_c_move", _series_of(wanted), ours, MOVE, number)
            self._follow(answers, what, intake)

    def _follow(self, answers: Iterable[Any], what: str, intake: Intake) -> None:
        """Wait for the end of a transfer, and compare what the server says of it with what arrived.

        What comes later does not count, so the intake is closed before the association is.
        """
        for number, (status, _) in enumerate(answers):
            check_status(self.url, status, what)
            if status.Status not in PENDING:
                check_counts(status, intake.count)
            elif number >= MOST_REPORTS + intake.count:
                message = "it reports progress without end"
                raise PermanentError(message)
        intake.close()

    def _for_series(self) -> Allowance:
        """Return what a transfer of a series may take."""
        return Allowance(self._entity.timeout_s, MESSAGE_BYTES, total=SERIES_BYTES)


def _established(association: Any) -> Any:  # noqa: ANN401 - of pynetdicom
    """Return an association, after checking that it has not ended since the last answer.

    Raises:
        EndedError: it has ended.
    """
    if not association.is_established:
        raise EndedError
    return association


def _asked(association: Any, method: str, *words: object) -> Any:  # noqa: ANN401 - of pynetdicom
    """Return the answers to a request over an association.

    Args:
        association: with the server.
        method: of the association, which sends the request.
        words: its arguments.

    Raises:
        EndedError: the association has ended.
        PermanentError: the server has accepted the service in another role.
    """
    try:
        return getattr(_established(association), method)(*words)
    except RuntimeError as error:  # it has ended since it was checked
        raise EndedError from error
    except ValueError as error:
        message = "it accepts the service in another role than was offered"
        raise PermanentError(message) from error


def _sent(association: Any, file: Path) -> Any:  # noqa: ANN401 - of pynetdicom
    """Return the status with which the server answers to an instance.

    Raises:
        InputError: the file is damaged.
    """
    try:
        return _established(association).send_c_store(file)
    except PARSE_ERRORS as error:
        _established(association)  # it may have ended in between, which is not the fault of the file
        message = f"{file}: expected a DICOM file to store"
        raise InputError(message) from error


def _series_in(answer: Any, study: str) -> RemoteSeries:  # noqa: ANN401 - of pydicom
    """Return a series from an answer, every value checked.

    Raises:
        PermanentError: an identifier is invalid, or the series belongs to another study.
    """
    if checked_uid(value_of(answer, "StudyInstanceUID") or study, "StudyInstanceUID") != study:
        message = f"expected the series of study {study}, its answer has one of another study"
        raise PermanentError(message)
    return RemoteSeries(
        study,
        checked_uid(value_of(answer, "SeriesInstanceUID"), "SeriesInstanceUID"),
        checked_modality(value_of(answer, "Modality")),
        checked_count(value_of(answer, "NumberOfSeriesRelatedInstances"), "NumberOfSeriesRelatedInstances"),
    )


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


def _name(uid: str) -> str:
    """Return the name of a DICOM identifier."""
    uids: Any = import_module("pydicom.uid")
    return str(uids.UID(uid).name)
