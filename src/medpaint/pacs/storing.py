"""Instances to store by STOW-RS, and what the server confirms of them (DICOM PS3.18, 10.5)."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from medpaint.core.errors import InputError
from medpaint.io.dicom import quiet
from medpaint.io.dicom.parsing import PARSE_ERRORS
from medpaint.pacs.answers import first_in, items_in
from medpaint.pacs.retry import PermanentError, TransientError

__all__ = ["Outgoing", "Receipt", "batches_of", "outgoing_of", "packed", "receipt_of"]

REQUEST_BYTES: Final = 64 * 2**20
"""Approximate size of the instances in one request to store."""

_REFERENCED: Final = "00081199"
_FAILED: Final = "00081198"
_INSTANCE: Final = "00081155"
_REASON: Final = "00081197"
"""ReferencedSOPSequence, FailedSOPSequence, ReferencedSOPInstanceUID, FailureReason."""

_OUT_OF_RESOURCES: Final = 0xA7
"""First byte of reasons that may pass in a moment (DICOM PS3.4, table B.2-1)."""


@dataclass(frozen=True)
class Outgoing:
    """A DICOM file to store.

    Attributes:
        file: its path.
        sop_class: UID of its class.
        syntax: UID of its transfer syntax.
        instance: its UID.
    """

    file: Path
    sop_class: str
    syntax: str
    instance: str


@dataclass(frozen=True)
class Receipt:
    """What a server says of the instances that it was sent.

    Attributes:
        stored: UIDs of those that it has stored.
        refused: UIDs of those that it has refused.
        unnamed: number of those that it does not name.
        reasons: codes of why it refused.
    """

    stored: frozenset[str]
    refused: frozenset[str]
    unnamed: int
    reasons: frozenset[int]

    def check(self, done: int, total: int) -> None:
        """Raise a failure unless everything is stored.

        Args:
            done: number of instances that are stored, those of earlier requests included.
            total: number of instances to store.

        Raises:
            TransientError: the server was out of resources.
            PermanentError: it refused some for another reason, or does not say that it stored them.
        """
        if not (self.refused or self.unnamed):
            return
        message = f"it stored {done} of {total} instances"
        if self.refused:
            reasons = ", ".join(f"{reason:#06x}" for reason in sorted(self.reasons)) or "not given"
            message += f", refused {len(self.refused)} (reason {reasons})"
        if self.unnamed:
            message += f", and did not confirm that it stored {self.unnamed}"
        if self.reasons and not self.unnamed and all(one >> 8 == _OUT_OF_RESOURCES for one in self.reasons):
            raise TransientError(message)
        raise PermanentError(message)


def outgoing_of(file: Path) -> Outgoing:
    """Return what a server has to know of a DICOM file before it is sent.

    Raises:
        InputError: not a DICOM file, or without identifiers.
    """
    pydicom: Any = import_module("pydicom")
    try:
        with quiet():
            dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["SOPInstanceUID"])
        meta = dataset.file_meta
        return Outgoing(
            file, str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID), str(dataset.SOPInstanceUID)
        )
    except PARSE_ERRORS as error:
        message = f"{file}: expected a DICOM file to store"
        raise InputError(message) from error


def batches_of(outgoing: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """Yield the files in parts of about `REQUEST_BYTES`."""
    batch: list[Outgoing] = []
    size = 0
    for one in outgoing:
        length = one.file.stat().st_size
        if batch and size + length > REQUEST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += length
    if batch:
        yield batch


def packed(batch: Sequence[Outgoing]) -> tuple[bytes, str]:
    """Return the body of a request to store files, byte for byte as they are, and its content type.

    Raises:
        InputError: a file cannot be read any more.
    """
    boundary = secrets.token_hex(16)
    parts = []
    for one in batch:
        try:
            content = one.file.read_bytes()
        except OSError as error:
            message = f"{one.file}: expected a DICOM file to store: {error.strerror or error}"
            raise InputError(message) from error
        parts += [f"\r\n--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode(), content]
    body = b"".join([*parts, f"\r\n--{boundary}--\r\n".encode()])
    return body, f'multipart/related; type="application/dicom"; boundary={boundary}'


def receipt_of(answer: object, sent: Collection[str]) -> Receipt:
    """Return what an answer says of the instances that were sent; what it says of others does not count.

    Args:
        answer: in DICOM JSON.
        sent: UIDs.

    Raises:
        PermanentError: it does not say anything of the kind.
    """
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, dict):
        message = "expected which instances it stored, got an answer of another kind"
        raise PermanentError(message)
    failures = items_in(answer, _FAILED)
    refused = {str(first_in(one, _INSTANCE)) for one in failures} & set(sent)
    stored = {str(first_in(one, _INSTANCE)) for one in items_in(answer, _REFERENCED)} & set(sent) - refused
    reasons = {_reason(one) for one in failures if str(first_in(one, _INSTANCE)) in refused}
    unnamed = len(set(sent) - stored - refused)
    return Receipt(frozenset(stored), frozenset(refused), unnamed, frozenset(reasons - {0}))


def _reason(failure: Mapping[str, object]) -> int:
    """Return why an instance was refused; 0 if the answer does not say."""
    reason = first_in(failure, _REASON)
    return reason if isinstance(reason, int) and 0 < reason < 2**16 else 0
