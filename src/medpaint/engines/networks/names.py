"""The names of the networks, for what must not load torch."""

from __future__ import annotations

from typing import Literal

__all__ = ["NetworkName"]

NetworkName = Literal["unet3d", "unet2d"]
