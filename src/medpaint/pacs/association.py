"""An association with a DICOM application entity, or why there is none (DICOM PS3.8)."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from medpaint.core.errors import ServerError, UsageError
from medpaint.pacs.credentials import Credentials, check_authority
from medpaint.pacs.retry import BrokenOffError

__all__ = ["CALLING", "Entity", "check_title", "entity_of"]

CALLING: Final = "MEDPAINT"
"""What an application entity here is called unless told otherwise."""

_PORTS: Final = {"dicom": 104, "dicoms": 2762}
"""Of each kind of address, where it names none (IANA: acr-nema, dicom-tls)."""

_LONGEST_TITLE: Final = 16
"""Characters of an application entity title (DICOM PS3.5, 6.2)."""

_TRANSIENT: Final = 2
"""Result of a rejection that can be another a moment later (DICOM PS3.8, 9.3.4)."""


@dataclass(frozen=True)
class Entity:
    """A DICOM application entity, and how it is spoken to.

    Attributes:
        url: its address, ``dicom://TITLE@HOST:PORT``, or ``dicoms://`` for TLS.
        title: its title.
        calling: ours.
        credentials: a user, and a password, to identify by; they are sent over TLS only.
        authority: certificates to trust besides the system's, PEM.
        timeout_s: seconds after which one that says nothing is given up.
    """

    url: str
    title: str
    host: str
    port: int
    calling: str
    credentials: Credentials
    authority: Path | None
    timeout_s: float

    def application(self) -> Any:  # noqa: ANN401 - of pynetdicom, which is loaded late
        """Return an application entity of ours."""
        net: Any = import_module("pynetdicom")
        ours = net.AE(ae_title=self.calling)
        ours.connection_timeout = ours.acse_timeout = ours.dimse_timeout = ours.network_timeout = self.timeout_s
        return ours

    @contextmanager
    def associated(
        self, contexts: Sequence[Any], *, roles: Sequence[Any] = (), handlers: Sequence[Any] = ()
    ) -> Iterator[Any]:
        """Yield an association, and end it.

        Args:
            contexts: what is to be spoken of, and how.
            roles: for which of them the other one sends.
            handlers: called by what it sends.

        Raises:
            BrokenOffError: it is not there, or ended the association; that may be another in a moment.
            ServerError: it refuses.
        """
        tls = self._tls()
        try:
            association = self.application().associate(
                self.host,
                self.port,
                contexts=list(contexts),
                ae_title=self.title,
                ext_neg=[*roles, *self._identity()],
                tls_args=tls,
                evt_handlers=list(handlers),
            )
        except OSError as error:  # its name is not known, for one
            message = f"it was not reached: {error.strerror or error}"
            raise BrokenOffError(message) from error
        if not association.is_established:
            self._refused(association)
        try:
            yield association
        except BaseException:
            association.abort()
            raise
        association.release()

    def _refused(self, association: Any) -> None:  # noqa: ANN401 - of pynetdicom
        """Say why there is no association."""
        if association.rejected_contexts and not association.accepted_contexts:
            named = ", ".join(dict.fromkeys(one.abstract_syntax.name for one in association.rejected_contexts))
            message = f"{self.url} takes none of what is asked of it: {named}"
            raise ServerError(message)
        answer = association.acceptor.primitive
        if not association.is_rejected or answer is None:
            message = "it was not reached, or ended the association at once"
            if self.url.startswith("dicoms:"):
                message += ", or its certificate is not trusted (--authority names one that is)"
            raise BrokenOffError(message)
        reason = f"it rejects the association of {self.calling} with {self.title}: {answer.reason_str.lower()}"
        if answer.result == _TRANSIENT:
            raise BrokenOffError(reason)
        message = f"expected an answer from {self.url}, got none that is of use: {reason}"
        raise ServerError(message)

    def _identity(self) -> list[Any]:
        """Return who we are (DICOM PS3.7, D.3.3.7)."""
        if not self.credentials.user:
            return []
        pdu: Any = import_module("pynetdicom.pdu_primitives")
        identity = pdu.UserIdentityNegotiation()
        identity.user_identity_type = 2 if self.credentials.password else 1
        identity.primary_field = self.credentials.user.encode()
        if self.credentials.password:
            identity.secondary_field = self.credentials.password.encode()
        return [identity]

    def _tls(self) -> tuple[ssl.SSLContext, str] | None:
        """Return how certificates are checked, where the address asks for TLS."""
        if not self.url.startswith("dicoms:"):
            return None
        context = ssl.create_default_context()
        if self.authority is not None:
            context.load_verify_locations(self.authority)
        return context, self.host


def entity_of(
    url: str, *, calling: str, credentials: Credentials | None, authority: Path | None, timeout_s: float
) -> Entity:
    """Return the entity that an address names.

    Raises:
        UsageError: it is no such address, the package for it is missing, or a password would be sent in the clear.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        port = 0
    title = unquote(parts.username or "")
    if not (port and title and parts.hostname) or parts.password is not None or parts.path.strip("/"):
        got = "another" if "@" in url else url  # what stands before the @ can be a password
        message = f"expected an address such as dicom://TITLE@pacs.example:104, or dicoms:// for TLS, got {got}"
        raise UsageError(message)
    for name in (title, calling):
        check_title(name)
    given = credentials or Credentials()
    if given.token:
        message = "expected a user, or nobody, for dicom:// and dicoms://, got a token: it is for web services"
        raise UsageError(message)
    if authority is not None:
        check_authority(authority)
    if given.password and parts.scheme != "dicoms":
        message = "expected dicoms:// with a password, or none (unset MEDPAINT_PACS_PASSWORD if it is for another "
        message += "server): over dicom:// everyone on the way could read it"
        raise UsageError(message)
    try:
        import_module("pynetdicom")
    except ImportError as error:
        message = f"medpaint pacs needs pip install 'medpaint[pacs]': {error}"
        raise UsageError(message) from error
    return Entity(url, title, parts.hostname, port, calling, given, authority, timeout_s)


def check_title(title: str) -> None:
    """Refuse what is no title of an application entity.

    Raises:
        UsageError: it is empty, too long, or of other characters than DICOM allows.
    """
    if not (
        0 < len(title.strip()) <= _LONGEST_TITLE and title.isascii() and title.isprintable() and "\\" not in title
    ):
        message = f"expected the title of an application entity, 1 to {_LONGEST_TITLE} characters, got {title!r}"
        raise UsageError(message)
