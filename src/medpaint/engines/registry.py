"""The table of engines. Reading it loads none of them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any, Final, Literal, cast

from medpaint.core.errors import UsageError
from medpaint.engines.base import Engine, SliceEngine

__all__ = ["ENGINES", "EngineInfo", "engine_names", "load_engine"]


@dataclass(frozen=True)
class EngineInfo:
    """What is known of an engine before it is loaded.

    Attributes:
        target: ``module:class``; the class takes the engine's options as keywords.
        ndim: 3 for an `Engine`, 2 for a `SliceEngine`, which is run slice by slice.
        summary: one line for people who choose.
        extra: the optional part of medpaint that the engine needs installed, if any.
        weights_sha256: hash of the weights that are shipped for it; empty for an engine that has none.
    """

    target: str
    ndim: Literal[2, 3]
    summary: str
    extra: str | None = None
    weights_sha256: str = ""


ENGINES: Final[Mapping[str, EngineInfo]] = MappingProxyType(
    {
        "auto": EngineInfo(
            target="medpaint.engines.choice:Auto",
            ndim=3,
            summary="resnet2d for lost slices, unet3d or unet2d for what takes them not too long, else biharmonic",
        ),
        "nearest": EngineInfo(
            target="medpaint.engines.classical.nearest:Nearest",
            ndim=3,
            summary="value of the nearest known voxel",
        ),
        "harmonic": EngineInfo(
            target="medpaint.engines.classical.harmonic:Harmonic",
            ndim=3,
            summary="Laplace's equation in 3D: smooth, never brighter or darker than the rim",
        ),
        "biharmonic": EngineInfo(
            target="medpaint.engines.classical.biharmonic:Biharmonic",
            ndim=3,
            summary="biharmonic equation in 3D: continues slopes across the rim",
        ),
        "exemplar": EngineInfo(
            target="medpaint.engines.exemplar.engine:Exemplar",
            ndim=3,
            summary="regression learned from like places of the same scan, in 3D: no weights, slower",
        ),
        "unet3d": EngineInfo(
            target="medpaint.engines.learned.engine:unet3d",
            ndim=3,
            summary="network that corrects a quick fill of exemplar, in space",
            weights_sha256="5e77e6b448636b449cc745d9ce5b34b84165313615496952d93d765bb05ac754",
        ),
        "unet2d": EngineInfo(
            target="medpaint.engines.learned.engine:unet2d",
            ndim=3,
            summary="network that corrects a quick fill of exemplar, slice by slice, for thick slices",
            weights_sha256="f6500d3f228a7cf3d3cb1558c732b688f33020ffeb0871b66830c4bb10d2aa92",
        ),
        "resnet2d": EngineInfo(
            target="medpaint.engines.learned.engine:resnet2d",
            ndim=3,
            summary="network that fills lost slices from those on either side; biharmonic in other holes",
            weights_sha256="e018d6a64bb4572860e5acad8988b83dc3d55a6a2eab386ebc4a279c96dd8998",
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


def load_engine(name: str, **options: Any) -> Engine:  # noqa: ANN401 - each engine has options of its own
    """Return the engine `name`, made with `options`.

    Args:
        name: a row of the table.
        options: the engine's own; slice engines also take `axis`, see `medpaint.engines.slicing.SliceWise`.

    Raises:
        UsageError: no such engine, an option that it does not have, or a package that is not installed.
    """
    info = _info(name)
    kind = _kind(name, info)
    slicing = {key: options.pop(key) for key in ("axis",) if info.ndim == 2 and key in options}
    unknown = sorted(set(options) - set(inspect.signature(kind).parameters))
    if unknown:
        message = f"engine {name!r} has no option {', '.join(unknown)}; it takes {_takes(kind, info)}"
        raise UsageError(message)
    if info.ndim == 3:
        return cast("Engine", kind(**options))
    from medpaint.engines.slicing import SliceWise

    return SliceWise(cast("SliceEngine", kind(**options)), **slicing)


def _info(name: str) -> EngineInfo:
    """Return the row of `name`, or say which names there are."""
    if name in ENGINES:
        return ENGINES[name]
    close = difflib.get_close_matches(name, ENGINES, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    message = f"expected an engine out of {', '.join(ENGINES)}, got {name!r}{hint}"
    raise UsageError(message)


def _kind(name: str, info: EngineInfo) -> type:
    """Import the engine's class, or say what is missing."""
    module, _, attribute = info.target.partition(":")
    try:
        return cast("type", getattr(import_module(module), attribute))
    except ModuleNotFoundError as error:
        missing = error.name or "a package"
        if missing.split(".")[0] == "medpaint":
            raise
        remedy = f"pip install 'medpaint[{info.extra}]'" if info.extra else f"pip install {missing}"
        message = f"engine {name!r} needs {missing}, which is not installed: {remedy}"
        raise UsageError(message) from error


def _takes(kind: type, info: EngineInfo) -> str:
    """Return the names of the options of an engine's class, for a message."""
    names = [*inspect.signature(kind).parameters, *(("axis",) if info.ndim == 2 else ())]
    return ", ".join(names) or "none"
