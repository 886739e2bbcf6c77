"""From an address to the server that it names."""

from __future__ import annotations

from pathlib import Path

from medpaint.core.errors import UsageError
from medpaint.pacs.association import CALLING, entity_of
from medpaint.pacs.credentials import Credentials
from medpaint.pacs.dimse import Dimse
from medpaint.pacs.remote import Server
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
) -> Server:
    """Return the server at an address; nothing is sent yet.

    Args:
        url: ``https://...`` of a DICOMweb service; or ``dicom://TITLE@HOST:PORT`` of an application entity, and
            ``dicoms://`` where it speaks TLS.
        credentials: what it asks for.
        authority: certificates to trust besides the system's, PEM.
        timeout_s: seconds after which a server that says nothing is given up.
        calling: what we are called there; for application entities.
        receive: port that it sends to when asked for a series (C-MOVE); None: over the same association (C-GET).

    Raises:
        UsageError: the package for it is missing, the address is none, or an option is not for such a server.
    """
    if receive is not None and not 0 < receive < 2**16:
        message = f"expected a port, 1 to 65535, to receive at, got {receive}"
        raise UsageError(message)
    if url.startswith(("dicom:", "dicoms:")):
        entity = entity_of(url, calling=calling, credentials=credentials, authority=authority, timeout_s=timeout_s)
        if receive is not None and url.startswith("dicoms:"):
            message = "expected no port to receive at with dicoms://: what is sent there would not be encrypted"
            raise UsageError(message)
        return Dimse(entity, receive=receive)
    if receive is not None or calling != CALLING:
        message = f"calling and receive are for dicom:// and dicoms://, got {url}"
        raise UsageError(message)
    return DicomWeb(url, credentials=credentials, authority=authority, timeout_s=timeout_s)
