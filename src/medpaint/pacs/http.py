"""Requests over HTTP that reach one server only, and answers of bounded size and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Overtime
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

from medpaint.core.errors import UsageError
from medpaint.core.text import escaped
from medpaint.pacs.credentials import Credentials, check_authority
from medpaint.pacs.limits import Allowance
from medpaint.pacs.retry import PermanentError, TransientError

__all__ = ["Answer", "Http"]

_TRANSIENT_CODES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that may differ a moment later (RFC 9110)."""

_REFUSALS: Final = {
    401: "it refuses the credentials (401); check --credentials or MEDPAINT_PACS_USER and _PASSWORD",
    403: "it does not allow the request (403)",
    404: "it has nothing at this address (404)",
}

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_KEEPING: Final = frozenset({307, 308})
"""Redirects after which a request to store remains one (RFC 9110, 15.4)."""

_CONFLICT: Final = 409
"""Answer to a request to store of which nothing was stored; its body says why (PS3.18, 10.5.3)."""

_MOST_REDIRECTS: Final = 5
_PORTS: Final = {"http": 80, "https": 443}
_CHUNK: Final = 2**16
_TICK_S: Final = 0.1


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer whose body has not been read yet.

    Attributes:
        status: its code.
        kind: its content type.
        chunks: the body as it comes; raises `TransientError` or `PermanentError` if it breaks off or is too long.
    """

    status: int
    kind: str
    chunks: Iterator[bytes]


class Http:
    """A server that is spoken to by HTTP.

    Args:
        url: the root of its service.
        credentials: user and password, or a token.
        authority: PEM file of certificates to trust in addition to the system's.
        timeout_s: seconds to wait for an answer.

    Raises:
        UsageError: requests is missing, or the address is wrong.
    """

    def __init__(
        self, url: str, *, credentials: Credentials | None, authority: Path | None, timeout_s: float
    ) -> None:
        _check_address(url)
        try:
            self._requests: Any = import_module("requests")
            self._errors: Any = import_module("urllib3.exceptions")
        except ImportError as error:
            message = f"medpaint pacs needs pip install 'medpaint[pacs]': {error}"
            raise UsageError(message) from error
        self._url, self._timeout_s = url, timeout_s
        self._verify = None if authority is None else str(check_authority(authority))
        self._session = self._requests.Session()
        self._session.get_redirect_target = lambda _response: None  # redirects are followed here, or not at all
        self._session.auth = _authorization(credentials or Credentials())

    @contextmanager
    def get(self, path: str, query: Sequence[tuple[str, str]], accept: str, most: int) -> Iterator[Answer]:
        """Yield the answer to a GET request.

        Args:
            path: below the root of the service.
            query: keys and values.
            accept: the content type that is asked for.
            most: bytes that the answer may have.

        Raises:
            TransientError: it failed in a way that may pass.
            PermanentError: the server refuses, or redirects to another server.
        """
        address = f"{self._url}/{path}" + (f"?{urlencode(query)}" if query else "")
        with self._answer("GET", address, Allowance(self._timeout_s, most), {"Accept": accept}, b"") as answer:
            yield answer

    @contextmanager
    def post(self, path: str, content: bytes, kind: str, accept: str, most: int) -> Iterator[Answer]:
        """Yield the answer to a POST request, one of 409 (Conflict) among them; see `get`.

        Args:
            path: below the root of the service.
            content: what is sent.
            kind: its content type.
            accept: the content type that is asked for.
            most: bytes that the answer may have.
        """
        allowance = Allowance(self._timeout_s, most, sent=len(content))
        headers = {"Accept": accept, "Content-Type": kind}
        with self._answer("POST", f"{self._url}/{path}", allowance, headers, content) as answer:
            yield answer

    @contextmanager
    def _answer(
        self, method: str, address: str, allowance: Allowance, headers: dict[str, str], content: bytes
    ) -> Iterator[Answer]:
        """Yield the answer to a request, after redirects within the server."""
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._sent(method, address, allowance, headers, content)
            with response:
                if response.status_code not in _REDIRECTS:
                    _check_status(method, response)
                    kind = response.headers.get("Content-Type", "")
                    yield Answer(response.status_code, kind, self._chunks(response, allowance))
                    return
                address = _next_address(method, address, response)
        message = "it redirects the request again and again"
        raise PermanentError(message)

    def _sent(
        self, method: str, address: str, allowance: Allowance, headers: dict[str, str], content: bytes
    ) -> Any:  # noqa: ANN401 - of requests
        """Return the response to a request, its body unread; redirects are not followed."""
        settings = {"timeout": self._timeout_s, "verify": self._verify, "stream": True}
        asked = {**headers, "Accept-Encoding": "identity"}
        # as a file, so that the timeout is for each piece that is sent and not for the whole
        body = BytesIO(content) if content else None
        exceptions = self._requests.exceptions
        try:
            return _within(
                allowance.left_s,
                lambda: self._session.request(method, address, headers=asked, data=body, **settings),
            )
        except Overtime:
            message = "it did not answer in time"
            raise PermanentError(message) from None
        except exceptions.SSLError as error:
            message = "its certificate is not trusted (name one to trust with --authority)"
            raise PermanentError(message) from error
        except exceptions.Timeout as error:
            message = "it did not answer in time"
            raise TransientError(message) from error
        except exceptions.ConnectionError as error:
            is_connected = isinstance(error.args[0] if error.args else None, self._errors.ProtocolError)
            message = (
                "it ended the connection, or does not speak HTTP" if is_connected else "it could not be reached"
            )
            raise TransientError(message) from error
        except (exceptions.RequestException, ValueError) as error:
            message = f"the transfer failed ({type(error).__name__})"
            raise TransientError(message) from error

    def _chunks(self, response: Any, allowance: Allowance) -> Iterator[bytes]:  # noqa: ANN401 - of requests
        """Yield the body of a response, as much as there is at a time."""
        try:
            with _ending(response, allowance):
                while chunk := response.raw.read1(_CHUNK):
                    allowance.take(len(chunk))
                    yield chunk
            allowance.check_time()
        except self._errors.TimeoutError as error:
            message = "it did not answer in time"
            raise TransientError(message) from error
        except (self._errors.HTTPError, OSError, ValueError) as error:
            allowance.check_time()
            message = "the transfer broke off"
            raise TransientError(message) from error


@contextmanager
def _ending(response: Any, allowance: Allowance) -> Iterator[None]:  # noqa: ANN401 - of requests
    """End the connection when the time is over.

    What never becomes a piece of the body, such as an endless trailer, would else be read for ever.
    """
    done = Event()

    def watch() -> None:
        while not done.wait(max(_TICK_S, allowance.left_s)):
            if allowance.left_s < 0:
                with suppress(Exception):  # it has ended by itself
                    response.raw.shutdown()
                return

    Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _within(seconds: float, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - of requests
    """Return what a call returns; give up waiting for it after a time.

    A server that sends the header of its answer byte by byte would else hold us for as long as it likes.
    """
    done: Future[Any] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    return done.result(max(0.0, seconds))


def _check_status(method: str, response: Any) -> None:  # noqa: ANN401 - of requests
    """Raise the failure that a status reports."""
    code = response.status_code
    if code in _TRANSIENT_CODES:
        message = f"it answered {code}"
        raise TransientError(message)
    if not (response.ok and code >= 200) and not (method == "POST" and code == _CONFLICT):
        raise PermanentError(_REFUSALS.get(code, f"it answered {code}"))
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        message = "expected an answer that is not compressed, got one that is"
        raise PermanentError(message)


def _next_address(method: str, address: str, response: Any) -> str:  # noqa: ANN401 - of requests
    """Return where a redirect within the server leads.

    Raises:
        PermanentError: it leads to another scheme, host or port, or would turn a request to store into another.
    """
    try:
        found: str = urljoin(address, response.headers.get("Location", ""))
        origin = _origin(found)
    except ValueError:
        origin = None
    if origin is None or (origin == _origin(address) and _is_ambiguous(found)):
        message = "it redirects the request to an invalid address"
        raise PermanentError(message)
    if origin != _origin(address):
        scheme, host, port = (escaped(str(part)) for part in origin)
        message = (
            f"it redirects the request to another server, {scheme}://{host}:{port}, which gets neither "
            "credentials nor data; give that address if it is the right one"
        )
        raise PermanentError(message)
    if method == "POST" and response.status_code not in _KEEPING:
        message = f"it redirects the request instead of storing ({response.status_code}): check the address"
        raise PermanentError(message)
    return found


def _origin(address: str) -> tuple[str, str, int]:
    """Return scheme, host and port of an address."""
    parts = urlsplit(address)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)


def _is_ambiguous(address: str) -> bool:
    """Return whether programs may disagree on which host an address names (RFC 3986, 7.6)."""
    return not (address.isascii() and address.isprintable()) or any(one in address for one in "\\ @")


def _check_address(url: str) -> None:
    """Refuse what is not the address of a web service.

    Raises:
        UsageError: it is not, or it contains a user.
    """
    if "@" in url.partition("//")[2].partition("/")[0]:
        message = "expected an address without user and password: give them by environment or file"
        raise UsageError(message)
    try:
        scheme, host, _ = _origin(url)
        query = urlsplit(url).query or urlsplit(url).fragment
    except ValueError:
        scheme, host, query = "", "", ""
    if scheme not in _PORTS or not host or query or not url.isprintable():
        got = escaped(url)
        message = f"expected the address of a DICOMweb service, such as https://pacs.example/dicom-web, got {got}"
        raise UsageError(message)


def _authorization(credentials: Credentials) -> Callable[[Any], Any]:
    """Return what adds the credentials to a request, and no others: requests would take some from ~/.netrc."""
    basic: Any = import_module("requests.auth").HTTPBasicAuth

    def authorize(request: Any) -> Any:  # noqa: ANN401 - of requests
        if credentials.user:
            given = (text.encode() for text in (credentials.user, credentials.password))
            return basic(*given)(request)
        if credentials.token:
            request.headers["Authorization"] = f"Bearer {credentials.token}"
        return request

    return authorize
