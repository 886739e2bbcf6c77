"""Manifests of persons and scans that must not be scored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medpaint.core.errors import InputError, UnreadableError
from medpaint.datasets.manifest import read_manifest


def test_manifest_names_persons_and_hashes(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    items = ["sub-01", {"person": "sub-02", "sha256": "ab", "file": "x"}]
    path.write_text(json.dumps(items))
    assert read_manifest(path) == {"sub-01", "sub-02", "ab"}
    path.write_text(json.dumps({"network": "unet3d", "scans": items}))
    assert read_manifest(path) == {"sub-01", "sub-02", "ab"}


@pytest.mark.parametrize("text", ["{}", "[]", "[1]", "no json", '[{"name": "x"}]'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(InputError, match="expected a JSON list"):
        read_manifest(path)


def test_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError):
        read_manifest(tmp_path / "manifest.json")
