"""Our networks as MONAI bundles: metadata, configuration of an inference, weights, and a description of our own.

The layout is that of the MONAI Bundle Specification, https://docs.monai.io/en/stable/mb_specification.html.
"""

from __future__ import annotations

import io
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import yaml

from medpaint.engines.learned.crops import SEEN_MM
from medpaint.engines.learned.foreign.classes import OURS
from medpaint.engines.learned.networks.names import NETWORKS, NetworkName
from medpaint.engines.learned.resampling import WORKING_MM
from medpaint.engines.learned.start import CHANNELS
from medpaint.engines.learned.weights import Loaded, load_weights, shipped_card

__all__ = ["DESCRIPTION", "bundle_of"]

DESCRIPTION: Final = "medpaint.yaml"
"""The description in a bundle, for the engine monai."""

_SCHEMA: Final = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
)
_OVERLAP: Final = 0.35
"""Share of a window that it has in common with the next one, as in our own engine."""

_TASKS: Final[dict[NetworkName, str]] = {
    "unet3d": "Fill holes in medical volumes: correct a first fill, in 3D",
    "unet2d": "Fill holes in medical volumes with thick slices: correct a first fill, slice by slice",
    "resnet2d": "Fill lost slices of medical volumes: correct a first fill from the slices on either side",
}


def bundle_of(name: NetworkName, weights: Path | None = None) -> dict[str, bytes]:
    """Return the files of a bundle by their paths in it.

    Args:
        name: which network.
        weights: a file from `medpaint train`; None takes the shipped one.

    Raises:
        UnreadableError: the weights cannot be used.
    """
    loaded = load_weights(name, weights)
    tensors = {key: value.contiguous() for key, value in loaded.network.state_dict().items()}
    return {
        "configs/metadata.json": _json(_metadata(loaded)),
        "configs/inference.json": _json(_inference(loaded)),
        "models/model.pt": _pickled(tensors),
        "models/model.safetensors": _safe(tensors),
        "docs/README.md": _card(loaded, shipped_card(name) if weights is None else "").encode(),
        DESCRIPTION: yaml.safe_dump(_description(loaded), sort_keys=False).encode(),
    }


def _json(values: dict[str, Any]) -> bytes:
    """Return values as a file of JSON."""
    return (json.dumps(values, indent=4) + "\n").encode()


def _pickled(tensors: dict[str, Any]) -> bytes:
    """Return tensors as a file for torch.load, which is what MONAI reads."""
    import torch

    content = io.BytesIO()
    torch.save(tensors, content)
    return content.getvalue()


def _safe(tensors: dict[str, Any]) -> bytes:
    """Return tensors as a safetensors file."""
    from safetensors.torch import save

    return save(tensors)


def _definition(loaded: Loaded) -> dict[str, Any]:
    """Return the network as MONAI's configurations define one."""
    facts = loaded.facts
    return {
        "_target_": OURS,
        "name": facts.network,
        "inputs": facts.inputs,
        "channels": list(facts.channels),
        "units": facts.units,
        "blocks": facts.blocks,
    }


def _inference(loaded: Loaded) -> dict[str, Any]:
    """Return the configuration of an inference on inputs that have been prepared."""
    usage = loaded.runnable.usage
    window = {
        "_target_": "SlidingWindowInferer",
        "roi_size": [usage.edge] * usage.network.ndim,
        "sw_batch_size": 4,
        "overlap": _OVERLAP,
        "mode": "gaussian",
    }
    return {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "device": "$torch.device('cuda:0' if torch.cuda.is_available() else 'cpu')",
        "ckpt_path": "$@bundle_root + '/models/model.pt'",
        "dataset_dir": "$@bundle_root + '/inputs'",
        "output_dir": "$@bundle_root + '/outputs'",
        "datalist": "$list(sorted(glob.glob(@dataset_dir + '/*.nii.gz')))",
        "network_def": _definition(loaded),
        "network": "$@network_def.to(@device)",
        "preprocessing": _steps(
            {"_target_": "LoadImaged", "keys": "image"},
            {"_target_": "EnsureChannelFirstd", "keys": "image", "channel_dim": -1},
            {"_target_": "EnsureTyped", "keys": "image", "dtype": "$torch.float32"},
        ),
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': one} for one in @datalist]",
            "transform": "@preprocessing",
        },
        "dataloader": {"_target_": "DataLoader", "dataset": "@dataset", "batch_size": 1, "num_workers": 0},
        "inferer": {"_target_": "SimpleInferer"} if usage.edge is None else window,
        "postprocessing": _steps(
            {"_target_": "SaveImaged", "keys": "pred", "output_dir": "@output_dir", "separate_folder": False}
        ),
        "handlers": [
            {"_target_": "CheckpointLoader", "load_path": "@ckpt_path", "load_dict": {"model": "@network"}}
        ],
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "@device",
            "val_data_loader": "@dataloader",
            "network": "@network",
            "inferer": "@inferer",
            "postprocessing": "@postprocessing",
            "val_handlers": "@handlers",
        },
        "run": ["$@evaluator.run()"],
    }


def _steps(*steps: dict[str, Any]) -> dict[str, Any]:
    """Return transforms one after the other, as MONAI's configurations define them."""
    return {"_target_": "Compose", "transforms": list(steps)}


def _metadata(loaded: Loaded) -> dict[str, Any]:
    """Return what the specification wants to know about a network."""
    facts, usage = loaded.facts, loaded.runnable.usage
    shape = [usage.edge or "*"] * usage.network.ndim
    tensor = {
        "type": "image",
        "format": "magnitude",
        "modality": "n/a",
        "dtype": "float32",
        "value_range": [],
        "spatial_shape": shape,
        "is_patch_data": usage.edge is not None,
    }
    inputs = {"num_channels": facts.inputs, "channel_def": dict(enumerate(_channels(facts.network)))}
    outputs = {"num_channels": 1, "channel_def": {0: "what to add to the first fill, scaled like it"}}
    own = version("medpaint")
    return {
        "schema": _SCHEMA,
        "version": own,
        "changelog": {own: f"exported by medpaint {own}"},
        "monai_version": version("monai"),
        "pytorch_version": version("torch").split("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {"medpaint": own, "nibabel": version("nibabel"), "pytorch-ignite": "0.5.0"},
        "name": f"medpaint {facts.network}",
        "task": _TASKS[facts.network],
        "description": f"Weights {loaded.sha256} of medpaint. docs/README.md says what the inputs are.",
        "authors": "the medpaint project",
        "copyright": "Apache-2.0",
        "intended_use": "research, not diagnosis",
        "network_data_format": {"inputs": {"image": tensor | inputs}, "outputs": {"pred": tensor | outputs}},
    }


def _channels(name: NetworkName) -> list[str]:
    """Return what each input channel of a network holds."""
    network = NETWORKS[name]
    offsets = range(-network.reach, network.reach + 1) if network.ndim == 2 else [0]
    return [f"{channel}, slice {offset:+d}" if offset else channel for channel in CHANNELS for offset in offsets]


def _description(loaded: Loaded) -> dict[str, Any]:
    """Return the description with which the engine monai runs a bundle as our own engine runs the network."""
    usage = loaded.runnable.usage
    network = usage.network
    lost = network.for_lost_slices
    return {
        "bundle": ".",
        "axes": network.ndim,
        "slices": network.slices,
        "holes": "lost slices" if lost else "any",
        "inputs": list(CHANNELS),
        "start": loaded.facts.start if lost else "exemplar",
        "spacing_mm": WORKING_MM,
        "context_mm": SEEN_MM[network.ndim],
        "window": usage.edge,
        "reach": usage.reach,
        "output": "correction",
        "mirror": True,
    }


def _card(loaded: Loaded, shipped: str) -> str:
    """Return the page about a network in its bundle."""
    name, edge = loaded.facts.network, loaded.runnable.usage.edge
    window = "planes of any size" if edge is None else f"windows of {edge} voxels along each axis"
    listed = "\n".join(f"{number}. {one}" for number, one in enumerate(_channels(name)))
    return _CARD.format(name=name, task=_TASKS[name], window=window, listed=listed, sha256=loaded.sha256) + shipped


_CARD: Final = """# medpaint {name}

{task}. Exported by `medpaint export-bundle`, from the weights with SHA-256 `{sha256}`.

## In medpaint

```
medpaint restore scan.nii.gz --mask mask.nii.gz --engine monai --network medpaint.yaml
```

gives the voxels that `--engine {name}` gives.

## In MONAI

The class of the network is medpaint's, so medpaint must be installed. `python -m monai.bundle ckpt_export` makes a
TorchScript file of it that needs nothing but torch.

`python -m monai.bundle run --config_file configs/inference.json --meta_file configs/metadata.json` runs the
network on every `inputs/*.nii.gz`: {window}, with the channels along the last axis.
They must have been prepared as medpaint prepares them, which MONAI's transforms cannot do: holes filled for a
start, axes pointing right, anterior and superior, voxels of about 1 mm, intensities with mean 0 and standard
deviation 1 in the known voxels within 20 mm of the holes. The channels, from 0:

{listed}

"""
