"""Connects an address to the kind of server that it names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medpaint.core.errors import UsageError
from medpaint.pacs.association import CALLING, entity_of
from medpaint.pacs.credentials import Credentials
from medpaint.pacs.dimse import Dimse
from medpaint.pacs.remote import Server
from medpaint.pacs.senders import check_senders
from medpaint.pacs.web import DicomWeb

__all__ = ["connect"]


def connect(
    url: str,
    *,
    credentials: Credentials | None = None,
    authority: Path | None = None,
    timeout_s: float = 30.0,
    calling: str = CALLING,
    receive: int | None = None,
    senders: Sequence[str] = (),
) -> Server:
    """Return the server at an address; nothing is sent yet.

    Args:
        url: ``https://...`` of a DICOMweb service, or ``dicom://TITLE@HOST:PORT`` of an application entity, with
            ``dicoms://`` for TLS.
        credentials: user and password, or a token.
        authority: PEM file of certificates to trust in addition to the system's.
        timeout_s: seconds to wait for an answer.
        calling: our title; for application entities only.
        receive: local port that the server sends series to (C-MOVE); None: over the same association (C-GET).
        senders: hosts, IPv4 addresses and networks other than the server's own that it may send to that port from,
            as behind NAT or in a container.

    Raises:
        UsageError: a package is missing, the address is wrong, or an option does not apply to this kind of server.
    """
    if receive is not None and not 0 < receive < 2**16:
        message = f"expected a port to receive at, 1 to 65535, got {receive}"
        raise UsageError(message)
    if senders and receive is None:
        message = "expected senders only with a port to receive at (--receive)"
        raise UsageError(message)
    check_senders(senders)
    if url.startswith(("dicom:", "dicoms:")):
        entity = entity_of(url, calling=calling, credentials=credentials, authority=authority, timeout_s=timeout_s)
        if receive is not None and url.startswith("dicoms:"):
            message = "expected no port to receive at with dicoms://: the transfer to it would not be encrypted"
            raise UsageError(message)
        return Dimse(entity, receive=receive, senders=senders)
    if receive is not None or calling != CALLING:
        message = f"expected dicom:// or dicoms:// with calling or receive, got {url}"
        raise UsageError(message)
    return DicomWeb(url, credentials=credentials, authority=authority, timeout_s=timeout_s)
