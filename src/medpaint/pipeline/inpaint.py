"""The third step: an engine fills the mask."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from medpaint.core.scale import Scaled
from medpaint.core.types import Mask, Progress
from medpaint.engines.choice import AUTO, choose, scaled_for
from medpaint.engines.doubts import doubts, enlarged, unfamiliar, unlike
from medpaint.engines.filling import Filling, fill
from medpaint.engines.gaps import beside_gaps, gap_axes
from medpaint.engines.limits import beyond_measured
from medpaint.engines.showing import void_of
from medpaint.engines.surroundings import surroundings
from medpaint.engines.validation import Validation
from medpaint.parameters import FillParameters
from medpaint.pipeline.case import Case, Filled
from medpaint.record.entries import InpaintEntry, ValidationEntry

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
    chosen = choose(parameters, case.mask, scaled.volume.spacing_mm, void=void, volume=scaled.volume)
    if not case.mask.any():
        nothing = np.empty(0, case.volume.encoding.intensity_dtype)
        return Filled(case.mask, nothing, case.draft.inpainted(None, parameters))
    filling = fill(scaled.volume, case.mask, chosen.engine, seed=parameters.seed, progress=progress)
    entry = InpaintEntry(
        engine=chosen.name,
        reason=chosen.reason,
        validation=_validation(chosen.validation),
        filled_by=filling.filled_by,
        device=filling.device,
        weights_sha256=filling.weights_sha256,
        options=dict(chosen.options),
        windows=filling.windows,
        body_scale=scaled.factor,
        body_extent_mm=None if scaled.extent_mm is None else round(scaled.extent_mm, 1),
        warnings=_warnings(filling, case, parameters, scaled, void, chosen.validation),
        seconds=round(perf_counter() - started, 4),
    )
    return Filled(case.mask, filling.values[0], case.draft.inpainted(entry, parameters))


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
    filling: Filling,
    case: Case,
    parameters: FillParameters,
    scaled: Scaled,
    void: Mask | None,
    validation: Validation | None,
) -> tuple[str, ...]:
    """Return what a user should know about a fill."""
    spacing_mm, automatic = scaled.volume.spacing_mm, parameters.engine == AUTO
    rest = beside_gaps(case.mask, void)
    return (
        *doubts(filling.filled_by, case.mask, spacing_mm, void, validation, automatic=automatic),
        *_unfamiliar(filling, case, parameters),
        *enlarged(scaled.factor, scaled.extent_mm),
        *(beyond_measured(filling.filled_by, rest, spacing_mm) if rest.any() else ()),
        *(() if gap_axes(case.mask, void) else unlike(surroundings(scaled.volume, case.mask))),
    )


def _unfamiliar(filling: Filling, case: Case, parameters: FillParameters) -> tuple[str, ...]:
    """Return a warning where the shipped weights of a network filled a modality that they do not know."""
    if parameters.weights:
        return ()
    return unfamiliar(filling.filled_by, str(case.draft.read.facts.get("modality", "")))
