"""Placing a mask on a scan where the file of either says in several ways where its voxels are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from medpaint.core.errors import MaskError
from medpaint.core.geometry import contradictory, corner_distance_mm
from medpaint.core.types import Affine, Mask
from medpaint.core.volume import Volume
from medpaint.masks.grids import aligned, described, reorientation, reoriented

__all__ = ["Positioned", "placed"]


@dataclass(frozen=True, eq=False)
class Positioned:
    """A mask and where its file says that it is.

    Attributes:
        mask: (I, J, K).
        affine: voxel index to RAS+ millimetres, (4, 4).
        positions: see `medpaint.io.source.Source.positions`.
    """

    mask: Mask
    affine: Affine
    positions: Mapping[str, Affine] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Fit:
    """The names of two statements by which a mask fits a scan, and the scan's voxels to the mask's, (4, 4)."""

    scan: str
    mask: str
    mapping: Affine

    @property
    def is_identity(self) -> bool:
        """Whether the mask's voxels are in the scan's order."""
        return bool(np.array_equal(self.mapping, np.eye(4)))


def placed(
    drawn: Positioned, scan: Volume, positions: Mapping[str, Affine], *, resample: bool = False
) -> tuple[Mask, str, tuple[str, ...]]:
    """Return a mask on the scan's grid, how it got there, and warnings, a sentence each.

    Without contradictions it is `aligned`. With them, a mask that has the scan's grid by any pair of statements
    was drawn on the scan's voxels and is used on them. One that fits by none of them is refused and never
    resampled, as nobody knows where it was drawn.

    Args:
        drawn: the mask.
        scan: the scan.
        positions: of the scan, the one that it is read by first; empty where there is only one.
        resample: use the nearest mask voxel where the grids differ, instead of refusing.

    Raises:
        MaskError: the mask does not fit, or fits in several ways.
    """
    stated, drawn_at = _named(positions, scan.affine), _named(drawn.positions, drawn.affine)
    if len(stated) == len(drawn_at) == 1:
        return *aligned(drawn.mask, drawn.affine, scan, resample=resample), ()
    fits = list(_fits(stated, drawn_at, scan, drawn))
    if fits:
        fit = _chosen(fits, stated, drawn_at, scan.shape, drawn.mask.shape)
        plain = fit.scan == next(iter(stated)) and fit.mask == next(iter(drawn_at))
        how = "same grid" if fit.is_identity else "reoriented"
        return reoriented(drawn.mask, fit.mapping), how, () if plain else (_warning(fit, stated, drawn_at),)
    if contradictory(stated, scan.shape) or contradictory(drawn_at, drawn.mask.shape):
        raise MaskError(_misfit(drawn, scan, stated, drawn_at))
    return *aligned(drawn.mask, drawn.affine, scan, resample=resample), ()


def _named(positions: Mapping[str, Affine], affine: Affine) -> Mapping[str, Affine]:
    """Return statements, or the only place under the name of a header."""
    return positions or {"header": affine}


def _fits(
    stated: Mapping[str, Affine], drawn_at: Mapping[str, Affine], scan: Volume, drawn: Positioned
) -> Iterator[_Fit]:
    """Yield the pairs of statements by which the mask has the scan's grid, that of the two first ones first."""
    for name, affine in stated.items():
        for drawn_name, moving in drawn_at.items():
            mapping = reorientation(affine, moving, scan.shape, drawn.mask.shape)
            if mapping is not None:
                yield _Fit(name, drawn_name, mapping)


def _chosen(
    fits: list[_Fit],
    stated: Mapping[str, Affine],
    drawn_at: Mapping[str, Affine],
    shape: tuple[int, ...],
    drawn_shape: tuple[int, ...],
) -> _Fit:
    """Return the fit to use: where there is a choice, that with the mask's voxels in the scan's order.

    Raises:
        MaskError: the fits put the mask on different voxels, and nothing tells which of them it was drawn on.
    """
    if fits[0].is_identity or all(np.array_equal(fits[0].mapping, other.mapping) for other in fits):
        return fits[0]
    identity = next((fit for fit in fits if fit.is_identity), None)
    if identity is not None and not contradictory(drawn_at, drawn_shape):
        return identity
    ways = " or ".join(f"by its {fit.mask} and the scan's {fit.scan}" for fit in fits)
    message = (
        f"mask fits the scan in several ways that fill different voxels, as the headers contradict themselves: "
        f"{ways}{_apart(stated, shape)}; make each header state one place"
    )
    raise MaskError(message)


def _apart(positions: Mapping[str, Affine], shape: tuple[int, ...]) -> str:
    """Return by how much a scan's statements differ; empty for a single one."""
    first, *others = positions.values()
    largest = max((corner_distance_mm(first, other, shape) for other in others), default=0.0)
    return f"; the statements about the scan differ by {largest:.3g} mm" if largest else ""


def _warning(fit: _Fit, stated: Mapping[str, Affine], drawn_at: Mapping[str, Affine]) -> str:
    """Return the warning about a mask that fits by other statements than the files are read by."""
    used = next(iter(stated))
    place = "" if fit.scan == used else f" by the scan's {fit.scan}, not by the {used} that the scan is read by"
    own = "" if fit.mask == next(iter(drawn_at)) else f" by the mask's {fit.mask}"
    return f"The mask lies on the scan{place}{own}: it is used on the voxels that it was drawn on."


def _misfit(drawn: Positioned, scan: Volume, stated: Mapping[str, Affine], drawn_at: Mapping[str, Affine]) -> str:
    """Return why a mask is refused that fits by no statement."""
    whose = "scan" if contradictory(stated, scan.shape) else "mask"
    masks = ", ".join(f"by its {name} {described(drawn.mask.shape, affine)}" for name, affine in drawn_at.items())
    scans = ", ".join(f"by its {name} {described(scan.shape, affine)}" for name, affine in stated.items())
    return (
        f"mask is on another grid than the scan, and the header of the {whose} does not state one place: "
        f"mask {masks}; scan {scans}{_apart(stated, scan.shape)}; "
        f"draw the mask on the voxels of the scan, or make the header of the {whose} state one place"
    )
