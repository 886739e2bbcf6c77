"""Who may send to our port during C-MOVE: the server that was asked, and further senders that the user names."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Network, NetmaskValueError
from typing import Final

from medpaint.core.errors import UsageError
from medpaint.core.text import escaped

__all__ = ["Senders", "check_senders", "senders_of"]

_HOST: Final = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_NUMBERS: Final = re.compile(r"[0-9./]*")
_SHORTEST_PREFIX: Final = 8
"""Bits that the addresses of a network share, at least: the largest private network, 10.0.0.0/8, has as many."""


@dataclass(frozen=True)
class Senders:
    """The addresses that may send.

    Attributes:
        host: of the server that is asked to send.
        addresses: IPv4 addresses of that host; empty if it has none, and then only `networks` may send.
        networks: further ones.
    """

    host: str
    addresses: frozenset[str]
    networks: tuple[IPv4Network, ...] = ()

    def refusal(self, address: str) -> str:
        """Return why a connection from an address is refused; empty if it is not."""
        if address in self.addresses or any(IPv4Address(address) in network for network in self.networks):
            return ""
        also = " or a sender that --senders names" if self.networks else " (--senders names further ones)"
        return f"a connection from {address}, which is not an address of {self.host}{also}"


def check_senders(names: Sequence[str]) -> None:
    """Refuse names of senders that can be none; nothing is looked up.

    Raises:
        UsageError: one that is neither a host, an IPv4 address nor an IPv4 network.
    """
    for name in names:
        _network(name)


def senders_of(host: str, names: Sequence[str]) -> Senders:
    """Return who may send.

    Args:
        host: of the server that is asked to send.
        names: further hosts, IPv4 addresses and networks, such as ``172.17.0.0/16``.

    Raises:
        UsageError: a name that can be none, or a host that is unknown.
    """
    networks: list[IPv4Network] = []
    for name in names:
        network = _network(name)
        found = [network] if network else [IPv4Network(address) for address in sorted(_addresses_of(name))]
        if not found:
            message = f"expected the host name or the address of a further sender, got an unknown host: {name}"
            raise UsageError(message)
        networks += found
    return Senders(host, frozenset(_addresses_of(host)), tuple(networks))


def _network(name: str) -> IPv4Network | None:
    """Return the network or the one address that a name consists of; None for the name of a host.

    Raises:
        UsageError: neither.
    """
    if _HOST.fullmatch(name) and not _NUMBERS.fullmatch(name):
        return None
    try:
        network = IPv4Network(name)
    except (AddressValueError, NetmaskValueError, ValueError) as error:
        message = f"a sender: expected a host, an IPv4 address or a network such as 172.17.0.0/16, got {name!r}"
        raise UsageError(escaped(message, len(message))) from error
    if network.prefixlen < _SHORTEST_PREFIX:
        message = f"a sender: expected a network of /{_SHORTEST_PREFIX} or smaller, got {network}"
        raise UsageError(message)
    return network


def _addresses_of(host: str) -> set[str]:
    """Return the IPv4 addresses of a host; none if it is unknown."""
    try:
        return {str(one[4][0]) for one in socket.getaddrinfo(host, None, socket.AF_INET)}
    except (OSError, UnicodeError):
        return set()
