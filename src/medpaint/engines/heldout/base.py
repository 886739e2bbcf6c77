"""What is hidden."""

from __future__ import annotations

from dataclasses import dataclass

from medpaint.core.types import Mask, Window

__all__ = ["HeldOut"]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Known voxels of a scan to be hidden and filled, as if they were lost.

    Attributes:
        window: the part of the scan that engines work in.
        hidden: True = hidden, (I, J, K) in the window. All of these voxels are known.
        scale: size of what is hidden relative to what was lost, along one axis.
        unseen: True = kept from the engines without being filled, (I, J, K) in the window; None if there is none.
        lost: True = lost itself, and filled with what is hidden, (I, J, K) in the window; None if nothing is.
    """

    window: Window
    hidden: Mask
    scale: float = 1.0
    unseen: Mask | None = None
    lost: Mask | None = None

    @property
    def filled(self) -> Mask:
        """Return what engines fill, (I, J, K) in the window."""
        return self.hidden if self.lost is None else self.hidden | self.lost
