"""Descriptions of foreign networks: what is refused, and what the keys stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from medpaint.core.errors import InputError, UnreadableError, UsageError
from medpaint.engines.learned.foreign.description import Described, read_description

LEAST: dict[str, Any] = {
    "network": "nets:Net",
    "weights": "w.safetensors",
    "axes": 3,
    "inputs": ["voided", "mask"],
    "window": 32,
    "output": "image",
}
LOST: dict[str, Any] = {
    "axes": 2,
    "slices": 5,
    "holes": "lost slices",
    "inputs": ["start", "smooth", "other side", "hole", "other side's hole"],
}


def read(folder: Path, **keys: Any) -> Described:
    path = folder / "net.yaml"
    path.write_text(yaml.safe_dump({**LEAST, **keys}), encoding="utf-8")
    return read_description(path)


def test_paths_start_from_the_description(tmp_path: Path) -> None:
    described = read(tmp_path)
    assert described.weights == tmp_path / "w.safetensors"
    assert described.bundle is None
    bundled = read(tmp_path, network="", weights="", bundle="here")
    assert bundled.bundle == tmp_path / "here"
    assert bundled.weights == tmp_path / "here" / "models" / "model.safetensors"
    assert read(tmp_path, network="", bundle="here").weights == tmp_path / "w.safetensors"


def test_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    assert read(tmp_path).sha256 == read(tmp_path).sha256 != read(tmp_path, window=64).sha256


def test_a_network_sees_half_a_window_around_a_hole_unless_it_says_otherwise(tmp_path: Path) -> None:
    assert read(tmp_path).description.seen_mm(2.0) == 32.0
    assert read(tmp_path, spacing_mm=1.0).description.seen_mm(2.0) == 16.0
    assert read(tmp_path, context_mm=5.0).description.seen_mm(2.0) == 5.0


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"surprise": 1}, "surprise: extra inputs"),
        ({"network": "nets.Net"}, "network: string should match"),
        ({"network": "nets:__import__('os')"}, "network: string should match"),
        ({"network": ""}, "expected either network, as module:Class, or bundle"),
        ({"bundle": "b"}, "expected either network, as module:Class, or bundle"),
        ({"network": "", "bundle": "b", "arguments": {"a": 1}}, "expected arguments only with network"),
        ({"weights": ""}, "expected weights, a safetensors file"),
        ({"inputs": []}, "inputs: tuple should have at least 1 item"),
        ({"inputs": ["image"]}, "inputs.0: input should be"),
        ({"axes": 4}, "axes: input should be 2 or 3"),
        ({"window": 8}, "window: input should be greater than or equal to 16"),
        ({"slices": 3}, "expected an odd number of slices, and 1 with axes: 3, got 3"),
        ({"axes": 2, "slices": 4}, "expected an odd number of slices"),
        ({"holes": "lost slices"}, "for lost slices"),
        ({**LOST, "inputs": ["start", "hole"]}, "for lost slices"),
        ({"start": "registered"}, "expected start: registered only with holes: lost slices"),
        ({"reach": 3}, "expected reach only with window: null"),
        ({"spacing_mm": 0.0}, "spacing_mm: input should be greater"),
        ({"context_mm": float("nan")}, "context_mm: input should be"),
        ({"intensities": {"scale": "values"}}, "expected range with scale: values"),
        ({"intensities": {"range": [0, 1]}}, "expected range only without scale: deviation"),
        ({"intensities": {"scale": "values", "range": [1, 1]}}, "expected the smaller number first"),
        (
            {"intensities": {"scale": "values", "range": [0, 1], "to": [1, -1]}},
            "expected the smaller number first",
        ),
        ({"intensities": {"scale": "percentiles", "range": [-1, 99]}}, "expected percentiles from 0 to 100"),
        ({"intensities": {"clip": True}}, "expected clip only with scale"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read(tmp_path, **keys)
    assert str(caught.value).startswith(f"{tmp_path / 'net.yaml'}: ")


def test_a_network_for_lost_slices_is_described_by_all_channels(tmp_path: Path) -> None:
    described = read(tmp_path, **LOST, start="registered", window=None, reach=9)
    assert described.description.info.for_lost_slices
    assert described.description.usage.reach == 9


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"a: [", "expected YAML"), (b"\xff\xfe", "not a text file"), (b"a: &x 1\nb: *x\n", "without aliases")],
)
def test_a_file_that_is_not_plain_yaml_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "net.yaml"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=message):
        read_description(path)


def test_a_missing_description_is_refused(tmp_path: Path) -> None:
    for path, got in (
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "got a folder: name a bundle"),
    ):
        with pytest.raises(InputError, match=f"expected a description of a network.*{got}"):
            read_description(path)
