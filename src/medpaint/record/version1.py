"""Records of version 1, brought into the current shape."""

from __future__ import annotations

from typing import Any

from medpaint.io.naming import DATA_ENDINGS

__all__ = ["upgraded"]

_STEPS: dict[str, tuple[str, ...]] = {
    "read": ("frame", "series", "absent_slices"),
    "mask": ("labels", "invert_mask", "dilate_mm", "resample_mask", "max_fraction"),
    "fill": ("engine", "effort", "weights", "device", "seed", "membrane"),
    "write": ("edge_mm", "compress", "deidentify"),
}
"""The parameters of version 1 by step. Its ``samples`` could only be 1, and is left out."""


def upgraded(content: Any) -> Any:  # noqa: ANN401 - JSON of whoever wrote it
    """Return the content of a record in the current shape; return anything but a record of version 1 unchanged."""
    if not isinstance(content, dict) or content.get("record_version") != 1:
        return content
    old = dict(content)
    seconds = {step["step"]: step["seconds"] for step in old.pop("steps", ())}
    parameters = old.pop("parameters", None) or {}
    engine, seam = old.pop("engine", None), old.pop("seam", None)
    identity, products = old.pop("identity", None), old.pop("products", ())
    warnings, scan = old.pop("warnings", ()), old.pop("scan", None)
    new = {**old, "record_version": 2}
    new["parameters"] = {
        step: {name: parameters[name] for name in names if name in parameters} for step, names in _STEPS.items()
    }
    if scan is not None:
        new["read"] = {**scan, "seconds": seconds.get("read", 0.0), "warnings": warnings}
    if old.get("mask") is not None:
        new["mask"] = {**old["mask"], "seconds": seconds.get("mask", 0.0)}
    if engine is not None:
        named = {"engine": engine["name"], "seconds": seconds.get("inpaint", 0.0)}
        new["inpaint"] = {**{key: value for key, value in engine.items() if key != "name"}, **named}
    if "blend" in seconds:
        new["blend"] = {"seam": seam, "seconds": seconds["blend"]}
    if identity is not None:
        made = [{**product, "files": _files(product["path"])} for product in products]
        new["write"] = {"identity": identity, "products": made, "seconds": seconds.get("write", 0.0)}
    return new


def _files(header: str) -> list[str]:
    """Return the names that the voxel file of a header can have; version 1 does not say which it has."""
    stem, dot, ending = header.rpartition(".")
    return [f"{stem}{data}" for data in DATA_ENDINGS.get(f"{dot}{ending}", ())]
