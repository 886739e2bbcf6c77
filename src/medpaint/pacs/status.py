"""What the status of an answer over DIMSE means (DICOM PS3.4, PS3.7)."""

from __future__ import annotations

from typing import Any, Final

from medpaint.core.errors import ServerError
from medpaint.pacs.contact import EndedError
from medpaint.pacs.retry import PermanentError, TransientError

__all__ = ["PENDING", "check_counts", "check_status"]

_CANCELLED: Final = 0xFE00
PENDING: Final = frozenset({0xFF00, 0xFF01})

_MOST_COUNTED: Final = 2**16 - 1
"""Largest count in an answer to a transfer."""

_OUT_OF_RESOURCES: Final = 0xA7
"""First byte of statuses that may pass in a moment (DICOM PS3.4, tables B.2-1, C.4-2)."""


def check_status(url: str, status: Any, what: str, *, final: bool = False) -> None:  # noqa: ANN401 - a dataset
    """Raise the failure that an answer reports; warnings pass, pending ones unless it has to be final.

    Args:
        url: address of the server, for messages.
        status: of the answer; empty if there is none.
        what: what was asked for.
        final: whether it has to be the last answer.

    Raises:
        EndedError: there is no answer.
        TransientError: the server is out of resources.
        ServerError: it refuses, or ended early.
    """
    code = status.get("Status")
    if not isinstance(code, int):
        raise EndedError
    failed = status.get("NumberOfFailedSuboperations") or 0
    if code >> 8 == _OUT_OF_RESOURCES:
        message = f"it is out of resources for the {what} (status {code:#06x})"
        raise TransientError(message)
    if code == _CANCELLED:
        message = f"{url} ended the {what} early: it may limit how much it lists, narrow the search"
        raise ServerError(message)
    passes = code == 0 or code >> 12 == 0xB or (code in PENDING and not final)
    if failed or not passes:
        more = f", and could not send {failed} instances" if failed else ""
        message = f"{url} refused the {what} (status {code:#06x}){more}"
        raise ServerError(message)


def check_counts(status: Any, arrived: int) -> None:  # noqa: ANN401 - a dataset
    """Compare the counts in the final answer to a transfer with the number of instances that arrived.

    Raises:
        PermanentError: they differ.
    """
    completed = status.get("NumberOfCompletedSuboperations")
    warned = status.get("NumberOfWarningSuboperations")
    if completed is None and status.Status == 0:
        return  # a server need not count (DICOM PS3.4, C.4.2.1.7)
    sent = (completed or 0) + (warned or 0)
    if sent != min(arrived, _MOST_COUNTED):
        message = f"it says that it sent {sent} instances, {arrived} arrived"
        raise PermanentError(message)
