"""The engine of a foreign network."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from pydantic import JsonValue

from medpaint.core.errors import EngineError, UsageError
from medpaint.engines.base import Fill, Hole
from medpaint.engines.exemplar.detail import Pace
from medpaint.engines.gaps import gap_axes
from medpaint.engines.learned.corrected import Correcting
from medpaint.engines.learned.foreign.classes import Blueprint, blueprint_of
from medpaint.engines.learned.foreign.description import Described, Description, read_description
from medpaint.engines.learned.foreign.scaling import scaled_for
from medpaint.engines.learned.networks.names import FirstFill
from medpaint.engines.learned.start import Start

if TYPE_CHECKING:
    from medpaint.engines.learned.usage import Runnable

__all__ = ["Foreign", "monai"]

_NAME: Final = "monai"
"""The engine's row in the table of engines."""

_WIDE_MM: Final = 150.0
"""Context in which exemplars and the other side of the body are looked for."""

_WHOLE_MM: Final = 10_000.0
"""Context that is the whole scan."""

_MOST_TIMES: Final = 256.0
"""Largest volume of a scan's voxel, in voxels of the network, before memory is at risk."""

_ACROSS: Final = {"other side", "other side's hole"}


@final
@dataclass(frozen=True)
class Foreign:
    """Fills holes by a network that a user brings; see `Description`.

    It runs where and as our own networks do: on crops around the holes, at the voxel size that it was trained at,
    in overlapping windows. Its output is resampled back; the fill stays within the range of the known voxels
    around it. The first fill stays where the network cannot run, such as in a scan of one value, and where it
    would see nothing of the scan: in windows or slices without a known voxel, if it does not see the first fill.

    Attributes:
        described: what the network is, sees and answers.
        blueprint: what it is built from.
        pace: how thoroughly a first fill searches for exemplars, if it is made of them.
        flips: average the outputs for the crop and for its mirror images.
        device: where the network runs, as torch names it.
    """

    described: Described
    blueprint: Blueprint
    pace: Pace = "brisk"
    flips: bool = False
    device: str = "cpu"

    @property
    def facts(self) -> dict[str, JsonValue]:
        """What the record says about the engine: the class, hashes, and what the effort stands for."""
        facts: dict[str, JsonValue] = {
            "network": self.blueprint.name,
            "code_sha256": self.blueprint.code_sha256,
            "description_sha256": self.described.sha256,
        }
        facts |= {"bundle_sha256": self.blueprint.sha256} if self._description.bundle else {}
        facts |= {"pace": self.pace} if self._description.start == "exemplar" else {}
        return facts | ({"flips": self._mirrors} if self._description.mirror else {})

    @property
    def context_mm(self) -> float:
        """How much known tissue around a hole the engine wants to see, mm."""
        description = self._description
        if description.intensities.over == "scan":
            return _WHOLE_MM
        if description.start == "exemplar" or _ACROSS & set(description.inputs):
            return _WIDE_MM
        return max(30.0, description.seen_mm(2.0))

    def fill(self, hole: Hole, *, seed: int) -> Fill:
        """Return the network's fill; see `Engine`. The seed draws the exemplars, and what the network draws.

        Raises:
            ConvergenceError: the biharmonic equations could not be solved.
            EngineError: the network failed, or its output is not as described.
            UnreadableError: the weights cannot be used.
            UsageError: the class cannot be used, or this machine does not have the device.
        """
        description = self._description
        self._refuse_fineness(hole)
        lost: FirstFill = "registered" if self._registers(hole) else "biharmonic"
        start = Start.of(
            hole.image,
            hole.mask,
            void=hole.void,
            spacing_mm=hole.spacing_mm,
            seed=seed,
            pace=self.pace if description.start == "exemplar" else None,
            lost=lost,
            mirrored=bool(_ACROSS & set(description.inputs)),
        )
        sharper = "exemplar" if description.start == "exemplar" else "" if lost == "biharmonic" else lost
        seen_mm = description.seen_mm(max(hole.spacing_mm))
        before = self._random_state()
        correcting = Correcting(
            _NAME, description.info, lambda: self._loaded(seed), sharper, self._mirrors, seen_mm
        )
        fill = correcting.fill(scaled_for(start, description.intensities))
        if self._random_state() != before:
            message = (
                f"{self.blueprint.name} draws random numbers, so its fill could not be repeated; set draws: true "
                f"in {self.described.path}"
            )
            raise EngineError(message)
        return fill

    @property
    def _description(self) -> Description:
        """What the user says about the network."""
        return self.described.description

    def _registers(self, hole: Hole) -> bool:
        """Return whether lost slices start from registered ones."""
        return self._description.start == "registered" and bool(gap_axes(hole.mask, hole.void))

    @property
    def _mirrors(self) -> bool:
        """Whether outputs are averaged over mirror images."""
        return self.flips and self._description.mirror

    def _refuse_fineness(self, hole: Hole) -> None:
        """Refuse a scan that would have far more voxels at the size that the network sees.

        Raises:
            UsageError: it would.
        """
        wanted_mm = self._description.spacing_mm
        times = 1.0 if wanted_mm is None else prod(size / wanted_mm for size in hole.spacing_mm)
        if times > _MOST_TIMES:
            sizes = " x ".join(f"{size:.3g}" for size in hole.spacing_mm)
            message = (
                f"{self.described.path}: expected a scan with voxels of about {wanted_mm:g} mm (spacing_mm), got "
                f"{sizes} mm, {times:.0f} times as large"
            )
            raise UsageError(message)

    def _random_state(self) -> list[bytes]:
        """Return the state of torch's random generators that a network could draw from."""
        import torch

        states = [torch.get_rng_state()]
        if self.device != "cpu" and torch.cuda.is_available():
            states.append(torch.cuda.get_rng_state(self.device))
        return [state.numpy().tobytes() for state in states]

    def _loaded(self, seed: int) -> Runnable:
        """Return the network, ready to run."""
        from medpaint.engines.learned.foreign.network import load_foreign

        return load_foreign(self.described, self.blueprint, device=self.device, seed=seed)


def monai(*, network: str | Path, pace: Pace = "brisk", flips: bool = False, device: str = "cpu") -> Foreign:
    """Return the engine of the network that a file describes; see `Foreign`.

    Raises:
        UnreadableError: no such description, or a bundle without a definition of its network.
        UsageError: a description that does not fit, no such class, or one that a bundle may not name.
    """
    described = read_description(Path(network))
    return Foreign(described, blueprint_of(described), pace, flips, device)
