"""Requests to a server that fails now and then: made again, a few times, and then given up in plain words."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, TypeVar

from medpaint.core.errors import ServerError

__all__ = ["ATTEMPTS", "BrokenOffError", "OnTheWayError", "insist"]

ATTEMPTS: Final = 4
"""How often a request is made before it is given up; the waits between double from `FIRST_WAIT_S`."""

FIRST_WAIT_S: Final = 0.5

PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Answers that can be others a moment later (RFC 9110)."""

_Answer = TypeVar("_Answer")


def insist(url: str, request: Callable[[], _Answer]) -> _Answer:
    """Make a request, again after a while where it failed for a moment.

    Args:
        url: of the server, for messages.
        request: makes it.

    Raises:
        ServerError: it failed for good; the message holds no answer of the server, which could name a patient.
    """
    requests: Any = import_module("requests")
    for attempt in range(ATTEMPTS):
        try:
            return _unwrapped(request)
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            reason, passing = _REFUSALS.get(code, f"it answered {code}"), code in PASSING
        except requests.exceptions.SSLError:
            reason, passing = "its certificate is not trusted (--authority names one that is)", False
        except (requests.RequestException, BrokenOffError, EOFError, ValueError) as error:
            reason, passing = _words(error), True
        if not passing or attempt == ATTEMPTS - 1:
            break
        time.sleep(FIRST_WAIT_S * 2**attempt)
    tried = f" after {attempt + 1} attempts" if attempt else ""
    message = f"expected an answer from {url}, got none that is of use{tried}: {reason}"
    raise ServerError(message)


class OnTheWayError(Exception):
    """What went wrong in a transfer, which is an OSError: not one of the disk that is written to meanwhile."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _unwrapped(request: Callable[[], _Answer]) -> _Answer:
    """Make a request; what went wrong on the way is raised as it was."""
    try:
        return request()
    except OnTheWayError as error:
        raise error.cause from error


class BrokenOffError(Exception):
    """Something came to nothing that may succeed in a moment; the message says what."""


_REFUSALS: Final = {
    401: "it wants other credentials (401)",
    403: "it does not allow that (403)",
    404: "it has nothing there (404)",
}


def _words(error: Exception) -> str:
    """Return what went wrong on the way, without what the server said."""
    if isinstance(error, BrokenOffError):
        return str(error)
    name = type(error).__name__
    known = {
        "ConnectionError": "it was not reached",
        "ConnectTimeout": "it did not answer in time",
        "ReadTimeout": "it did not answer in time",
        "ChunkedEncodingError": "the transfer broke off",
    }
    return known.get(name, f"the transfer failed ({name})")
