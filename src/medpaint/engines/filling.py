"""The mask of a volume, filled by an engine, crop by crop."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.ndimage import distance_transform_edt

from medpaint.core.boxes import bounding_box, within
from medpaint.core.errors import MaskError, UsageError
from medpaint.core.orientation import Orientation
from medpaint.core.types import FloatArray, Mask, Progress, Spacing, Window
from medpaint.core.volume import Volume
from medpaint.engines.base import Engine
from medpaint.engines.choice import LEARNED, Choice
from medpaint.engines.learned.engine import Learned
from medpaint.engines.membrane import Membrane
from medpaint.engines.registry import load_engine
from medpaint.engines.windows import windows
from medpaint.parameters import Parameters
from medpaint.record.entries import EngineFacts

__all__ = ["engine_facts", "engine_for", "fill"]

NEAR_MM: Final = 5.0
"""Distance from the mask up to which non-finite voxels are unknown to the engine."""

MOST_VOXELS: Final = 60_000_000
"""Voxels of a crop, about; of larger ones an engine would need gigabytes to look at what is far from the hole."""

LEAST_CONTEXT_MM: Final = 30.0
"""What is shown around a hole in any case, if the engine wants to see as much."""


def engine_for(choice: Choice, parameters: Parameters) -> Engine:
    """Return the chosen engine, as the parameters want it.

    Raises:
        UsageError: there is no such engine, or the parameters ask for what it does not have.
    """
    if parameters.samples > 1:
        message = f"expected samples 1, for engine {choice.name} has one answer only, got {parameters.samples}"
        raise UsageError(message)
    options: dict[str, Any] = dict(choice.options)
    if parameters.weights and parameters.engine not in LEARNED:
        message = f"expected weights with an engine out of {', '.join(LEARNED)}, got engine {parameters.engine}"
        raise UsageError(message)
    if choice.name in LEARNED:
        options |= {
            "weights": Path(parameters.weights) if parameters.weights else None,
            "device": parameters.device,
        }
    engine = load_engine(choice.name, **options)
    return Membrane(engine) if parameters.membrane else engine


def engine_facts(choice: Choice, engine: Engine, windows: int) -> EngineFacts:
    """Return what the record says of an engine."""
    inner = engine.engine if isinstance(engine, Membrane) else engine
    learned = (
        {"device": inner.device, "weights_sha256": inner.weights_sha256} if isinstance(inner, Learned) else {}
    )
    return EngineFacts(name=choice.name, reason=choice.reason, windows=windows, options=choice.options, **learned)


def fill(
    volume: Volume, mask: Mask, engine: Engine, *, seed: int = 0, progress: Progress | None = None
) -> tuple[FloatArray, int]:
    """Let `engine` fill `mask`, crop by crop. It sees them with their axes pointing right, anterior, superior.

    Non-finite voxels outside the mask are not filled. Near the mask they are not shown to the engine as known;
    farther away, such as in a background that is not a number, they are shown as the lowest intensity.

    Returns:
        The intensities, one for each True of `mask` in C order, and the number of crops.
    """
    box = bounding_box(mask)
    if box is None:
        return np.empty(0, volume.encoding.intensity_dtype), 0
    spacing = volume.spacing_mm
    turn = Orientation.of(volume.affine)
    values = np.empty(mask[box].shape, volume.encoding.intensity_dtype)
    _refuse_isolated(volume, mask)
    crops = _crops(mask, spacing, engine.context_mm)
    for number, window in enumerate(crops):
        if progress is not None:
            progress("inpaint", number / len(crops))
        image, unknown = _shown(volume.intensities(window), mask[window], spacing)
        filled = turn.turned_back(
            engine.fill(
                np.ascontiguousarray(turn.turned(image)),
                np.ascontiguousarray(turn.turned(unknown)),
                spacing_mm=turn.spacing(spacing),
                seed=seed,
            )
        )
        np.copyto(values[within(window, box)], filled[within(box, window)], where=mask[box][within(window, box)])
    if progress is not None:
        progress("inpaint", 1.0)
    return values[mask[box]], len(crops)


def _crops(mask: Mask, spacing_mm: Spacing, context_mm: float) -> list[Window]:
    """Return the crops of a mask that is not empty, with less around the holes where they would be too large."""
    while True:
        crops = windows(mask, spacing_mm, context_mm)
        largest = max(math.prod(part.stop - part.start for part in crop) for crop in crops)
        if largest <= MOST_VOXELS or context_mm <= LEAST_CONTEXT_MM:
            return crops
        context_mm = max(LEAST_CONTEXT_MM, context_mm / 1.5)


def _shown(image: FloatArray, mask: Mask, spacing_mm: Spacing) -> tuple[FloatArray, Mask]:
    """Return what an engine is shown of a crop, (I, J, K), and what it has to fill; `image` is written over."""
    unknown = mask.copy()
    lost = ~np.isfinite(image) & ~mask
    if lost.any():
        for window in windows(mask, spacing_mm, NEAR_MM):
            near = distance_transform_edt(~mask[window], sampling=spacing_mm) <= NEAR_MM
            unknown[window] |= lost[window] & near
        image[lost] = image[~(lost | mask)].min()
    image[unknown] = 0.0
    return image, unknown


def _refuse_isolated(volume: Volume, mask: Mask) -> None:
    """Refuse a part of the mask that has no finite voxel around it."""
    for window in windows(mask, volume.spacing_mm, 0.0):
        if not (np.isfinite(volume.intensities(window)) & ~mask[window]).any():
            message = f"nothing is known around the mask at voxels {_corner(window)}: the scan is not finite there"
            raise MaskError(message)


def _corner(window: tuple[slice, slice, slice]) -> str:
    """Return a window in words."""
    return " ".join(f"{axis} {part.start}-{part.stop - 1}" for axis, part in zip("IJK", window, strict=True))
