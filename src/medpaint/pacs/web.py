"""A DICOMweb server (DICOM PS3.18): QIDO-RS, WADO-RS and STOW-RS."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from medpaint.core.types import Progress
from medpaint.pacs.answers import checked_count, checked_modality, checked_uid, first_in
from medpaint.pacs.credentials import Credentials
from medpaint.pacs.http import Answer, Http
from medpaint.pacs.limits import ANSWER_BYTES, INSTANCE_BYTES, LIST_S, MOST_PAGES, MOST_SERIES, SERIES_BYTES
from medpaint.pacs.multipart import boundary_of, parts_of
from medpaint.pacs.reception import Intake, fetch_series
from medpaint.pacs.remote import RemoteSeries, check_keywords
from medpaint.pacs.retry import PermanentError, TransientError, call_with_retry
from medpaint.pacs.storing import Outgoing, batches_of, outgoing_of, packed, receipt_of

__all__ = ["DicomWeb"]

_STUDY: Final = "0020000D"
_SERIES: Final = "0020000E"
_MODALITY: Final = "00080060"
_INSTANCES: Final = "00201209"
"""Attributes in a list of series. None of them identifies a patient."""

_JSON: Final = "application/dicom+json"
_AS_STORED: Final = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_NO_CONTENT: Final = 204
_NOT_DICOMWEB: Final = "expected a DICOMweb service at this address, got an answer of another kind"


class DicomWeb:
    """A DICOMweb server; see `Server`.

    Args:
        url: root of its DICOMweb service, such as ``https://pacs.example/dicom-web``.
        credentials: user and password, or a token.
        authority: PEM file of certificates to trust in addition to the system's.
        timeout_s: seconds to wait for an answer.

    Raises:
        UsageError: requests is missing, or the address is wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        authority: Path | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        self.url = url.rstrip("/")
        self._http = Http(self.url, credentials=credentials, authority=authority, timeout_s=timeout_s)

    def series(self, query: Mapping[str, str]) -> list[RemoteSeries]:
        """Return the series that match a query; see `Server`."""
        check_keywords(query)
        return call_with_retry(self.url, lambda: self._found(query))

    def fetch(self, study: str, series: str, folder: Path, progress: Progress | None = None) -> int:
        """Fetch a series into a folder; see `Server`."""
        return fetch_series(self, self.url, (study, series), folder, progress, self._receive_into)

    def store(self, files: Sequence[Path], progress: Progress | None = None) -> int:
        """Store DICOM files; see `Server`."""
        outgoing = [outgoing_of(file) for file in files]
        total = len({one.instance for one in outgoing})
        stored: set[str] = set()
        for batch in batches_of(outgoing):
            call_with_retry(self.url, partial(self._store_batch, batch, stored, total))
            if progress is not None:
                progress("store", len(stored) / total)
        return len(stored)

    def _store_batch(self, batch: Sequence[Outgoing], stored: set[str], total: int) -> None:
        """Store a batch, and add the instances that the server confirms to those that are stored."""
        content, kind = packed(batch)
        with self._http.post("studies", content, kind, _JSON, ANSWER_BYTES) as answer:
            receipt = receipt_of(_json_of(answer), {one.instance for one in batch})
        stored |= receipt.stored
        receipt.check(len(stored), total)

    def _found(self, query: Mapping[str, str]) -> list[RemoteSeries]:
        """Return the series that match, page by page: servers may shorten a list without saying so."""
        found: dict[RemoteSeries, None] = {}
        end = time.monotonic() + LIST_S
        for _ in range(MOST_PAGES):
            before = len(found)
            found |= dict.fromkeys(self._page(query, before))
            if len(found) == before or "SeriesInstanceUID" in query:
                return list(found)
            if len(found) > MOST_SERIES or time.monotonic() > end:
                break
        message = f"its list does not end: {len(found)} series so far; narrow the search"
        raise PermanentError(message)

    def _page(self, query: Mapping[str, str], offset: int) -> list[RemoteSeries]:
        """Return the series that match, from `offset` on, as many as the server lists at once."""
        asked = [*query.items(), *(("includefield", tag) for tag in (_STUDY, _SERIES, _MODALITY, _INSTANCES))]
        if offset:
            asked.append(("offset", str(offset)))
        with self._http.get("series", asked, _JSON, ANSWER_BYTES) as answer:
            rows = [] if answer.status == _NO_CONTENT else _json_of(answer)
        if isinstance(rows, dict):
            rows = [rows]
        if not isinstance(rows, list):
            raise PermanentError(_NOT_DICOMWEB)
        return [_series_in(row) for row in rows]

    def _receive_into(self, wanted: RemoteSeries, intake: Intake) -> None:
        """Pass the instances of a series to an intake."""
        path = f"studies/{wanted.study}/series/{wanted.series}"
        with self._http.get(path, (), _AS_STORED, SERIES_BYTES) as answer:
            for part in parts_of(answer.chunks, boundary_of(answer.kind)):
                intake.take(partial(_write, part))


def _json_of(answer: Answer) -> Any:  # noqa: ANN401 - JSON
    """Return the content of an answer in DICOM JSON.

    Raises:
        TransientError: it is truncated.
        PermanentError: it is empty, or something else.
    """
    content = b"".join(answer.chunks)
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        if content.lstrip()[:1] in {b"[", b"{"} and not isinstance(error, RecursionError):
            message = "the transfer broke off, or its answer is damaged: expected DICOM JSON"
            raise TransientError(message) from error
        message = "expected a DICOMweb service at this address, got an empty answer"
        raise PermanentError(_NOT_DICOMWEB if content else message) from error


def _series_in(row: object) -> RemoteSeries:
    """Return a series from a list, every value checked.

    Raises:
        PermanentError: the row or an identifier in it is invalid.
    """
    if not isinstance(row, dict):
        raise PermanentError(_NOT_DICOMWEB)
    return RemoteSeries(
        checked_uid(first_in(row, _STUDY), "StudyInstanceUID"),
        checked_uid(first_in(row, _SERIES), "SeriesInstanceUID"),
        checked_modality(first_in(row, _MODALITY)),
        checked_count(first_in(row, _INSTANCES), "NumberOfSeriesRelatedInstances"),
    )


def _write(part: Iterable[bytes], file: Path) -> None:
    """Write an instance as it comes.

    Raises:
        PermanentError: it is too large.
    """
    size = 0
    with file.open("wb") as opened:
        for piece in part:
            size += len(piece)
            if size > INSTANCE_BYTES:
                message = f"it sends an instance of more than {INSTANCE_BYTES} bytes"
                raise PermanentError(message)
            opened.write(piece)
