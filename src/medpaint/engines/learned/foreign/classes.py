"""The classes of foreign networks: one that the user names, or those of a bundle that are on a list."""

from __future__ import annotations

import hashlib
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

from medpaint.core.crash import is_out_of_memory
from medpaint.core.errors import UnreadableError, UsageError
from medpaint.core.plain_yaml import plain_yaml
from medpaint.core.text import escaped, short_repr
from medpaint.engines.learned.foreign.description import Described, content_of

if TYPE_CHECKING:
    from torch import nn

__all__ = ["OURS", "Blueprint", "blueprint_of", "first_line", "network_class"]

_ALLOWED: Final = ("torch.nn.", "monai.networks.")
"""Packages whose networks a bundle may name."""

OURS: Final = "medpaint.engines.learned.networks.build.runnable"
"""What a bundle may name besides: it builds medpaint's own networks."""

_SHORT: Final = ("monai.networks.nets", "monai.networks.blocks", "monai.networks.layers", "torch.nn")
"""Where a class that a bundle names without its module is looked for, the first one first."""

_CONFIGS: Final = ("inference.json", "inference.yaml", "inference.yml")
_NETWORK: Final = "network_def"
_MOST_BYTES: Final = 4 << 20

_TARGET: Final = "_target_"
_IGNORED: Final = ("_desc_",)
"""Keys of MONAI in the definition of a component that change nothing."""

_WAY_OUT: Final = "name the class and its arguments in the description instead (network, arguments)"


@final
@dataclass(frozen=True)
class Blueprint:
    """A network that can be built.

    Attributes:
        kind: the class of the network, or what builds one of medpaint's.
        source: the file that names it.
        sha256: hash of that file.
        arguments: keyword arguments, with classes in place of their names where MONAI names some.
    """

    kind: Callable[..., nn.Module]
    source: Path
    sha256: str
    arguments: Mapping[str, Any] = field(compare=False)

    @property
    def name(self) -> str:
        """The class, as module:Class."""
        return f"{self.kind.__module__}:{self.kind.__name__}"

    @property
    def code_sha256(self) -> str:
        """Hash of the file that the class is defined in; empty where it has none."""
        try:
            return hashlib.sha256(Path(inspect.getfile(self.kind)).read_bytes()).hexdigest()
        except (OSError, TypeError):
            return ""

    def built(self) -> nn.Module:
        """Return the network with random weights; the global random generator is left as it was.

        Raises:
            UsageError: the class cannot be made with these arguments.
        """
        import torch

        try:
            with torch.random.fork_rng(devices=[]):  # it is built on the CPU
                network = self.kind(**{key: _made(one) for key, one in self.arguments.items()})
        except Exception as error:
            if is_out_of_memory(error):
                raise
            message = f"{self.source}: expected arguments that {self.name} can be made with: {first_line(error)}"
            raise UsageError(message) from error
        return network


def blueprint_of(described: Described) -> Blueprint:
    """Return what the network of a description is built from; its class is imported here.

    Raises:
        UnreadableError: a bundle without a definition of its network.
        UsageError: no such class, not a network, or one that a bundle may not name.
    """
    if described.bundle is not None:
        return _of_bundle(described.bundle)
    kind = network_class(described.description.network, described.path)
    return Blueprint(kind, described.path, described.sha256, described.description.arguments)


def network_class(name: str, source: Path) -> type[nn.Module]:
    """Import a class of networks.

    Args:
        name: module:Class.
        source: the file that names it.

    Raises:
        UsageError: it cannot be imported, or is not a network.
    """
    from torch import nn

    module, _, attribute = name.partition(":")
    try:
        home = importlib.import_module(module)
    except ImportError as error:
        remedy = "install its package, or put the folder of its module into PYTHONPATH"
        message = f"{source}: cannot import {module}: {first_line(error)}; {remedy}"
        raise UsageError(message) from error
    except (Exception, SystemExit) as error:
        message = f"{source}: {module} failed when it was imported: {first_line(error)}"
        raise UsageError(message) from error
    found = getattr(home, attribute, None)
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        got = short_repr(found) if hasattr(home, attribute) else "nothing of that name"
        message = f"{source}: expected a class of networks (torch.nn.Module) at {name}, got {got}"
        raise UsageError(message)
    return found


def first_line(error: BaseException) -> str:
    """Return type and first line of an error's message."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {escaped(lines[0], 300)}" if lines else type(error).__name__


def _of_bundle(folder: Path) -> Blueprint:
    """Return what the network of a MONAI bundle is built from; nothing in its files is evaluated."""
    path = next((one for name in _CONFIGS if (one := folder / "configs" / name).is_file()), None)
    if path is None:
        message = f"{folder}: expected a MONAI bundle with configs/{_CONFIGS[0]}, or .yaml, found none"
        raise UnreadableError(message)
    content = content_of(path, "the configuration of a bundle", _MOST_BYTES)
    values = plain_yaml(content, path)  # JSON is YAML
    definition = values.get(_NETWORK) if isinstance(values, dict) else None
    if not isinstance(definition, dict) or _TARGET not in definition:
        message = f"{path}: expected {_NETWORK} with a {_TARGET}, found none; {_WAY_OUT}"
        raise UnreadableError(message)
    resolved = _resolved(definition, path, _NETWORK)
    kind = resolved.pop(_TARGET)
    return Blueprint(kind, path, hashlib.sha256(content).hexdigest(), resolved)


def _resolved(value: Any, path: Path, place: str) -> Any:  # noqa: ANN401 - any JSON
    """Return a definition with classes in place of their names; whatever is not plain is refused."""
    if isinstance(value, list):
        return [_resolved(one, path, f"{place}#{number}") for number, one in enumerate(value)]
    if isinstance(value, str) and value[:1] in {"$", "@", "%"}:
        kinds = {"$": "an expression", "@": "a reference", "%": "a macro"}
        message = (
            f"{path}: {place}: expected a plain value, got {kinds[value[0]]} {short_repr(value)}, and nothing in "
            f"a bundle is evaluated; {_WAY_OUT}"
        )
        raise UsageError(message)
    if not isinstance(value, dict):
        return value
    made = {}
    for key, one in value.items():
        _refuse_key(key, path, place)
        if key == _TARGET:
            made[key] = _allowed(one, path, place)
        elif key not in _IGNORED:
            made[key] = _resolved(one, path, f"{place}#{key}")
    if _TARGET in made:
        _refuse_fetching(made[_TARGET], made, path, place)
    return made


def _refuse_key(key: object, path: Path, place: str) -> None:
    """Refuse keys that let MONAI run something else."""
    if isinstance(key, str) and key.startswith("_") and key not in {_TARGET, *_IGNORED}:
        message = f"{path}: {place}: expected {_TARGET} and plain arguments, got {escaped(key)}; {_WAY_OUT}"
        raise UsageError(message)


def _refuse_fetching(kind: Callable[..., Any], given: Mapping[str, Any], path: Path, place: str) -> None:
    """Refuse classes that would fetch weights by themselves; for some of MONAI that is the default."""
    defaults = {name: one.default for name, one in inspect.signature(kind).parameters.items()}
    fetching = [name for name in {**defaults, **given} if name.startswith("pretrained")]
    for name in fetching:
        wanted = given.get(name, defaults.get(name))
        if wanted and wanted is not inspect.Parameter.empty:
            message = (
                f"{path}: {place}: expected {escaped(name)}: false, or the network would fetch weights by itself; "
                f"all its weights come from the safetensors file; {_WAY_OUT}"
            )
            raise UsageError(message)


def _allowed(name: object, path: Path, place: str) -> Callable[..., Any]:
    """Return a class that a bundle names, if it is on the list.

    Raises:
        UsageError: it is not.
    """
    from torch import nn

    if name == OURS:
        from medpaint.engines.learned.networks.build import runnable

        return runnable
    found = _looked_up(name) if isinstance(name, str) else None
    if isinstance(found, type) and issubclass(found, nn.Module) and f"{found.__module__}.".startswith(_ALLOWED):
        return found
    message = (
        f"{path}: {place}: expected a network of monai.networks or torch.nn, got {short_repr(name)}, and a bundle "
        f"may not name anything else; {_WAY_OUT}"
    )
    raise UsageError(message)


def _looked_up(name: str) -> object:
    """Return what a name of a bundle stands for; None if it is not in the packages of the list."""
    module, _, attribute = name.rpartition(".")
    homes = (module,) if f"{module}.".startswith(_ALLOWED) else _SHORT if not module else ()
    for home in homes:
        try:
            found = getattr(importlib.import_module(home), attribute, None)
        except ImportError:
            continue
        if found is not None:
            return found
    return None


def _made(value: Any) -> Any:  # noqa: ANN401 - any JSON with classes
    """Return a value with instances in place of definitions."""
    if isinstance(value, list):
        return [_made(one) for one in value]
    if not isinstance(value, dict):
        return value
    arguments = {key: _made(one) for key, one in value.items() if key != _TARGET}
    if _TARGET not in value:
        return arguments
    return value[_TARGET](**arguments)
