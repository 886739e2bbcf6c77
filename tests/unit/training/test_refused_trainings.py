"""What a training checks before it starts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
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
