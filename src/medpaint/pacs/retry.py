"""Retries of requests to a server: failures that may pass are tried again a few times, and then reported."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, TypeVar

from medpaint.core.errors import ServerError

__all__ = ["ATTEMPTS", "TransferError", "TransientError", "call_with_retry"]

ATTEMPTS: Final = 4
"""Largest number of attempts of a request; the wait between two attempts doubles from `FIRST_WAIT_S`."""

FIRST_WAIT_S: Final = 0.5

_TRANSIENT_CODES: Final = frozenset({408, 429, 500, 502, 503, 504})
"""HTTP answers that may differ a moment later (RFC 9110)."""

_REFUSALS: Final = {
    401: "it refuses the credentials (401); check --credentials or MEDPAINT_PACS_USER and _PASSWORD",
    403: "it does not allow the request (403)",
    404: "it has nothing at this address (404)",
}

_CAUSES: Final = {
    "ConnectionError": "it could not be reached",
    "ConnectTimeout": "it did not answer in time",
    "ReadTimeout": "it did not answer in time",
    "ChunkedEncodingError": "the transfer broke off",
}

_Answer = TypeVar("_Answer")


class TransientError(Exception):
    """A failure that may pass in a moment; the message says what failed."""


class TransferError(Exception):
    """Wraps a failure of a transfer that is an OSError, to tell it from one of the disk that is written to."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def call_with_retry(url: str, request: Callable[[], _Answer]) -> _Answer:
    """Make a request, and repeat it after a wait if it fails in a way that may pass.

    Args:
        url: address of the server, for messages.
        request: makes the request, and returns its answer.

    Raises:
        ServerError: it failed for good. The message quotes nothing of the answer, which could name a patient.
    """
    requests: Any = import_module("requests")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _unwrapped(request)
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            reason, transient = _REFUSALS.get(code, f"it answered {code}"), code in _TRANSIENT_CODES
        except requests.exceptions.SSLError:
            reason, transient = "its certificate is not trusted (name one to trust with --authority)", False
        except (requests.RequestException, TransientError, EOFError, ValueError) as error:
            reason, transient = _reason(error), True
        if not transient or attempt == ATTEMPTS:
            break
        time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
    attempts = f" after {attempt} attempts" if attempt > 1 else ""
    message = f"the request to {url} failed{attempts}: {reason}"
    raise ServerError(message)


def _unwrapped(request: Callable[[], _Answer]) -> _Answer:
    """Make a request; raise the cause of a transfer that fails."""
    try:
        return request()
    except TransferError as error:
        raise error.cause from error


def _reason(error: Exception) -> str:
    """Return why a request failed, without anything that the server sent."""
    if isinstance(error, TransientError):
        return str(error)
    name = type(error).__name__
    return _CAUSES.get(name, f"the transfer failed ({name})")
