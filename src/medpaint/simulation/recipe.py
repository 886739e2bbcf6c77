"""What is made of each clean scan of a data set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from medpaint.core.errors import UsageError
from medpaint.corrupt.artefacts.table import ARTEFACTS, Artefact, find_artefact

__all__ = ["Item", "Recipe"]


@dataclass(frozen=True)
class Item:
    """One damaged copy of a scan.

    Attributes:
        artefact: the kind of damage.
        severity: from 0 to 1.
        seed: decides the rest; another one for each item and each scan.
        name: of its files.
    """

    artefact: Artefact
    severity: float
    seed: int
    name: str


@dataclass(frozen=True)
class Recipe:
    """What is made of each clean scan.

    Attributes:
        kinds: kinds of damage; empty: all.
        severities: of each kind.
        copies: damaged copies of each kind and severity.
        seed: decides the seeds of all items.
    """

    kinds: tuple[str, ...] = ()
    severities: tuple[float, ...] = (0.25, 0.5, 1.0)
    copies: int = 1
    seed: int = 0

    def items(self, scan: str) -> Iterator[Item]:
        """Yield the damaged copies of a scan.

        Args:
            scan: its name in the data set.

        Raises:
            UsageError: an unknown kind, or a severity or number out of range.
        """
        if self.copies < 1 or self.seed < 0 or not all(0.0 <= one <= 1.0 for one in self.severities):
            message = (
                "expected severities from 0 to 1, at least one copy and a seed from 0, got "
                f"{', '.join(f'{one:g}' for one in self.severities)}, {self.copies} and {self.seed}"
            )
            raise UsageError(message)
        artefacts = [find_artefact(kind) for kind in dict.fromkeys(self.kinds or tuple(ARTEFACTS))]
        for artefact in artefacts:
            for severity in dict.fromkeys(self.severities):
                for copy in range(1, self.copies + 1):
                    key = f"{self.seed}\n{scan}\n{artefact.name}\n{severity:.6g}\n{copy}"
                    drawn = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")
                    yield Item(artefact, severity, drawn, f"{scan}_{artefact.name}-{severity:.6g}-{copy}")
