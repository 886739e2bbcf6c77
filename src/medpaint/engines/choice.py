"""The choice of an engine: restoration and evaluation both get their engines here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from pydantic import JsonValue

from medpaint.core.errors import UnreadableError, UsageError
from medpaint.core.scale import Scaled, at_human_scale
from medpaint.core.text import distinct_digits
from medpaint.core.types import Mask, Spacing
from medpaint.core.volume import Volume
from medpaint.engines.base import Engine
from medpaint.engines.classical.biharmonic import takes_longer
from medpaint.engines.exemplar.detail import Pace
from medpaint.engines.exemplar.engine import expected_seconds
from medpaint.engines.gaps import lost_axis
from medpaint.engines.learned.networks.names import NETWORKS
from medpaint.engines.membrane import Membrane
from medpaint.engines.mixture import Mixture
from medpaint.engines.registry import engine_names, load_engine, unknown_engine
from medpaint.engines.validation import Validation, validated
from medpaint.parameters import Effort, FillParameters

if TYPE_CHECKING:
    from medpaint.engines.learned.foreign.engine import Foreign

__all__ = [
    "ALLOWED_S",
    "AUTO",
    "AUTO_SUMMARY",
    "FOREIGN",
    "LEARNED",
    "Chosen",
    "Effort",
    "choice_names",
    "choose",
    "scaled_for",
]

AUTO: Final = "auto"
"""Asks for the engine that suits the mask."""

AUTO_SUMMARY: Final = "resnet2d, unet3d, unet2d or biharmonic by the mask, mixed as hidden voxels of the scan say"
"""One line for people."""

FOREIGN: Final = "monai"
"""Fills with a network that the user describes. `auto` never chooses it."""

LEARNED: Final = tuple(NETWORKS)
"""Engines with a network, which corrects another fill."""

ALLOWED_S: Final[dict[Effort, float]] = {"fast": 20.0, "best": 600.0}
"""Largest estimate of the seconds that `auto` allows for a fill."""

_PACE: Final[dict[Effort, Pace]] = {"fast": "brisk", "best": "thorough"}

_ASKED_PACE: Final[dict[Effort, Pace]] = {"fast": "quick", "best": "brisk"}
"""What exemplars are searched for with in hidden voxels: they come out a little worse than in the mask."""

_SMOOTH_S: Final = 600.0
"""Largest estimate of the seconds that `auto` allows for the biharmonic fill, at any effort."""

_GAP_VOXEL_S: Final = 2e-5
"""Seconds for a voxel of lost slices on two cores, a cautious estimate."""

_STARTS: Final = ("exemplar", "biharmonic")
"""Engines from which others start, the later first; the latter's fills say what those come to."""

_THICK: Final = 2.5
"""Ratio of a voxel's length to its width above which it is filled slice by slice."""


@dataclass(frozen=True)
class Chosen:
    """An engine, and why it was chosen.

    Attributes:
        engine: ready to fill.
        name: its row in the table of engines.
        reason: for people; goes into the record.
        options: the engine's own options that the effort stands for.
        validation: how close it and others came to hidden voxels of the scan; None if the scan was not asked.
    """

    engine: Engine
    name: str
    reason: str
    options: dict[str, JsonValue]
    validation: Validation | None = None


def choice_names() -> tuple[str, ...]:
    """Return all names that `choose` takes: auto, and the engines."""
    return (AUTO, *engine_names())


def scaled_for(engine: str, volume: Volume, mask: Mask) -> Scaled:
    """Return a scan at the scale that an engine works at: human, or its own for a network that a user describes.

    The millimetres of a description are those of the scan.

    Args:
        engine: its name, or auto.
        volume: the scan.
        mask: True = fill, (I, J, K).
    """
    return Scaled(volume, 1.0, None) if engine == FOREIGN else at_human_scale(volume, mask)


def choose(
    parameters: FillParameters,
    mask: Mask,
    spacing_mm: Spacing,
    *,
    void: Mask | None = None,
    volume: Volume | None = None,
) -> Chosen:
    """Return the engine that the parameters name, or for `auto` the one that suits the mask and the scan.

    `auto` first goes by the mask. It sends lost slices to the network for them. In other holes a network on quick
    exemplars comes about as close to hidden tissue as the exemplar engine, in half the time for large holes. It is
    chosen unless a hole is too large for exemplars, or they would take longer than the effort allows. Holes that
    are too deep for the biharmonic fill, which those also start from, get the harmonic one. The time is estimated
    from the mask, not measured, so the same mask always gets the same engine.

    Then the scan is asked: known voxels like those that are lost are hidden, and `auto` takes the weighted mean of
    the engine and of simpler ones that comes closest to them. The network for lost slices is compared with simpler
    engines also where it was asked for by name; it is taken in any case, and the validation says how it compares.

    Args:
        parameters: the engine's name, the effort, the seed, and what the engine is made with.
        mask: True = fill, (I, J, K).
        spacing_mm: voxel size along I, J, K, at human scale.
        void: True = outside the image, such as padding, which makes no difference to a lost slice, (I, J, K); None
            if there is none.
        volume: the scan to ask; None to go by the mask alone.

    Raises:
        UsageError: no such engine, weights for an engine without a network, or a description that does not fit.
        UnreadableError: no such file of weights, or no such description.
        ConvergenceError: the biharmonic equations could not be solved.
    """
    _check(parameters)
    if parameters.engine == FOREIGN:
        return _foreign(parameters)
    if parameters.engine == AUTO:
        name, reason = _suited(mask, void, spacing_mm, parameters.effort)
    else:
        name, reason = parameters.engine, _as_asked(parameters.engine, mask, void)
    validation = None
    if volume is not None and _asks(parameters.engine, name, mask, void):
        validation = validated(volume, mask, name, _asked(name, parameters), void=void, seed=parameters.seed)
    if parameters.engine == AUTO and validation is not None:
        return _as_the_scan_says(name, reason, validation, parameters)
    engine, options = _engine(name, parameters), _options(name, parameters)
    return Chosen(_wrapped(engine, parameters), name, reason, options, validation)


def _as_the_scan_says(name: str, reason: str, validation: Validation, parameters: FillParameters) -> Chosen:
    """Return the engine, or the mean of several, that came closest to hidden voxels of the scan."""
    order = (name, *(one for one in _STARTS if one != name))
    first = min(validation.shares, key=lambda one: order.index(one) if one in order else len(order))
    engine, options = _engine(first, parameters), _options(first, parameters)
    if len(validation.shares) > 1:
        others = {one: _engine(one, parameters) for one in validation.shares if one != first}
        engine = Mixture(engine, first, validation.shares, others)
        options["shares"] = dict(validation.shares)
    if validation.shares.get(name) != 1.0:
        shares = ", ".join(f"{one} {share:.0%}" for one, share in validation.shares.items())
        reason = f"{reason}; closest to hidden voxels of this scan: {shares}"
    return Chosen(_wrapped(engine, parameters), first, reason, options, validation)


def _wrapped(engine: Engine, parameters: FillParameters) -> Engine:
    """Return an engine whose fill is fitted to the rim where the parameters ask for that."""
    return Membrane(engine) if parameters.membrane else engine


def _asks(wanted: str, name: str, mask: Mask, void: Mask | None) -> bool:
    """Return whether the scan is asked about an engine: chosen by `auto`, or a network for lost slices."""
    if not mask.any():
        return False
    if wanted == AUTO:
        return name != "harmonic"
    return name in LEARNED and NETWORKS[name].for_lost_slices and lost_axis(mask, void) is not None


def _check(parameters: FillParameters) -> None:
    """Refuse an unknown engine, and weights that no network would use."""
    if parameters.engine not in choice_names():
        raise unknown_engine(parameters.engine, choice_names())
    if parameters.engine == FOREIGN and not parameters.network:
        message = f"expected --network, a file that describes your network, with engine {FOREIGN}, got none"
        raise UsageError(message)
    if parameters.network and parameters.engine != FOREIGN:
        message = f"expected --network with engine {FOREIGN} only, got it with {parameters.engine}: leave one out"
        raise UsageError(message)
    if not parameters.weights:
        return
    if parameters.engine not in LEARNED:
        message = f"expected one of the engines {', '.join(LEARNED)} with weights, got {parameters.engine}"
        raise UsageError(message)
    if not Path(parameters.weights).is_file():
        message = f"{parameters.weights}: expected a file of weights for {parameters.engine}: no such file"
        raise UnreadableError(message)


def _foreign(parameters: FillParameters) -> Chosen:
    """Return the engine of the network that a user describes."""
    engine = load_engine(
        FOREIGN,
        network=Path(parameters.network),
        pace=_PACE[parameters.effort],
        flips=parameters.effort == "best",
        device=parameters.device,
    )
    options = cast("Foreign", engine).facts
    return Chosen(_wrapped(engine, parameters), FOREIGN, "as asked", options)


def _suited(mask: Mask, void: Mask | None, spacing_mm: Spacing, effort: Effort) -> tuple[str, str]:
    """Return the name of the engine that suits a mask, (I, J, K), and the reason."""
    allowed = ALLOWED_S[effort]
    if lost_axis(mask, void) is not None:
        return _suited_slices(np.count_nonzero(mask) * _GAP_VOXEL_S, effort)
    if takes_longer(mask, _SMOOTH_S):
        return "harmonic", f"auto: biharmonic would take longer than {_SMOOTH_S:.0f} s"
    seconds = expected_seconds(mask, spacing_mm, _PACE[effort])
    if seconds == 0.0:
        return "biharmonic", "auto: the voxels are too large to learn from"
    if seconds is None:
        return "biharmonic", "auto: the hole is too large to learn from the rest of the scan"
    if seconds > allowed:
        estimate = f"about {distinct_digits(seconds, allowed)} s (estimated)"
        return "biharmonic", f"auto: exemplars would take {estimate}, effort {effort} allows {allowed:g} s"
    in_plane = sorted(spacing_mm)[1]
    thick = 1 in mask.shape or max(spacing_mm) > _THICK * in_plane
    name, why = ("unet2d", "thick slices, ") if thick else ("unet3d", "")
    return name, f"auto: {why}exemplars take about {max(1.0, seconds):.0f} s (estimated)"


def _suited_slices(seconds: float, effort: Effort) -> tuple[str, str]:
    """Return the engine that suits lost slices, given an estimate for their network, and the reason."""
    allowed = ALLOWED_S[effort]
    if seconds <= allowed:
        return "resnet2d", "auto: lost slices"
    estimate = f"about {distinct_digits(seconds, allowed)} s (estimated)"
    return "biharmonic", f"auto: lost slices; resnet2d would take {estimate}, effort {effort} allows {allowed:g} s"


def _as_asked(name: str, mask: Mask, void: Mask | None) -> str:
    """Return the reason for an engine that was asked for, and what it leaves to another."""
    if name in LEARNED and NETWORKS[name].for_lost_slices and lost_axis(mask, void) is None:
        return "as asked; it fills lost slices only, biharmonic fills other holes"
    return "as asked"


def _engine(name: str, parameters: FillParameters) -> Engine:
    """Return an engine with the options that the parameters stand for."""
    return load_engine(name, **_options(name, parameters), **_network_options(name, parameters))


def _asked(name: str, parameters: FillParameters) -> Engine:
    """Return an engine for the comparison on hidden voxels, quicker than the one that fills."""
    options = _options(name, parameters)
    quicker = {"pace": _ASKED_PACE[parameters.effort], "flips": False}
    return load_engine(
        name,
        **{one: quicker.get(one, value) for one, value in options.items()},
        **_network_options(name, parameters),
    )


def _options(name: str, parameters: FillParameters) -> dict[str, JsonValue]:
    """Return the options of an engine that the effort stands for."""
    effort = parameters.effort
    if name == "exemplar" and parameters.engine == AUTO:
        return {"pace": _PACE[effort]}
    if name not in LEARNED:
        return {}
    flips = effort == "best"
    return {"flips": flips} if NETWORKS[name].for_lost_slices else {"pace": _PACE[effort], "flips": flips}


def _network_options(name: str, parameters: FillParameters) -> dict[str, Any]:
    """Return where an engine's network runs, and with which weights."""
    if name not in LEARNED:
        return {}
    return {"weights": Path(parameters.weights) if parameters.weights else None, "device": parameters.device}
