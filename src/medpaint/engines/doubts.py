"""Warnings about fills that may be worse than the simplest one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from medpaint.core.text import distinct_digits
from medpaint.core.types import Mask, Spacing
from medpaint.engines.gaps import MOST_LOST, beside_gaps, gap_axes
from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.engines.mixture import single_fillers
from medpaint.engines.surroundings import Surroundings
from medpaint.engines.validation import Validation

__all__ = ["doubts", "enlarged", "unfamiliar", "unlike"]

_TRUSTED: Final = ("resnet2d", "registered", "linear", "interpolation")
"""What fills lost slices no worse than the mean of the slices on either side."""

_BETWEEN: Final = {"registered", "linear"}
"""What interpolates lost slices wherever both sides are known, and leaves the rest to another fill."""

_TRUSTED_MM: Final = 7.0
"""Thickness of slices up to which that was measured for the network, in CT."""

_EXTREME: Final = 0.07
"""Share of extreme values beside a mask from which the scan is damaged there; one in a hundred is usual."""

_UNUSUAL: Final = 1.5
"""How many times as large as usual in the scan something beside a mask is that counts as damage."""

_STEP: Final = 0.09
"""A step just outside the mask from which it is the edge of a lesion."""

_SLOPE: Final = 0.1
_STEEPER: Final = 2.5
"""A step farther out, in itself and in multiples of what is usual, from which it is the edge of a lesion."""

_ROUGH: Final = 0.005
"""Roughness that is never a sign of streaks, as of images without noise."""

_BACKGROUND: Final = 0.25
"""Share of a mask's surface from which background decides what is filled."""

_FAMILIAR: Final = ("MR", "CT")
"""Modalities that the shipped networks were trained or measured on, as DICOM names them."""


def unfamiliar(filled_by: Mapping[str, int], modality: str) -> tuple[str, ...]:
    """Return a warning where a network filled a scan of a modality that it has not been measured on.

    Args:
        filled_by: masked voxels by what filled them.
        modality: as DICOM names it; empty where the format does not say.
    """
    networks = [name for name in single_fillers(filled_by) if name in NETWORKS]
    if not networks or modality in ("", *_FAMILIAR):
        return ()
    weights = f"the shipped weights of {', '.join(networks)}"
    remedy = "compare the result with that of another engine, such as biharmonic"
    return (f"{weights} were not measured on modality {modality}: {remedy}",)


def enlarged(factor: float, extent_mm: float | None) -> tuple[str, ...]:
    """Return a warning where a scan was filled at human scale because the body in it is small.

    Args:
        factor: what lengths were multiplied by.
        extent_mm: size of the body.
    """
    if factor == 1.0 or extent_mm is None:
        return ()
    small = f"the body is small ({extent_mm:.0f} mm) and was filled as one {factor:.2g} times as large"
    return (f"{small}: the engines were measured on people; compare the result with that of biharmonic",)


def unlike(around: Sequence[Surroundings]) -> tuple[str, ...]:
    """Return warnings where what lies just outside a mask is no healthy tissue.

    Args:
        around: what lies around the largest parts of the mask.
    """
    found = []
    odd = [one.extreme.here for one in around if one.extreme.exceeds(_EXTREME, _UNUSUAL)]
    rough = [one.roughness for one in around if one.roughness.usual and one.roughness.exceeds(_ROUGH, _UNUSUAL)]
    if odd:
        found.append(
            f"{max(odd):.0%} of the values just outside the mask are extreme for this scan: streaks beside metal, "
            "or the rest of a lesion, would be continued into the fill; enlarge the mask with --dilate-mm"
        )
    elif rough:
        times = max(one.here / one.usual for one in rough)
        found.append(
            f"the tissue beside the mask is {times:.1f} times as rough as is usual in this scan: streaks beside "
            "metal, or noise, would be continued into the fill; enlarge the mask with --dilate-mm"
        )
    elif any(one.step.exceeds(_STEP, _UNUSUAL) or one.slope.exceeds(_SLOPE, _STEEPER) for one in around):
        found.append(
            "the tissue just outside the mask differs from that farther out on most sides: the mask may be too "
            "small for the lesion; enlarge it with --dilate-mm"
        )
    background = max((one.background for one in around), default=0.0)
    if background > _BACKGROUND:
        found.append(
            f"{background:.0%} of the mask's surface touches empty background: the fill may end in the wrong "
            "place; check it there, and leave the background out of the mask"
        )
    return tuple(found)


def doubts(
    filled_by: Mapping[str, int],
    mask: Mask,
    spacing_mm: Spacing,
    void: Mask | None,
    validation: Validation | None = None,
    *,
    automatic: bool = False,
) -> tuple[str, ...]:
    """Return warnings about a fill.

    A lost slice may come out worse than the mean of its two neighbours, if it was filled by a method that is not
    for lost slices and was not compared with that on the scan itself; if that came closer there, or in one place
    of it; or if the slices are thicker than those that the network was measured on.

    Args:
        filled_by: masked voxels by what filled them.
        mask: True = was filled, (I, J, K).
        spacing_mm: voxel size along I, J, K, at human scale.
        void: True = outside the image, (I, J, K); None if there is none.
        validation: how engines compared on the scan itself; None if they were not.
        automatic: the engine was chosen by `auto`.
    """
    axes = gap_axes(mask, void)
    if not axes:
        return ()
    if validation is not None and "linear" in validation.errors:
        return _uneven(validation) if automatic else _outdone(filled_by, validation)
    worse = "the result may be worse than the mean of the neighbouring slices"
    others = [names for names in filled_by if not set(single_fillers([names])) <= set(_TRUSTED)]
    if others and not _BETWEEN & set(filled_by):
        remedy = f"choose registered, or resnet2d, which is for up to {MOST_LOST} lost slices in a row"
        if beside_gaps(mask, void).any():
            remedy += "; auto fills the other holes by an engine of their own"
        return (f"lost slices were filled by {', '.join(others)}: {worse}; {remedy}",)
    thickest = max(spacing_mm[axis] for axis in axes)
    if "resnet2d" in filled_by and thickest > _TRUSTED_MM:
        thick = f"lost slices {distinct_digits(thickest, _TRUSTED_MM)} mm thick"
        return (f"{thick} were filled by resnet2d: above {_TRUSTED_MM:g} mm {worse}",)
    return ()


def _outdone(filled_by: Mapping[str, int], validation: Validation) -> tuple[str, ...]:
    """Return a warning if lost slices were filled by an engine that another outdid on slices of the same scan."""
    used = next((name for name in validation.errors if name in filled_by), None)
    if used is None or validation.errors[used] <= validation.errors[validation.best]:
        return ()
    ours, theirs = validation.errors[used], validation.errors[validation.best]
    found = f"{distinct_digits(ours, theirs)} against {distinct_digits(theirs, ours)}"
    closer = f"{validation.best} came closer to hidden slices of this scan (root mean square error {found})"
    return (f"lost slices were filled by {used}, but {closer}: choose {validation.best} or auto",)


def _uneven(validation: Validation) -> tuple[str, ...]:
    """Return a warning if what came closest to hidden slices of a scan was outdone by `linear` in one place."""
    if validation.worst <= 1.0:
        return ()
    times = distinct_digits(validation.worst, 1.0)
    worse = f"{times} times as wrong as by the mean of their neighbours"
    return (f"slices hidden in one place of this scan came out {worse}: compare the result with that of linear",)
