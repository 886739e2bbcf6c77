"""The third step: an engine fills the mask, or one for each kind of hole in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from medpaint.core.scale import Scaled
from medpaint.core.types import Mask, Progress
from medpaint.engines.choice import AUTO, choose, scaled_for
from medpaint.engines.division import joined
from medpaint.engines.doubts import doubts, enlarged, unfamiliar, unlike
from medpaint.engines.gaps import beside_gaps, gap_axes
from medpaint.engines.limits import beyond_measured
from medpaint.engines.parts import FilledPart, fill_parts, values_of
from medpaint.engines.showing import void_of
from medpaint.engines.surroundings import surroundings
from medpaint.engines.validation import Validation
from medpaint.parameters import FillParameters
from medpaint.pipeline.case import Case, Filled
from medpaint.record.entries import InpaintEntry, PartEntry, ValidationEntry

__all__ = ["inpaint"]


def inpaint(case: Case, parameters: FillParameters, *, progress: Progress | None = None) -> Filled:
    """Fill the mask of a case with the engine that `parameters` ask for.

    Raises:
        UsageError: unknown engine, or one that cannot do what the parameters ask for.
        MedpaintError: the engine failed.
    """
    started = perf_counter()
    void = void_of(case.volume, case.mask)
    scaled = scaled_for(parameters.engine, case.volume, case.mask)
    if not case.mask.any():
        choose(parameters, case.mask, scaled.volume.spacing_mm)
        nothing = np.empty(0, case.volume.encoding.intensity_dtype)
        return Filled(case.mask, nothing, case.draft.inpainted(None, parameters))
    parts = fill_parts(scaled.volume, case.mask, parameters, void=void, progress=progress)
    filled_by = sum((Counter(one.filling.filled_by) for one in parts), Counter[str]())
    largest = max(parts, key=lambda one: one.voxels)
    entry = InpaintEntry(
        **_facts(largest)
        | {"filled_by": dict(filled_by.most_common()), "windows": sum(one.filling.windows for one in parts)},
        parts=_parts(parts),
        body_scale=scaled.factor,
        body_extent_mm=None if scaled.extent_mm is None else round(scaled.extent_mm, 1),
        warnings=_warnings(parts, filled_by, case, parameters, scaled, void),
        seconds=round(perf_counter() - started, 4),
    )
    return Filled(case.mask, values_of(parts, case.mask), case.draft.inpainted(entry, parameters))


def _facts(one: FilledPart) -> dict[str, Any]:
    """Return what the record says of the fill of a part."""
    return {
        "engine": one.chosen.name,
        "reason": one.chosen.reason,
        "validation": _validation(one.chosen.validation),
        "filled_by": one.filling.filled_by,
        "device": one.filling.device,
        "weights_sha256": one.filling.weights_sha256,
        "options": dict(one.chosen.options),
        "windows": one.filling.windows,
    }


def _parts(parts: Sequence[FilledPart]) -> tuple[PartEntry, ...]:
    """Return an entry for each part; none where a mask of one kind was filled as a whole."""
    if len(parts) == 1 and not parts[0].part.disregarded:
        return ()
    return tuple(
        PartEntry(
            **_facts(one),
            kind=one.part.kind,
            voxels=one.voxels,
            disregarded=one.part.disregarded,
        )
        for one in parts
        if one.part.kind is not None
    )


def _validation(validation: Validation | None) -> ValidationEntry | None:
    """Return what the record says of a validation."""
    if validation is None:
        return None
    errors = {name: _brief(error) for name, error in validation.errors.items()}
    return ValidationEntry(
        errors=errors,
        voxels=validation.voxels,
        shares=dict(validation.shares),
        expected_error=_brief(validation.expected_error),
    )


def _brief(error: float) -> float:
    """Return an error with the digits that mean something."""
    return float(f"{error:.4g}")


def _warnings(
    parts: Sequence[FilledPart],
    filled_by: Counter[str],
    case: Case,
    parameters: FillParameters,
    scaled: Scaled,
    void: Mask | None,
) -> tuple[str, ...]:
    """Return what a user should know about a fill."""
    return (
        *(line for one in parts for line in _doubts(one, parameters, scaled, void)),
        *_unfamiliar(filled_by, case, parameters),
        *enlarged(scaled.factor, scaled.extent_mm),
        *(line for one in parts for line in _beyond_measured(one, scaled, void)),
        *(unlike(surroundings(scaled.volume, case.mask)) if not _has_gaps(parts, void) else ()),
    )


def _doubts(one: FilledPart, parameters: FillParameters, scaled: Scaled, void: Mask | None) -> tuple[str, ...]:
    """Return warnings about the fill of lost slices in a part."""
    outside, automatic = joined(void, one.part.unmeasured), parameters.engine == AUTO
    spacing_mm, validation = scaled.volume.spacing_mm, one.chosen.validation
    return doubts(one.filling.filled_by, one.part.mask, spacing_mm, outside, validation, automatic=automatic)


def _beyond_measured(one: FilledPart, scaled: Scaled, void: Mask | None) -> tuple[str, ...]:
    """Return warnings about holes and voxels in a part that no engine was measured on."""
    rest = beside_gaps(one.part.mask, joined(void, one.part.unmeasured))
    return beyond_measured(one.filling.filled_by, rest, scaled.volume.spacing_mm) if rest.any() else ()


def _has_gaps(parts: Sequence[FilledPart], void: Mask | None) -> bool:
    """Return whether a part has lost slices."""
    return any(gap_axes(one.part.mask, joined(void, one.part.unmeasured)) for one in parts)


def _unfamiliar(filled_by: Counter[str], case: Case, parameters: FillParameters) -> tuple[str, ...]:
    """Return a warning where the shipped weights of a network filled a modality that they do not know."""
    if parameters.weights:
        return ()
    return unfamiliar(filled_by, str(case.draft.read.facts.get("modality", "")))
