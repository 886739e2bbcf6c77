"""A DICOMweb server (DICOM PS3.18): QIDO-RS, WADO-RS and STOW-RS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from medpaint.core.errors import ServerError, UsageError
from medpaint.core.types import Progress
from medpaint.io.dicom import quiet
from medpaint.pacs.credentials import Credentials, check_authority
from medpaint.pacs.reception import Intake, fetch_series
from medpaint.pacs.remote import RemoteSeries, check_keywords, read_object
from medpaint.pacs.retry import TransferError, call_with_retry

__all__ = ["DicomWeb"]

REQUEST_BYTES: Final = 64 * 2**20
"""Approximate size of the instances in one request to store."""

_TABLE: Final = {
    "study": "0020000D",
    "series": "0020000E",
    "modality": "00080060",
    "instances": "00201209",
}
"""Columns of a list of series, and their attributes. None of them identifies a patient."""


class DicomWeb:
    """A DICOMweb server; see `Server`.

    Args:
        url: root of its DICOMweb service, such as ``https://pacs.example/dicom-web``.
        credentials: user and password, or a token.
        authority: PEM file of certificates to trust in addition to the system's.
        timeout_s: seconds to wait for an answer.

    Raises:
        UsageError: dicomweb-client is missing, or the address is wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        authority: Path | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        if "@" in url.partition("//")[2].partition("/")[0]:
            message = "expected an address without user and password: give them by environment or file"
            raise UsageError(message)
        try:
            web: Any = import_module("dicomweb_client")
            sessions: Any = import_module("dicomweb_client.session_utils")
        except ImportError as error:
            message = f"medpaint pacs needs pip install 'medpaint[pacs]': {error}"
            raise UsageError(message) from error
        given = credentials or Credentials()
        session = sessions.create_session()
        if given.user:
            session = sessions.create_session_from_user_pass(given.user, given.password)
        elif given.token:
            session.headers["Authorization"] = f"Bearer {given.token}"
        if authority is not None:
            _trust(session, check_authority(authority))
        self.url = url.rstrip("/")
        try:
            self._client = web.DICOMwebClient(self.url, session=session, timeout=timeout_s)
        except ValueError as error:
            message = (
                f"expected the address of a DICOMweb service, such as https://pacs.example/dicom-web, got {url}"
            )
            raise UsageError(message) from error
        self._client.set_http_retry_params(retry=False)

    def series(self, query: Mapping[str, str]) -> list[RemoteSeries]:
        """Return the series that match a query; see `Server`."""
        check_keywords(query)
        return call_with_retry(self.url, lambda: self._found(query))

    def fetch(self, study: str, series: str, folder: Path, progress: Progress | None = None) -> int:
        """Fetch a series into a folder; see `Server`."""
        return fetch_series(self, self.url, (study, series), folder, progress, self._receive_into)

    def store(self, files: Sequence[Path], progress: Progress | None = None) -> int:
        """Store DICOM files; see `Server`."""
        done = 0
        for part in _batches(files):
            with quiet():
                datasets = [read_object(file) for file in part]
            answer = call_with_retry(self.url, partial(self._client.store_instances, datasets))
            refused = answer.get("FailedSOPSequence") or []
            if refused:
                reasons = sorted({f"{int(one.get('FailureReason', 0)):#06x}" for one in refused})
                stored = f"{self.url} stored {done + len(part) - len(refused)} of {len(files)} instances"
                message = f"{stored} and refused {len(refused)} (reason {', '.join(reasons)})"
                raise ServerError(message)
            done += len(part)
            if progress is not None:
                progress("store", done / len(files))
        return done

    def _found(self, query: Mapping[str, str]) -> list[RemoteSeries]:
        """Return the series that match, page by page: servers may shorten a list without saying so."""
        found: dict[RemoteSeries, None] = {}
        while True:
            before = len(found)
            found |= dict.fromkeys(self._page(query, before))
            if len(found) == before or "SeriesInstanceUID" in query:
                return list(found)

    def _page(self, query: Mapping[str, str], offset: int) -> list[RemoteSeries]:
        """Return the series that match, from `offset` on, as many as the server lists at once."""
        wanted: dict[str, Any] = {"search_filters": dict(query), "fields": list(_TABLE.values())}
        try:
            answers = self._client.search_for_series(**wanted, offset=offset or None)
            rows = [{name: _first(one, tag) for name, tag in _TABLE.items()} for one in answers]
        except (AttributeError, KeyError, TypeError) as error:
            message = f"expected a DICOMweb service at {self.url}, got answers of another kind"
            raise ServerError(message) from error
        return [
            RemoteSeries(str(row["study"]), str(row["series"]), str(row["modality"]), int(row["instances"] or 0))
            for row in rows
        ]

    def _receive_into(self, wanted: RemoteSeries, intake: Intake) -> None:
        """Pass the instances of a series to an intake."""
        for dataset in self._instances(wanted.study, wanted.series):
            write = partial(dataset.save_as, enforce_file_format=True)
            intake.take(dataset.SeriesInstanceUID, dataset.SOPInstanceUID, write)

    def _instances(self, study: str, series: str) -> Iterator[Any]:
        """Yield the instances of a series in the transfer syntax in which they are stored."""
        as_stored = (("application/dicom", "*"),)
        requests: Any = import_module("requests")
        try:
            yield from self._client.iter_series(study, series, media_types=as_stored)
        except requests.RequestException as error:
            raise TransferError(error) from error


def _trust(session: Any, authority: Path) -> None:  # noqa: ANN401 - of requests, which is loaded late
    """Let a session trust a file of certificates, whatever REQUESTS_CA_BUNDLE in the environment says."""
    adapter: Any = import_module("requests.adapters").HTTPAdapter()
    send = adapter.send
    adapter.send = lambda request, **settings: send(request, **{**settings, "verify": str(authority)})
    session.mount("https://", adapter)


def _first(answer: Mapping[str, Any], tag: str) -> str | int:
    """Return the first value of an attribute in DICOM JSON; empty if it has no value."""
    values = answer.get(tag, {}).get("Value") or [""]
    found: str | int = values[0]
    return found


def _batches(files: Iterable[Path]) -> Iterator[list[Path]]:
    """Yield the files in parts of about `REQUEST_BYTES`."""
    part: list[Path] = []
    size = 0
    for file in files:
        if part and size + file.stat().st_size > REQUEST_BYTES:
            yield part
            part, size = [], 0
        part.append(file)
        size += file.stat().st_size
    if part:
        yield part
