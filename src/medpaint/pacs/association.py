"""Associations with a DICOM application entity, and why one fails (DICOM PS3.8)."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from medpaint.core.errors import ServerError, UsageError
from medpaint.pacs.contact import Contact, EndedError
from medpaint.pacs.credentials import Credentials, check_authority
from medpaint.pacs.guard import guarding, recording, watching
from medpaint.pacs.limits import Allowance
from medpaint.pacs.retry import PermanentError

__all__ = ["CALLING", "Entity", "check_title", "entity_of"]

CALLING: Final = "MEDPAINT"
"""Our application entity title by default."""

_PORTS: Final = {"dicom": 104, "dicoms": 2762}
"""Default port of each kind of address (IANA: acr-nema, dicom-tls)."""

_LONGEST_TITLE: Final = 16
"""Characters of an application entity title, at most (DICOM PS3.5, 6.2)."""

_NOT_ACCEPTED: Final = {
    1: " (rejected by its application)",
    2: " (no reason given)",
    4: " (in none of the offered transfer syntaxes)",
}
"""Why a presentation context was not accepted, unless its service is not supported (DICOM PS3.8, 9.3.3.2)."""


@dataclass(frozen=True)
class Entity:
    """A DICOM application entity, and how to connect to it.

    Attributes:
        url: its address, ``dicom://TITLE@HOST:PORT``, or ``dicoms://`` for TLS.
        title: its title.
        host: its host.
        port: its port.
        calling: our title.
        credentials: user and password to identify by; a password is sent over TLS only.
        authority: PEM file of certificates to trust in addition to the system's.
        timeout_s: seconds to wait for an answer.
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
        """Return our application entity."""
        net: Any = import_module("pynetdicom")
        ours = net.AE(ae_title=self.calling)
        ours.connection_timeout = ours.acse_timeout = ours.dimse_timeout = self.timeout_s
        # An association that waits for an answer is idle: how long it may wait is `dimse_timeout`'s business.
        ours.network_timeout = None
        return ours

    @contextmanager
    def associated(
        self,
        contexts: Sequence[Any],
        allowance: Allowance,
        *,
        roles: Sequence[Any] = (),
        handlers: Sequence[Any] = (),
    ) -> Iterator[Any]:
        """Yield an association, and end it.

        Args:
            contexts: presentation contexts to propose.
            allowance: the bytes and the time that the answers may take.
            roles: SCP/SCU roles to negotiate, for contexts in which the other side sends.
            handlers: event handlers for what the other side sends.

        Raises:
            TransientError: it could not be reached, or ended the association; that may pass.
            PermanentError: it refuses for good, is no application entity, or sends more than the allowance.
            ServerError: it supports none of the services.
        """
        contact = Contact(self.title, self.calling, self.timeout_s)
        with _silent_threads(), closing(contact):
            association = self._opened(contexts, allowance, contact, roles, handlers)
            try:
                yield association
            except EndedError as error:
                reason = contact.reason()
                association.abort()
                allowance.check()
                raise reason from error
            except BaseException:
                association.abort()
                allowance.check()
                raise
            association.release()

    def _opened(
        self,
        contexts: Sequence[Any],
        allowance: Allowance,
        contact: Contact,
        roles: Sequence[Any],
        handlers: Sequence[Any],
    ) -> Any:  # noqa: ANN401 - of pynetdicom
        """Return an association that is established; see `associated`."""
        try:
            association = self.application().associate(
                self.host,
                self.port,
                contexts=list(contexts),
                ae_title=self.title,
                ext_neg=[*roles, *self._identity()],
                tls_args=self._tls(contact),
                evt_handlers=[*handlers, *watching(contact), guarding(allowance, self.timeout_s, contact)],
            )
        except OSError as error:  # such as an unknown host
            contact.failure = error
            raise contact.reason() from error
        if not association.is_established:
            allowance.check()
            self._check_contexts(association)
            raise contact.reason()
        offered = {one.context_id: one.transfer_syntax for one in association.requestor.requested_contexts}
        if any(one.transfer_syntax[0] not in offered[one.context_id] for one in association.accepted_contexts):
            association.abort()
            message = "it accepts a service in a transfer syntax that was not offered"
            raise PermanentError(message)
        return association

    def _check_contexts(self, association: Any) -> None:  # noqa: ANN401 - of pynetdicom
        """Raise which services the server does not accept, if it accepts none."""
        answer = association.acceptor.primitive
        rejected = [] if association.accepted_contexts else association.rejected_contexts
        if rejected and not answer.presentation_context_definition_results_list:
            message = "it accepts the association, but its answer names none of the requested services"
            raise PermanentError(message)
        if rejected:
            whys = {(one.abstract_syntax.name, _NOT_ACCEPTED.get(one.result, "")) for one in rejected}
            named = ", ".join(f"{name}{why}" for name, why in sorted(whys))
            message = f"{self.url} supports none of the requested services: {named}"
            raise ServerError(message)

    def _identity(self) -> list[Any]:
        """Return our user identity (DICOM PS3.7, D.3.3.7)."""
        if not self.credentials.user:
            return []
        pdu: Any = import_module("pynetdicom.pdu_primitives")
        identity = pdu.UserIdentityNegotiation()
        identity.user_identity_type = 2 if self.credentials.password else 1
        identity.primary_field = self.credentials.user.encode()
        if self.credentials.password:
            identity.secondary_field = self.credentials.password.encode()
        return [identity]

    def _tls(self, contact: Contact) -> tuple[ssl.SSLContext, str] | None:
        """Return how certificates are checked, if the address asks for TLS; the contact notes failures."""
        if not self.url.startswith("dicoms:"):
            return None
        context = ssl.create_default_context()
        if self.authority is not None:
            context.load_verify_locations(self.authority)
        context.sslsocket_class = recording(ssl.SSLSocket, contact)
        return context, self.host


@contextmanager
def _silent_threads() -> Iterator[None]:
    """Print no traceback of threads.

    Those of pynetdicom end by an error over what they cannot parse, and quote it.
    """
    hook = threading.excepthook
    threading.excepthook = lambda _: None
    try:
        yield
    finally:
        threading.excepthook = hook


def entity_of(
    url: str, *, calling: str, credentials: Credentials | None, authority: Path | None, timeout_s: float
) -> Entity:
    """Return the entity at an address.

    Raises:
        UsageError: the address is wrong, pynetdicom is missing, or a password would be sent unencrypted.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        port = 0
    title = unquote(parts.username or "")
    if not (port and title and parts.hostname) or parts.password is not None or parts.path.strip("/"):
        got = "another" if "@" in url else url  # the part before the @ can be a password
        message = f"expected an address such as dicom://TITLE@pacs.example:104, or dicoms:// for TLS, got {got}"
        raise UsageError(message)
    for name in (title, calling):
        check_title(name)
    given = credentials or Credentials()
    if given.token:
        message = "expected a user and a password for dicoms://, got a token, which is for DICOMweb only"
        raise UsageError(message)
    if authority is not None:
        check_authority(authority)
    if given.password and parts.scheme != "dicoms":
        message = "expected dicoms:// with a password, got dicom://, which would send it unencrypted "
        message += "(unset MEDPAINT_PACS_PASSWORD if it is for another server)"
        raise UsageError(message)
    try:
        import_module("pynetdicom")
    except ImportError as error:
        message = f"medpaint pacs needs pip install 'medpaint[pacs]': {error}"
        raise UsageError(message) from error
    return Entity(url, title, parts.hostname, port, calling, given, authority, timeout_s)


def check_title(title: str) -> None:
    """Refuse an invalid application entity title.

    Raises:
        UsageError: it is empty, too long, or has characters that DICOM does not allow.
    """
    if not (
        0 < len(title.strip()) <= _LONGEST_TITLE and title.isascii() and title.isprintable() and "\\" not in title
    ):
        message = f"expected an application entity title of 1 to {_LONGEST_TITLE} characters, got {title!r}"
        raise UsageError(message)
