"""Our networks as MONAI bundles, bundles as an engine, and what a bundle may not do."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from networks import SIZE, one_thread, tiny_weights
from safetensors.torch import save_file

from medpaint.cli.main import main
from medpaint.core.errors import MedpaintError, UnreadableError, UsageError
from medpaint.engines.base import Hole
from medpaint.engines.learned.foreign.bundle import DESCRIPTION, bundle_of
from medpaint.engines.learned.foreign.classes import blueprint_of
from medpaint.engines.learned.foreign.description import read_description
from medpaint.engines.learned.foreign.engine import monai
from medpaint.engines.learned.networks.names import NETWORKS, Blocks, FirstFill, NetworkName
from medpaint.engines.learned.weights import load_weights
from medpaint.engines.registry import load_engine
from medpaint.phantoms import head

SHAPE = (24, 26, 22)
EACH = pytest.mark.parametrize(
    ("name", "blocks"),
    [("unet3d", "residual"), ("unet2d", "residual"), ("resnet2d", "residual"), ("unet3d", "gated")],
)
MANDATORY = (
    *("version", "monai_version", "pytorch_version", "numpy_version", "required_packages_version"),
    *("task", "description", "authors", "copyright", "network_data_format"),
)
TENSOR = (
    *("type", "format", "modality", "num_channels", "spatial_shape", "dtype", "value_range", "is_patch_data"),
    "channel_def",
)
"""Keys of the MONAI Bundle Specification."""


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    with one_thread():
        yield


def exported(
    folder: Path, name: NetworkName, blocks: Blocks = "residual", start: FirstFill = "biharmonic"
) -> tuple[Path, Path]:
    """Write a bundle of a tiny network; return its folder and the weights."""
    weights = tiny_weights(name, folder, output=0.1, varied=0.3, blocks=blocks, start=start)
    for place, content in bundle_of(name, weights).items():
        (folder / "b" / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / "b" / place).write_bytes(content)
    return folder / "b", weights


def hole_for(name: NetworkName) -> Hole:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[np.s_[:, :, 10:12] if NETWORKS[name].for_lost_slices else np.s_[9:14, 10:15, 8:13]] = True
    image = head(SHAPE, (8.0, 8.0, 8.0)) + np.random.default_rng(0).normal(0.0, 0.02, SHAPE)
    return Hole((1000.0 * image).astype(np.float32), mask, (0.6, 1.0, 1.2))


@EACH
def test_an_exported_network_fills_what_our_own_engine_fills(
    tmp_path: Path, name: NetworkName, blocks: Blocks
) -> None:
    folder, weights = exported(tmp_path, name, blocks)
    options: dict[str, Any] = {"flips": True} | ({} if NETWORKS[name].for_lost_slices else {"pace": "quick"})
    hole = hole_for(name)
    own = load_engine(name, weights=weights, **options).fill(hole, seed=3)
    theirs = monai(network=folder / DESCRIPTION, **options).fill(hole, seed=3)
    assert own.values.tobytes() == theirs.values.tobytes()
    np.testing.assert_array_equal(own.filled_by, theirs.filled_by)
    assert (own.filled_by == 0).any()


def test_lost_slices_start_from_registered_ones_where_the_weights_do(tmp_path: Path) -> None:
    folder, weights = exported(tmp_path, "resnet2d", start="registered")
    own = load_engine("resnet2d", weights=weights).fill(hole_for("resnet2d"), seed=0)
    theirs = monai(network=folder / DESCRIPTION).fill(hole_for("resnet2d"), seed=0)
    assert own.values.tobytes() == theirs.values.tobytes()
    assert set(theirs.stages) == {"biharmonic", "registered"}


@pytest.fixture
def quiet() -> Iterator[None]:
    """Let MONAI warn and log as it likes."""
    logging.disable(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
@EACH
def test_bundles_pass_the_verification_of_monai(tmp_path: Path, name: NetworkName, blocks: Blocks) -> None:
    from monai.bundle.scripts import load, verify_metadata, verify_net_in_out

    folder, weights = exported(tmp_path, name, blocks)
    configs = folder / "configs"
    tensors = {"type": "object", "additionalProperties": {"type": "object", "required": list(TENSOR)}}
    schema = {
        "required": list(MANDATORY),
        "properties": {"network_data_format": {"properties": {"inputs": tensors, "outputs": tensors}}},
    }
    (tmp_path / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    verify_metadata(meta_file=str(configs / "metadata.json"), filepath=tmp_path / "schema.json")
    verify_net_in_out(
        "network_def",
        meta_file=str(configs / "metadata.json"),
        config_file=str(configs / "inference.json"),
        device="cpu",
        any=SIZE,
    )
    loaded: Any = load("b", bundle_dir=tmp_path, device="cpu", workflow_type="inference")
    own = load_weights(name, weights)
    shown = torch.randn(2, own.facts.inputs, *(SIZE,) * NETWORKS[name].ndim)
    with torch.inference_mode():
        np.testing.assert_allclose(loaded.eval()(shown).numpy(), own.network(shown).numpy(), atol=1e-5)


@pytest.mark.usefixtures("quiet")
@EACH
def test_the_inference_of_monai_gives_the_numbers_of_our_network(
    tmp_path: Path, name: NetworkName, blocks: Blocks
) -> None:
    from monai.bundle.config_parser import ConfigParser
    from monai.networks.utils import copy_model_state

    folder, weights = exported(tmp_path, name, blocks)
    parser = ConfigParser(ConfigParser.load_config_file(folder / "configs" / "inference.json"))
    parser["device"] = "cpu"
    network: Any = parser.get_parsed_content("network")
    inferer: Any = parser.get_parsed_content("inferer")
    copy_model_state(network, torch.load(folder / "models" / "model.pt", weights_only=True))
    own = load_weights(name, weights)
    shown = torch.randn(1, own.facts.inputs, *(SIZE,) * NETWORKS[name].ndim)
    with torch.inference_mode():
        np.testing.assert_allclose(inferer(shown, network.eval()).numpy(), own.network(shown).numpy(), atol=1e-5)


def test_the_command_writes_a_bundle_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deep" / "bundle"
    assert main(["export-bundle", "resnet2d", str(folder), "--json"]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome == {
        "status": "exported",
        "bundle": str(folder),
        "description": str(folder / DESCRIPTION),
    }
    assert "resnet2d" in (folder / "docs" / "README.md").read_text(encoding="utf-8")
    assert read_description(folder / DESCRIPTION).description.info == NETWORKS["resnet2d"]
    assert main(["export-bundle", "resnet2d", str(folder)]) == 3
    assert "expected a folder that does not exist yet" in capsys.readouterr().err


def bundle(folder: Path, definition: Any, *, config: str = "inference.json") -> Path:
    """Write a bundle without weights and its description."""
    (folder / "configs").mkdir(exist_ok=True)
    values = {"imports": ["$import os"], "network_def": definition}
    (folder / "configs" / config).write_text(json.dumps(values), encoding="utf-8")
    least = {"axes": 3, "inputs": ["voided", "mask"], "window": 16, "output": "image", "bundle": "."}
    (folder / "net.yaml").write_text(yaml.safe_dump(least), encoding="utf-8")
    return folder / "net.yaml"


ATTENTION = {"spatial_dims": 3, "in_channels": 2, "out_channels": 1, "channels": [4, 8], "strides": [2]}


@pytest.mark.parametrize(
    "target",
    ["AttentionUnet", "monai.networks.nets.AttentionUnet", "monai.networks.nets.attentionunet.AttentionUnet"],
)
@pytest.mark.parametrize("config", ["inference.json", "inference.yaml"])
def test_a_bundle_of_a_network_of_monai_is_an_engine(tmp_path: Path, target: str, config: str) -> None:
    path = bundle(tmp_path, {"_target_": target, "_desc_": "ours", **ATTENTION}, config=config)
    torch.manual_seed(1)
    network = blueprint_of(read_description(path)).built()
    (tmp_path / "models").mkdir()
    save_file(network.state_dict(), tmp_path / "models" / "model.safetensors")
    engine, hole = monai(network=path), hole_for("unet3d")
    fill = engine.fill(hole, seed=0)
    assert engine.facts["network"] == "monai.networks.nets.attentionunet:AttentionUnet"
    assert len(str(engine.facts["bundle_sha256"])) == 64
    assert (fill.filled_by == 0).all()
    assert np.array_equal(engine.fill(hole, seed=0).values, fill.values)


def test_building_a_network_leaves_the_random_generator_as_it_was(tmp_path: Path) -> None:
    path = bundle(tmp_path, {"_target_": "AttentionUnet", **ATTENTION})
    before = torch.get_rng_state()
    blueprint_of(read_description(path)).built()
    assert torch.equal(before, torch.get_rng_state())


NOT_LISTED = "expected a network of monai.networks or torch.nn"
WAY_OUT = "name the class and its arguments in the description instead"


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"_target_": "os.system", "command": "touch marker"}, NOT_LISTED),
        (
            {"_target_": "monai.networks.nets.unet.warnings.warn"},
            NOT_LISTED,
        ),
        ({"_target_": "monai.networks.utils.torch.load"}, NOT_LISTED),
        ({"_target_": "monai.networks.nets.resnet10"}, NOT_LISTED),
        ({"_target_": "torch.nn.modules.utils.os"}, NOT_LISTED),
        ({"_target_": "monai.bundle.ConfigParser"}, NOT_LISTED),
        ({"_target_": "pathlib.Path"}, NOT_LISTED),
        ({"_target_": 3}, "expected a network of monai.networks or torch.nn, got 3"),
        ({"_target_": "$os.system"}, "expected a network of monai.networks or torch.nn, got '.os.system'"),
        (
            {"_target_": "UNet", "act": "$open('marker', 'w')"},
            "network_def#act: .* got an expression",
        ),
        ({"_target_": "UNet", "spatial_dims": "@dims"}, "network_def#spatial_dims: .* got a reference '@dims'"),
        ({"_target_": "UNet", "act": "%other.json"}, "got a macro"),
        ({"_target_": "UNet", "act": ["PRELU", {"init": "$1"}]}, "network_def#act#1#init: expected a plain value"),
        ({"_target_": "UNet", "act": {"_target_": "os.getcwd"}}, "network_def#act: expected a network of monai"),
        ({"_target_": "UNet", "_mode_": "debug"}, "expected _target_ and plain arguments, got _mode_"),
        (
            {"_target_": "HoVerNet", "pretrained_url": "http://x"},
            "expected pretrained_url: false, or .* fetch",
        ),
        ({"_target_": "EfficientNetBN", "model_name": "efficientnet-b0"}, "expected pretrained: false"),
    ],
)
def test_nothing_in_a_bundle_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, definition: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=f"inference.json: network_def.*{message}|{message}") as caught:
        monai(network=bundle(tmp_path, definition))
    assert WAY_OUT in str(caught.value)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("definition", [None, "UNet", {"spatial_dims": 3}, ["UNet"]])
def test_a_bundle_without_a_definition_is_refused(tmp_path: Path, definition: Any) -> None:
    with pytest.raises(UnreadableError, match=f"expected network_def with a _target_, found none; {WAY_OUT}"):
        monai(network=bundle(tmp_path, definition))


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    path = bundle(tmp_path, {"_target_": "UNet"})
    (tmp_path / "configs" / "inference.json").unlink()
    with pytest.raises(UnreadableError, match=r"expected a MONAI bundle with configs/inference.json, or .yaml"):
        monai(network=path)


def test_arguments_that_the_class_does_not_take_are_refused(tmp_path: Path) -> None:
    path = bundle(tmp_path, {"_target_": "UNet", "spatial_dims": 3})
    with pytest.raises(MedpaintError, match=r"arguments that monai.*:UNet can be made with: TypeError"):
        blueprint_of(read_description(path)).built()
