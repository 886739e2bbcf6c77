"""The table of artefacts. Reading it loads no module of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, cast

from medpaint.core.errors import InputError, UsageError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from medpaint.core.volume import Volume
    from medpaint.corrupt.artefacts.change import Maker
    from medpaint.corrupt.base import Damaged

__all__ = ["ARTEFACTS", "Artefact", "Reach", "find_artefact"]

Reach = Literal["mask", "beyond", "scan"]
"""Where voxels differ from the clean scan: in the mask alone, also beyond it, or all over the scan."""


@dataclass(frozen=True)
class Artefact:
    """A row of the table. It is a `medpaint.corrupt.base.Damage`, whose severity is from 0 to 1.

    Attributes:
        name: of the kind.
        target: ``module:function``; the function is a `Maker`.
        summary: one line for people.
        severity: what severities 0 and 1 mean, for people.
        scans: which scans can have it.
        reach: where voxels differ from the clean scan.
    """

    name: str
    target: str
    summary: str
    severity: str
    scans: Literal["any", "MR", "CT"] = "any"
    reach: Reach = "mask"

    def __call__(self, volume: Volume, severity: float, seed: int) -> Damaged:
        """Return the scan with the artefact, its mask, and what was drawn.

        Args:
            volume: the clean scan, (I, J, K).
            severity: from 0, barely visible, to 1, gross.
            seed: decides the rest, from 0.

        Raises:
            UsageError: a severity or seed out of range.
            InputError: the scan cannot have such an artefact, has no room for it, or shows nothing of it.
        """
        from dataclasses import replace
        from zlib import crc32

        import numpy as np

        from medpaint.corrupt.artefacts.change import applied
        from medpaint.corrupt.artefacts.scene import Scene

        if not 0.0 <= severity <= 1.0 or seed < 0:
            message = f"expected a severity from 0 to 1 and a seed from 0, got {severity:g} and {seed}"
            raise UsageError(message)
        scene = Scene.of(volume)
        kind = "CT" if scene.is_ct else "MR"
        if self.scans not in ("any", kind):
            message = f"expected {self.scans} for {self.name}, got a scan whose intensities are those of {kind}"
            raise InputError(message)
        rng = np.random.default_rng([seed, crc32(self.name.encode())])
        made = applied(scene, self._maker()(scene, severity, rng))
        common: dict[str, JsonValue] = {
            "kind": self.name,
            "severity": severity,
            "seed": seed,
            "reach": self.reach,
            "taken_for": kind,
        }
        return replace(made, facts={**common, "background_kept": scene.is_blanked, **made.facts})

    def _maker(self) -> Maker:
        """Load the function that makes it."""
        module, _, attribute = self.target.partition(":")
        return cast("Maker", getattr(import_module(f"medpaint.corrupt.artefacts.{module}"), attribute))


_ROWS: Final = (
    Artefact(
        "missing",
        target="missing:missing",
        summary="slices or a block that are zero, constant or NaN",
        severity="1 slice to 6 % of them, at least 3; a block of 5 to 40 mm",
    ),
    Artefact(
        "dropout",
        target="dropout:dropout",
        summary="slices dimmed or emptied by loss of signal: single, interleaved, or in a part",
        severity="8 to 100 % of the signal lost",
        scans="MR",
    ),
    Artefact(
        "stripe",
        target="stripe:stripe",
        summary="steps between interleaved slices, dark borders of slabs, or zipper lines",
        severity="steps of 3 to 40 %, borders darker by 5 to 60 %, zippers of 5 to 100 % of the range",
    ),
    Artefact(
        "spike",
        target="spike:spike",
        summary="herringbone over whole slices, from spikes in k-space",
        severity="waves of 3 to 70 % of the range of intensities",
        scans="MR",
    ),
    Artefact(
        "noise",
        target="noise:noise",
        summary="slices or a block with far more noise",
        severity="a standard deviation of 2 to 50 % of the range of intensities",
    ),
    Artefact(
        "saturation",
        target="saturation:saturation",
        summary="clipped tissue: at one ceiling, or around a place with too much gain",
        severity="1 to 40 % of the tissue clipped; a gain of 1.3 to 7",
    ),
    Artefact(
        "metal",
        target="metal:metal",
        summary="metal in the body, and its streaks; the mask is the metal",
        severity="metal of 4 to 24 mm",
        scans="CT",
        reach="beyond",
    ),
    Artefact(
        "void",
        target="void:void",
        summary="loss and displacement of signal around metal",
        severity="metal of 5 to 20 mm that displaces signal by 1 to 8 mm",
        scans="MR",
    ),
    Artefact(
        "border",
        target="border:border",
        summary="a field of view that is too small: cut off, or wrapped around",
        severity="3 to 30 % of the body's extent outside the field of view",
    ),
    Artefact(
        "lesion",
        target="lesion:lesion",
        summary="a dark or bright lesion with a soft rim",
        severity="a change of 8 to 80 % of the range of intensities",
    ),
    Artefact(
        "motion",
        target="motion:motion",
        summary="blur and ghosts of the whole scan, from motion between lines of k-space",
        severity="displacements of 0.4 to 8 mm, rotations of 0.3 to 5 degrees",
        scans="MR",
        reach="scan",
    ),
)

ARTEFACTS: Final[Mapping[str, Artefact]] = MappingProxyType({row.name: row for row in _ROWS})
"""All artefacts, by name."""


def find_artefact(name: str) -> Artefact:
    """Return the row of an artefact.

    Raises:
        UsageError: no row of the table has that name.
    """
    if name not in ARTEFACTS:
        message = f"expected a kind of damage, one of {', '.join(ARTEFACTS)}, got {name!r}"
        raise UsageError(message)
    return ARTEFACTS[name]
