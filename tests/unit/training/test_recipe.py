"""Recipes: what is accepted, and how a wrong one is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from training_parts import recipe

from medpaint.core.errors import UnreadableError, UsageError
from medpaint.training.recipe import read_recipe

ROOT = Path(__file__).resolve().parents[3]


def written(folder: Path, **changes: Any) -> Path:
    """Write a valid recipe with changes, and return its path."""
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({**recipe().model_dump(mode="json"), **changes}))
    return path


def test_a_recipe_is_read_back(tmp_path: Path) -> None:
    assert read_recipe(written(tmp_path)) == recipe()


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "train").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_of_the_project_can_be_read(path: Path) -> None:
    assert read_recipe(path).name == path.stem


def test_the_hash_distinguishes_recipes() -> None:
    assert recipe().sha256 == recipe().sha256
    assert recipe().sha256 != recipe(loop={"rate": 2e-3}).sha256


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"colour": "grey"}, "colour: extra inputs"),
        ({"loop": {"steps": 4, "batch": 2, "momentum": 0.9}}, "loop.momentum: extra inputs"),
        ({"network": {"kind": "unet4d", "channels": [4, 8]}}, "network.kind: input should be"),
        ({"holes": []}, "holes: "),
        ({"name": "Tiny Network"}, "name: string should match"),
        ({"pairs": None}, "pairs: input should be"),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, changes: dict[str, Any], where: str) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(UsageError) as refused:
        read_recipe(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: {where}")
    assert "\n" not in message


def test_the_network_for_lost_slices_has_residual_units(tmp_path: Path) -> None:
    lost = recipe(network={"kind": "resnet2d", "blocks": "gated"}).model_dump(mode="json")
    with pytest.raises(UsageError, match=r"network\.blocks: expected residual for resnet2d, got gated"):
        read_recipe(written(tmp_path, **lost))


@pytest.mark.parametrize("budget", [{}, {"steps": 4, "minutes": 1.0}], ids=["neither", "both"])
def test_the_end_is_given_in_steps_or_in_minutes(tmp_path: Path, budget: dict[str, float]) -> None:
    path = written(tmp_path, loop={"batch": 2, **budget})
    with pytest.raises(UsageError, match=r"expected either loop\.steps or loop\.minutes"):
        read_recipe(path)


def test_the_network_for_lost_slices_starts_from_the_smooth_fill(tmp_path: Path) -> None:
    lost = recipe(network={"kind": "resnet2d"}).model_dump(mode="json")
    assert read_recipe(written(tmp_path, **lost)).pairs.pace is None
    lost["pairs"]["pace"] = "brisk"
    with pytest.raises(UsageError, match=r"expected pairs\.pace: null, because resnet2d"):
        read_recipe(written(tmp_path, **lost))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"name: [tiny", "expected YAML"), (b"\xff\xfe\x00", "not a text file in UTF-8")],
)
def test_a_file_that_is_not_yaml_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(UnreadableError, match=message) as refused:
        read_recipe(path)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize("content", ["", "- tiny\n", "tiny\n"])
def test_yaml_that_is_not_a_recipe_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(content)
    with pytest.raises(UsageError, match=r"recipe\.yaml: "):
        read_recipe(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match=r"nowhere\.yaml: No such file"):
        read_recipe(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [x, x]\nb: [*a, *a]\n", "expected YAML without aliases"),
        ("a: &a [*a]\n", "expected YAML without aliases"),
        ("[" * 20_000, "expected YAML of at most 32 levels"),
        ("seed: " + "9" * 5000, "a value that its tag does not fit, or that is far too large"),
        ("seed: !!timestamp x", "a value that its tag does not fit"),
        ("seed: !!python/object/apply:os.system [ls]", "line 1: expected YAML, got an error: could not determine"),
        ("a:\tb\n\t- c", "line 1: expected YAML, got an error: found character"),
        ("seed: \0", "expected YAML, got an error: unacceptable character"),
        ("- 1\n", "input should be a valid dictionary"),
        ("", "input should be a valid dictionary"),
    ],
)
def test_a_crafted_file_is_one_line_at_once(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises((UnreadableError, UsageError), match=said) as refused:
        read_recipe(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 2**32}, "seed: input should be less than 4294967296"),
        ({"network": {"kind": "unet3d", "channels": [10**9, 8]}}, r"network\.channels\.0: .* 4096"),
        ({"network": {"kind": "unet3d", "channels": [4, 4, 4, 4, 4]}}, r"pairs\.size: expected a multiple of 16"),
        ({"holes": [{"kind": "blob", "sizes": [2, 1], "weight": 1}]}, r"holes\.0\.sizes: expected the smaller"),
        ({"holes": [{"kind": "blob", "sizes": [1, 2], "weight": float("inf")}]}, r"weight: .* finite"),
    ],
)
def test_numbers_out_of_bounds_are_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_recipe(written(tmp_path, **changes))


def test_a_start_for_lost_slices_is_refused_for_other_networks(tmp_path: Path) -> None:
    pairs = {**recipe().pairs.model_dump(mode="json"), "start": "registered"}
    with pytest.raises(UsageError, match=r"pairs\.start only for a network for lost slices"):
        read_recipe(written(tmp_path, pairs=pairs))
