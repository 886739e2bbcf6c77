"""Records of version 1 are read and verified as before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scans import save_pair

import medpaint
from medpaint.audit.verify import verify
from medpaint.layouts.plain import Products
from medpaint.record.entries import Record
from medpaint.record.file import read_record


def version1(record: Record) -> dict[str, Any]:
    """Return the content of a record as version 1 wrote it."""
    new = json.loads(record.to_json())
    read, mask, inpaint, blend, write = (new[step] for step in ("read", "mask", "inpaint", "blend", "write"))
    return {
        "record_version": 1,
        "status": new["status"],
        "reason": "",
        "scan": {key: read[key] for key in ("path", "sha256", "kind", "shape", "spacing_mm", "dtype", "facts")},
        "mask": {key: mask[key] for key in ("origin", "path", "sha256", "grid", "voxels")} | {"findings": []},
        "parameters": {**record.parameters.flat(), "labels": [], "samples": 1},
        "engine": {
            "name": inpaint["engine"],
            **{key: inpaint[key] for key in ("reason", "device", "weights_sha256", "options", "windows")},
        },
        "repaired": new["repaired"],
        "seam": blend["seam"],
        "identity": write["identity"],
        "products": [{key: one[key] for key in ("role", "path", "sha256")} for one in write["products"]],
        "steps": [{"step": step, "seconds": 0.5} for step in ("read", "mask", "inpaint", "blend", "write")],
        "seconds": 2.5,
        "warnings": ["as it was"],
        "software": new["software"],
        "created": new["created"],
    }


@pytest.fixture
def products(tmp_path: Path) -> Products:
    """Return products whose record is of version 1."""
    scan, mask = save_pair(tmp_path)
    done = medpaint.restore(scan, mask, output=tmp_path / "out", engine="harmonic", seed=4)
    assert done.products is not None
    done.products.record.write_text(json.dumps(version1(done.record)))
    return done.products


def test_fields_of_version_1_are_moved_to_their_new_place(products: Products) -> None:
    record = read_record(products.record)
    assert record.record_version == 2
    assert record.parameters.fill.seed == 4
    assert record.read is not None
    assert record.read.path == "../scan.nii.gz"
    assert record.inpaint is not None
    assert record.inpaint.engine == "harmonic"
    assert record.inpaint.filled_by == {}
    assert record.blend is not None
    assert record.blend.seam is not None
    assert [product.role for product in record.products] == ["restored", "mask"]
    assert record.warnings == ("as it was",)
    assert [entry.seconds for entry in record.entries] == [0.5] * 5


def test_products_of_version_1_are_verified(products: Products) -> None:
    assert verify(products.record).holds
    products.restored.write_bytes(products.restored.read_bytes()[:-100])
    assert not verify(products.record).holds


def test_products_of_version_1_are_replaced_on_request_only(products: Products, tmp_path: Path) -> None:
    scan, mask = save_pair(tmp_path)
    with pytest.raises(medpaint.InputError, match="overwrite=True"):
        medpaint.restore(scan, mask, output=tmp_path / "out", engine="nearest")
    medpaint.restore(scan, mask, output=tmp_path / "out", engine="nearest", overwrite=True)
    assert read_record(products.record).inpaint is not None


def test_a_failure_of_version_1_is_read() -> None:
    old = {"record_version": 1, "status": "failed", "reason": "truncated", "parameters": {"engine": "auto"}}
    record = Record.model_validate(old)
    assert record.reason == "truncated"
    assert record.parameters.fill.engine == "auto"
