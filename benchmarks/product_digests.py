"""Digests of products, records and runs, computed without medpaint, to compare two versions."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import nibabel as nib
import numpy as np
import pydicom
import SimpleITK
from numpy.typing import NDArray

ITK_ENDINGS: Final = (".nrrd", ".nhdr", ".mha", ".mhd")

PIXELS: Final = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")

DERIVED: Final = "2.25."
"""Prefix of the identifiers that medpaint makes; the inputs have none of that form."""

LASTING: Final = ("StudyInstanceUID", "FrameOfReferenceUID", "ImplementationClassUID")
"""Identifiers that have to stay the same whatever restored the scan."""

TEXTS: Final = ("message", "notes", "problems", "reason", "warnings", "why")
"""Keys of the output whose values are sentences for people."""

NUMBERS: Final = ("scan", "status", "engine", "repaired_ml", "repaired_fraction")
"""Columns of a cohort's summary that are not sentences or times."""


def digest(content: Any) -> str:  # noqa: ANN401 - bytes, or anything that JSON can hold
    """Return the SHA-256 of bytes, or of a value as JSON."""
    raw = content if isinstance(content, bytes) else json.dumps(content, sort_keys=True).encode()
    return hashlib.sha256(raw).hexdigest()


def product_digests(path: Path) -> dict[str, str]:
    """Return the digests of a product by kind: ``file``, and the others if the format has them.

    ``voxels`` are the stored values in the order of the file, ``header`` is the rest of the file. In DICOM
    derived identifiers are left out of the header and have a separate digest, ``identifiers``.

    Args:
        path: a file, or the folder of a series.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        names = [(file.relative_to(path).as_posix(), digest(file.read_bytes())) for file in files]
        return {"file": digest(names), **_of_dicom(files)}
    digests = {"file": digest(path.read_bytes())}
    if path.name.endswith((".nii", ".nii.gz")):
        return digests | _of_nifti(path)
    if path.suffix in ITK_ENDINGS:
        return digests | _of_itk(path)
    return digests | _of_dicom([path]) if path.suffix == ".dcm" else digests


def _of_array(array: NDArray[Any], order: Any = "C") -> list[str]:  # noqa: ANN401 - "C" or "F"
    """Return what distinguishes an array from any other: shape, dtype with byte order, hash of the values."""
    return [repr(array.shape), array.dtype.str, digest(array.tobytes(order=order))]


def _of_nifti(path: Path) -> dict[str, str]:
    """Return the digests of a NIfTI file: its values before scaling, and the bytes around them."""
    load: Any = nib.load
    proxy = load(path).dataobj
    values = np.asarray(proxy.get_unscaled())
    raw = path.read_bytes()
    content = gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    header = content[: proxy.offset] + content[proxy.offset + values.nbytes :]
    return {"voxels": digest(_of_array(values, "F")), "header": digest(header)}


def _of_itk(path: Path) -> dict[str, str]:
    """Return the digests of an NRRD or MetaImage file, or of a header with its voxels in another file."""
    values = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    content = path.read_bytes()
    if path.suffix == ".nrrd":
        content = content.partition(b"\n\n")[0]
    elif path.suffix == ".mha":
        content = content.partition(b"ElementDataFile")[0]
    return {"voxels": digest(_of_array(values)), "header": digest(content)}


def _of_dicom(files: Iterable[Path]) -> dict[str, str]:
    """Return the digests of DICOM files, read one after the other."""
    voxels: list[list[str]] = []
    header: list[list[str]] = []
    order: dict[str, int] = {}
    for file in files:
        dataset = pydicom.dcmread(file)
        voxels.append(_of_array(dataset.pixel_array))
        for where, kind, value, derived in (*_elements(dataset.file_meta, "meta"), *_elements(dataset)):
            number = order.setdefault(value, len(order)) if derived else 0
            header.append([where, kind, f"identifier {number}" if derived else value])
    return {"voxels": digest(voxels), "header": digest(header), "identifiers": digest(list(order))}


def _elements(dataset: pydicom.Dataset, above: str = "") -> Iterator[tuple[str, str, str, bool]]:
    """Yield for each element but the pixels its place, its VR, its value, and whether that is derived."""
    for element in dataset:
        where = f"{above}/{element.tag}"
        if element.keyword in PIXELS or element.keyword == "FileMetaInformationGroupLength":
            continue
        if element.VR == "SQ":
            yield where, "SQ", str(len(element.value)), False
            for number, item in enumerate(element.value):
                yield from _elements(item, f"{where}[{number}]")
            continue
        value = str(element.value) if element.VR == "UI" else repr(element.value)
        derived = element.VR == "UI" and value.startswith(DERIVED) and element.keyword not in LASTING
        yield where, element.VR, value, derived


def record_facts(path: Path) -> dict[str, Any]:
    """Return what records of version 1 and 2 have in common: status, engine, how much, and the checksums."""
    record = json.loads(path.read_text(encoding="utf-8"))
    if record["record_version"] == 1:
        engine, seam, identity = (record["engine"] or {}).get("name"), record["seam"], record["identity"]
    else:
        engine = (record["inpaint"] or {}).get("engine")
        seam = (record["blend"] or {}).get("seam")
        identity = (record["write"] or {}).get("identity")
    mask = record["mask"] or {}
    own = {key: record[key] for key in ("status", "repaired")}
    masked = {key: mask.get(key) for key in ("origin", "grid", "voxels")}
    return {**own, "engine": engine, "seam": seam, "identity": identity, "mask": masked}


def summary_facts(path: Path) -> list[dict[str, str]]:
    """Return the rows of a cohort's summary without sentences and times."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: row[name] for name in NUMBERS} for row in csv.DictReader(file, delimiter="\t")]


def exit_facts(code: int, printed: str) -> tuple[dict[str, Any], str]:
    """Return how a run ended, and the text that it printed, both without times.

    Args:
        code: its exit code.
        printed: its standard output: one JSON object, or text.
    """
    words = re.sub(r'("seconds": |in )[\d.e-]+', r"\1...", printed)
    try:
        output = _without_texts(json.loads(printed))
    except json.JSONDecodeError:
        output = None
    return {"code": code, "output": output}, words


def _without_texts(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a JSON value without sentences, times, and what only newer versions add."""
    if isinstance(value, dict):
        return {
            key: _without_texts(own) for key, own in value.items() if key not in {*TEXTS, "seconds", "filled_by"}
        }
    return [_without_texts(own) for own in value] if isinstance(value, list) else value
