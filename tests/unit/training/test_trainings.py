"""What a training checks before it starts, and the pairs that it makes first."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from training_parts import recipe

from medpaint.cli.main import main
from medpaint.core.errors import UsageError
from medpaint.training.train import train


@pytest.mark.parametrize("package", ["lightning_fabric", "tensorboard"])
def test_a_missing_package_is_reported_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UsageError, match=r"pip install 'medpaint\[train\]'"):
        train(recipe(), tmp_path, tmp_path / "out", accelerator="cpu")
    assert not (tmp_path / "out").exists()


def test_the_folder_of_another_recipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(recipe(seed=1).model_dump_json())
    with pytest.raises(UsageError, match="got the training of another recipe"):
        train(recipe(), tmp_path, tmp_path, accelerator="cpu")


def test_a_wrong_recipe_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("name: tiny\n")
    assert main(["train", str(path), "--output", str(tmp_path / "out")]) == 2
    assert "recipe.yaml: holes: field required" in capsys.readouterr().err


def test_pairs_are_made_without_a_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, output = tmp_path / "recipe.yaml", tmp_path / "out"
    path.write_text(yaml.safe_dump(recipe().model_dump(mode="json")))
    words = ["train", str(path), "--output", str(output), "--pairs-only", "--workers", "1"]
    assert main([*words, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["status"], made["cases"], made["validation_cases"]) == ("paired", 1, 1)
    kept = sorted(Path(made["folder"]).glob("*.npy"))
    assert [one.name for one in kept] == ["training-00000.npy", "validation-00000.npy"]
    times = [one.stat().st_mtime_ns for one in kept]
    assert main(words) == 0
    assert "1 damaged scans for training, 1 for validation" in capsys.readouterr().out
    assert [one.stat().st_mtime_ns for one in kept] == times
    assert not (output / "checkpoint.pt").exists()
