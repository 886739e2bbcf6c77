"""Retries of requests to a server: failures that may pass are tried again a few times, and then reported."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from medpaint.core.errors import ServerError

__all__ = ["ATTEMPTS", "PermanentError", "TransientError", "call_with_retry"]

ATTEMPTS: Final = 4
"""Largest number of attempts of a request; the wait between two attempts doubles from `FIRST_WAIT_S`."""

FIRST_WAIT_S: Final = 0.5

_Answer = TypeVar("_Answer")


class TransientError(Exception):
    """A failure that may pass in a moment; the message says what failed, and quotes nothing of the answer."""


class PermanentError(Exception):
    """A refusal, or an answer that will not be better a moment later; the message is like that of the other."""


def call_with_retry(url: str, request: Callable[[], _Answer]) -> _Answer:
    """Make a request, and repeat it after a wait if it fails in a way that may pass.

    Args:
        url: address of the server, for messages.
        request: makes the request, and returns its answer.

    Raises:
        ServerError: it failed for good. The message quotes nothing of the answer, which could name a patient.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return request()
        except PermanentError as error:
            reason, transient = str(error), False
        except TransientError as error:
            reason, transient = str(error), True
        except (EOFError, ValueError) as error:
            reason, transient = f"the transfer failed ({type(error).__name__})", True
        if not transient or attempt == ATTEMPTS:
            break
        time.sleep(FIRST_WAIT_S * 2 ** (attempt - 1))
    attempts = f" after {attempt} attempts" if attempt > 1 else ""
    message = f"the request to {url} failed{attempts}: {reason}"
    raise ServerError(message)
