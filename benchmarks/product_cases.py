"""The runs of benchmarks/products.py, as arguments of `python -m medpaint`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["runs"]

ENGINES: Final = (
    "nearest", "harmonic", "biharmonic", "exemplar", "unet3d", "unet2d", "resnet2d",
    "telea", "navier-stokes", "auto",
)  # fmt: skip

HOLES: Final = {"small": "head", "large": "head", "slices": "lost"}
"""Masks, and the scan that each belongs to."""

VOLUMES: Final = """
format-float       float.nii.gz      small.nii.gz        --engine biharmonic
format-scaled      scaled.nii        small.nii.gz        --engine harmonic
format-scaled-gzip scaled.nii.gz     small.nii.gz        --engine harmonic --edge-mm 4
format-big-endian  big-endian.nii    small.nii.gz        --engine harmonic
format-nifti-2     second.nii.gz     small.nii.gz        --engine harmonic
format-two-forms   two-forms.nii     small.nii.gz        --engine harmonic
format-frame       series.nii.gz     series-mask.nii.gz  --engine harmonic --frame 1
format-2d          flat.nii          flat-mask.nii       --engine auto
format-nrrd        head.nrrd         itk-mask.nrrd       --engine harmonic
format-nhdr        head.nhdr         itk-mask.nrrd       --engine harmonic
format-mha         head.mha          itk-mask.nrrd       --engine harmonic
format-mhd         head.mhd          itk-mask.nrrd       --engine harmonic
edge               head.nii.gz       large.nii.gz        --engine harmonic --edge-mm 6
dilated            head.nii.gz       small.nii.gz        --engine harmonic --dilate-mm 4.5
labels             head.nii.gz       labels.nii.gz       --engine harmonic --labels 1 3
labels-unnamed     head.nii.gz       labels.nii.gz       --engine harmonic
labels-absent      head.nii.gz       labels.nii.gz       --engine harmonic --labels 7
inverted           head.nii.gz       inverted.nii.gz     --engine harmonic --invert-mask
inverted-unsaid    head.nii.gz       inverted.nii.gz     --engine harmonic
resampled          head.nii.gz       coarse.nii.gz       --engine harmonic --resample-mask
other-grid         head.nii.gz       coarse.nii.gz       --engine harmonic
turned             head.nii.gz       turned.nii.gz       --engine harmonic
empty              head.nii.gz       empty.nii.gz        --engine harmonic
fraction           head.nii.gz       large.nii.gz        --engine harmonic --max-fraction 0.01
membrane           head.nii.gz       large.nii.gz        --engine exemplar --membrane
seed               head.nii.gz       large.nii.gz        --engine exemplar --seed 7
seed-network       head.nii.gz       small.nii.gz        --engine unet3d --seed 7
best-auto          head.nii.gz       small.nii.gz        --engine auto --effort best
best-unet3d        head.nii.gz       small.nii.gz        --engine unet3d --effort best
best-slices        lost.nii.gz       slices.nii.gz       --engine auto --effort best
other-name         head.nii.gz       small.nii.gz        --engine nearest --name other
unknown-engine     head.nii.gz       small.nii.gz        --engine unknown
frame-too-high     series.nii.gz     series-mask.nii.gz  --engine harmonic --frame 9
detect-slices      lost.nii.gz       -                   --engine harmonic
detect-nan         nan.nii.gz        -                   --engine harmonic
detect-nothing     head.nii.gz       -                   --engine harmonic
"""
"""Name, scan, mask (- for detection) and options."""

SERIES: Final = """
dicom              ct                ct-mask.nii.gz       --engine harmonic
dicom-mr           mr                ct-mask.nii.gz       --engine exemplar
dicom-unet3d       ct                ct-mask.nii.gz       --engine unet3d
dicom-zip          ct.zip            ct-mask.nii.gz       --engine harmonic
dicom-rle          ct-rle            ct-mask.nii.gz       --engine harmonic
dicom-jpeg-2000    ct-jpeg-2000      ct-mask.nii.gz       --engine harmonic
dicom-padded       ct-padded         ct-mask.nii.gz       --engine harmonic
dicom-segmentation ct                segmentation.dcm     --engine harmonic
dicom-edge         ct                ct-mask.nii.gz       --engine harmonic --edge-mm 1 --dilate-mm 1
to-rle             ct                ct-mask.nii.gz       --engine harmonic --compress rle
to-jpeg-ls         ct                ct-mask.nii.gz       --engine harmonic --compress jpeg-ls
to-jpeg-2000       ct                ct-mask.nii.gz       --engine harmonic --compress jpeg-2000
detect-dicom       ct-lost           -                    --engine harmonic
absent             ct-absent         -                    --engine harmonic --absent-slices
absent-refused     ct-absent         -                    --engine harmonic
deidentified       named             named-mask.nii.gz    --engine harmonic --deidentify series/key
deidentified-name  named             named-mask.nii.gz    --engine nearest --deidentify series/key --name other
open-key           named             named-mask.nii.gz    --engine harmonic --deidentify series/open-key
enhanced           enhanced          enhanced-mask.nii.gz --engine harmonic
enhanced-rle       enhanced          enhanced-mask.nii.gz --engine harmonic --compress rle
enhanced-secret    enhanced          enhanced-mask.nii.gz --engine harmonic --deidentify series/key
enhanced-part      enhanced-echoes   enhanced-mask.nii.gz --engine harmonic --series 1.2.3.4#echo-time=9.0
enhanced-unsaid    enhanced-echoes   enhanced-mask.nii.gz --engine harmonic
mosaic             mosaic            mosaic-mask.nii.gz   --engine harmonic
mosaic-secret      mosaic            mosaic-mask.nii.gz   --engine harmonic --deidentify series/key
part               echoes            ct-mask.nii.gz       --engine harmonic --series 1.2.3.4#echo-time=20.0
part-unsaid        echoes            ct-mask.nii.gz       --engine harmonic
"""
"""The same for DICOM series."""

REAL: Final = ("ct", "ct-signed", "mr-rle", "mr-jpeg-ls", "mr-big-endian", "ct-series")


def runs() -> Iterator[tuple[str, list[str]]]:
    """Yield for each run its name and its words; paths start from a folder with the inputs in it."""
    for hole, scan in HOLES.items():
        for engine in ENGINES:
            yield _restore(f"{engine}-{hole}", "volumes", f"{scan}.nii.gz", f"{hole}.nii.gz", "--engine", engine)
    for folder, table in (("volumes", VOLUMES), ("series", SERIES)):
        for line in table.strip().splitlines():
            name, scan, mask, *options = line.split()
            yield _restore(name, folder, scan, mask, *options)
    for real in REAL:
        engine = "auto" if real == "ct-signed" else "harmonic"
        yield _restore(f"real-{real}", "series", f"real-{real}", f"real-{real}-mask.nii.gz", "--engine", engine)
    again = ["restore", "volumes/head.nii.gz", "--mask", "volumes/small.nii.gz", "--engine", "nearest"]
    yield "there-already", [*again, "--output", "runs/harmonic-small", "--json"]
    yield "in-words", [*again, "--output", "runs/in-words"]
    yield "cohort", ["run", "--json", "--directory", "cohort", "--cores", "1"]
    yield "verify", ["verify", "--json", "runs", "cohort/results"]


def _restore(name: str, folder: str, scan: str, mask: str, *options: str) -> tuple[str, list[str]]:
    """Return the name and the words of a restoration."""
    masked = ["--detect"] if mask == "-" else ["--mask", f"{folder}/{mask}"]
    return name, ["restore", f"{folder}/{scan}", *masked, "--output", f"runs/{name}", "--json", *options]
