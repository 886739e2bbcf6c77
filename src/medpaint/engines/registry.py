"""The table of engines. Reading it does not load any of them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, Literal, cast

from medpaint.core.errors import UsageError
from medpaint.engines.base import Engine, SliceEngine

__all__ = ["ENGINES", "EngineInfo", "engine_names", "load_engine", "ready_engines", "unknown_engine"]


@dataclass(frozen=True)
class EngineInfo:
    """What is known about an engine before it is loaded.

    Attributes:
        target: ``module:class``; the class takes the engine's options as keywords.
        ndim: 3 for an `Engine`, 2 for a `SliceEngine`, which is run slice by slice.
        summary: one line for people.
        weights_sha256: hash of the weights shipped for it; empty for an engine without a network.
        described: whether it needs a description of a user's own network.
        draws: whether it draws random numbers, so that its fill depends on the seed.
        revision: raised by every change of the code that changes its fills: new voxels need new DICOM identifiers.
    """

    target: str
    ndim: Literal[2, 3]
    summary: str
    weights_sha256: str = ""
    described: bool = False
    draws: bool = False
    revision: int = 1


ENGINES: Final[Mapping[str, EngineInfo]] = MappingProxyType(
    {
        "nearest": EngineInfo(
            target="medpaint.engines.classical.nearest:Nearest",
            ndim=3,
            summary="value of the nearest known voxel",
        ),
        "harmonic": EngineInfo(
            target="medpaint.engines.classical.harmonic:Harmonic",
            ndim=3,
            summary="Laplace's equation in 3D: smooth, never brighter or darker than the rim",
            revision=2,
        ),
        "biharmonic": EngineInfo(
            target="medpaint.engines.classical.biharmonic:Biharmonic",
            ndim=3,
            summary="biharmonic equation in 3D: continues slopes across the rim",
            revision=2,
        ),
        "linear": EngineInfo(
            target="medpaint.engines.classical.linear:Linear",
            ndim=3,
            summary="straight line between the slices on either side of lost ones; biharmonic in other holes",
            revision=2,
        ),
        "registered": EngineInfo(
            target="medpaint.engines.classical.registered:Registered",
            ndim=3,
            summary="lost slices between registered slices on either side; biharmonic in other holes",
        ),
        "exemplar": EngineInfo(
            target="medpaint.engines.exemplar.engine:Exemplar",
            ndim=3,
            summary="regression on similar places in the same scan, in 3D: no weights, slower",
            draws=True,
            revision=3,
        ),
        "unet3d": EngineInfo(
            target="medpaint.engines.learned.engine:unet3d",
            ndim=3,
            summary="network that corrects a quick exemplar fill, in 3D",
            weights_sha256="5e77e6b448636b449cc745d9ce5b34b84165313615496952d93d765bb05ac754",
            draws=True,
            revision=3,
        ),
        "unet2d": EngineInfo(
            target="medpaint.engines.learned.engine:unet2d",
            ndim=3,
            summary="network that corrects a quick exemplar fill, slice by slice, for thick slices",
            weights_sha256="f6500d3f228a7cf3d3cb1558c732b688f33020ffeb0871b66830c4bb10d2aa92",
            draws=True,
            revision=4,
        ),
        "resnet2d": EngineInfo(
            target="medpaint.engines.learned.engine:resnet2d",
            ndim=3,
            summary="network that fills lost slices from those on either side; biharmonic in other holes",
            weights_sha256="e018d6a64bb4572860e5acad8988b83dc3d55a6a2eab386ebc4a279c96dd8998",
            revision=4,
        ),
        "monai": EngineInfo(
            target="medpaint.engines.learned.foreign.engine:monai",
            ndim=3,
            summary="your own network, or a MONAI bundle, as a description says (--network)",
            described=True,
            draws=True,
        ),
        "telea": EngineInfo(
            target="medpaint.engines.classical.opencv:Telea",
            ndim=2,
            summary="fast marching from the rim inwards, slice by slice",
        ),
        "navier-stokes": EngineInfo(
            target="medpaint.engines.classical.opencv:NavierStokes",
            ndim=2,
            summary="continues lines of equal intensity, slice by slice",
        ),
    }
)


def engine_names() -> tuple[str, ...]:
    """Return the names of all engines, in the order of the table."""
    return tuple(ENGINES)


def ready_engines() -> tuple[str, ...]:
    """Return the names of the engines that need nothing from the user, in the order of the table."""
    return tuple(name for name, info in ENGINES.items() if not info.described)


def load_engine(name: str, **options: Any) -> Engine:  # noqa: ANN401 - each engine has options of its own
    """Return the engine `name`, made with `options`.

    Restoration and evaluation call `medpaint.engines.choice.choose` instead.

    Args:
        name: a row of the table.
        options: the engine's own.

    Raises:
        UsageError: no such engine, an option that it does not have, or a package that is not installed.
    """
    if name not in ENGINES:
        raise unknown_engine(name, engine_names())
    info = ENGINES[name]
    kind = _kind(name, info)
    known = inspect.signature(kind).parameters
    unknown = sorted(set(options) - set(known))
    if unknown:
        message = f"engine {name!r} has no option {', '.join(unknown)}; it takes {', '.join(known) or 'none'}"
        raise UsageError(message)
    if info.ndim == 3:
        return cast("Engine", kind(**options))
    from medpaint.engines.slicing import SliceWise

    return SliceWise(cast("SliceEngine", kind(**options)), name)


def unknown_engine(name: str, names: Sequence[str]) -> UsageError:
    """Return the error for a name that is not among `names`, with the closest of them as a hint."""
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return UsageError(f"expected one of the engines {', '.join(names)}, got {name!r}{hint}")


def _kind(name: str, info: EngineInfo) -> type:
    """Import the engine's class.

    Raises:
        UsageError: a package that it needs is not installed.
    """
    module, _, attribute = info.target.partition(":")
    try:
        return cast("type", getattr(import_module(module), attribute))
    except ModuleNotFoundError as error:
        missing = error.name or "a package"
        if missing.split(".")[0] == "medpaint":
            raise
        message = f"engine {name!r} needs {missing}, which is not installed: pip install {missing}"
        raise UsageError(message) from error
