"""Files of weights: written, checked, read, and refused."""

from __future__ import annotations

import hashlib
import pickle
import resource
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from medpaint.core.errors import UnreadableError
from medpaint.engines.learned import weights as module
from medpaint.engines.learned.weights import WeightsFacts, load_weights, save_weights
from medpaint.engines.registry import ENGINES, EngineInfo

if TYPE_CHECKING:
    from medpaint.engines.learned.networks.base import CorrectionNetwork

FACTS = WeightsFacts(
    network="unet3d",
    channels=(4, 8),
    units=1,
    inputs=5,
    size=16,
    recipe="tiny",
    recipe_sha256="0" * 64,
    steps=7,
    scores={"blob": 0.5},
)


def network(seed: int = 0) -> CorrectionNetwork:
    import torch

    from medpaint.engines.learned.networks.build import built

    torch.manual_seed(seed)
    made = built("unet3d", inputs=5, channels=(4, 8), units=1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return made


def written(path: Path, facts: WeightsFacts = FACTS) -> str:
    return save_weights(network(), facts, path)


def test_weights_are_kept_in_half_precision(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "w.safetensors"
    digest = written(path)
    loaded = load_weights("unet3d", path)
    assert loaded.facts == FACTS
    assert loaded.sha256 == digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not loaded.network.training
    for name, value in network().state_dict().items():
        found = loaded.network.state_dict()[name]
        assert found.dtype == torch.float32
        assert torch.equal(found, value.half().float())


def test_the_same_weights_make_the_same_file(tmp_path: Path) -> None:
    assert written(tmp_path / "a.safetensors") == written(tmp_path / "b.safetensors")


def test_a_loaded_network_has_the_output_of_the_saved_one(tmp_path: Path) -> None:
    import torch

    path = tmp_path / "w.safetensors"
    written(path)
    shown = torch.randn(1, 5, 16, 16, 16)
    with torch.inference_mode():
        expected, found = network().eval()(shown), load_weights("unet3d", path).network(shown)
    assert torch.allclose(expected, found, atol=2e-2)
    assert expected.abs().max() > 0.1


def with_hash(digest: str) -> Mapping[str, EngineInfo]:
    """Return the table of engines with another hash of the shipped weights."""
    return MappingProxyType({**ENGINES, "unet3d": replace(ENGINES["unet3d"], weights_sha256=digest)})


def test_shipped_weights_of_another_hash_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = written(tmp_path / "shipped.safetensors")
    monkeypatch.setattr(module, "shipped_path", lambda _: tmp_path / "shipped.safetensors")
    monkeypatch.setattr(module, "ENGINES", with_hash(digest))
    assert load_weights("unet3d").sha256 == digest
    monkeypatch.setattr(module, "ENGINES", with_hash("f" * 64))
    with pytest.raises(UnreadableError, match=f"hash ffffffffffff that medpaint ships, got {digest[:12]}"):
        load_weights("unet3d")


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "w.safetensors"
    written(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UnreadableError, match=r"w\.safetensors: expected a safetensors file from medpaint train"):
        load_weights("unet3d", path)


def test_another_safetensors_file_is_refused(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    path = tmp_path / "w.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(UnreadableError, match="from medpaint train, got something else"):
        load_weights("unet3d", path)


class Bomb:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_pickle_is_refused_and_never_executed(tmp_path: Path, writer: str) -> None:
    import torch

    write: Any = {"pickle": pickle.dump, "torch": torch.save}[writer]
    path, mark = tmp_path / "w.safetensors", tmp_path / "executed"
    with path.open("wb") as file:
        write(Bomb(mark), file)
    with pytest.raises(UnreadableError, match="expected a safetensors file"):
        load_weights("unet3d", path)
    assert not mark.exists()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    written(path)
    with pytest.raises(UnreadableError, match="expected weights of unet2d, got those of unet3d"):
        load_weights("unet2d", path)


@pytest.mark.parametrize("changes", [{"channels": (8, 16)}, {"units": 2}, {"channels": (4, 8, 16)}])
def test_weights_that_do_not_fit_their_metadata_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "w.safetensors"
    written(path, FACTS.model_copy(update=changes))
    with pytest.raises(UnreadableError, match="expected weights of a unet3d with channels"):
        load_weights("unet3d", path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"nowhere\.safetensors: expected weights of unet3d: No such file"):
        load_weights("unet3d", tmp_path / "nowhere.safetensors")


def crafted(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write weights whose tensors were changed."""
    import torch
    from safetensors.torch import save_file

    tensors: dict[str, Any] = {name: value.clone() for name, value in network().state_dict().items()}
    change(tensors)
    assert all(isinstance(value, torch.Tensor) for value in tensors.values())
    save_file(tensors, path, {"medpaint": FACTS.model_dump_json()})
    return path


BIAS = "head.1.conv.bias"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: tensors.pop(BIAS), f"with a tensor {BIAS}, found none"),
        (lambda tensors: tensors.update(more=tensors[BIAS].clone()), "only tensors of this network, found 'more'"),
        (lambda tensors: tensors.update({BIAS: tensors[BIAS].int()}), f"{BIAS} of type float16, .*, got int32"),
        (lambda tensors: tensors.update({BIAS: tensors[BIAS] * float("nan")}), f"finite values in {BIAS}"),
        (lambda tensors: tensors.update({BIAS: tensors[BIAS][:0]}), rf"{BIAS} of shape \(1,\), got \(0,\)"),
    ],
    ids=["missing", "extra", "integers", "NaN", "shape"],
)
def test_tensors_that_the_network_does_not_have_are_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    path = crafted(tmp_path / "w.safetensors", change)
    with pytest.raises(UnreadableError, match=said):
        load_weights("unet3d", path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channels": (10**9, 10**9)}, r"channels\.0: .* 4096"),
        ({"channels": (4,) * 100_000}, "at most 64 items"),
        ({"channels": (4096,) * 9}, r"a multiple of 256, at least 512, for 9 levels, got 16"),
        ({"channels": (4096,) * 4}, r"channels \(4096, 4096, 4096, 4096\), with .* of shape"),
        ({"units": 10**9}, "units: .* 16"),
        ({"inputs": 10**9}, "expected 5 inputs"),
        ({"size": 10**9}, "size: .* 512"),
        ({"size": 17}, "a multiple of 2"),
    ],
)
def test_metadata_of_a_network_that_cannot_be_is_refused_before_it_is_built(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = tmp_path / "w.safetensors"
    written(path, FACTS.model_copy(update=changes))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableError, match=said):
        load_weights("unet3d", path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def test_a_header_of_a_terabyte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    written(path)
    path.write_bytes((2**40).to_bytes(8, "little") + path.read_bytes()[8:])
    with pytest.raises(UnreadableError, match="expected a safetensors file"):
        load_weights("unet3d", path)


@pytest.mark.parametrize("path", ["/dev/zero", "."])
def test_weights_that_are_no_file_are_refused(path: str) -> None:
    with pytest.raises(UnreadableError, match="expected a file of weights, got a folder, pipe or device"):
        load_weights("unet3d", Path(path))


def test_only_a_network_for_lost_slices_starts_from_straight_lines() -> None:
    with pytest.raises(ValueError, match="expected a network for lost slices to start from registered"):
        WeightsFacts(**{**FACTS.model_dump(), "start": "registered"})
