"""The steps of the data: read, mask, inpaint, blend, write. `restore` composes the steps."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from medpaint.core.errors import UsageError
from medpaint.core.types import Progress
from medpaint.io.memory import path_of
from medpaint.io.naming import checked_name
from medpaint.io.reading import product_name
from medpaint.parameters import MaskParameters, Parameters
from medpaint.pipeline.blend import blend
from medpaint.pipeline.case import MaskLike, Restoration, ScanLike, report_progress
from medpaint.pipeline.destination import Destination, claimed
from medpaint.pipeline.inpaint import inpaint
from medpaint.pipeline.mask import mask_scan
from medpaint.pipeline.read import read
from medpaint.pipeline.secret import secret_of
from medpaint.pipeline.write import finish, write

__all__ = ["restore"]


def restore(
    scan: ScanLike,
    mask: MaskLike = None,
    *,
    output: str | Path | None = None,
    name: str | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Any,  # noqa: ANN401 - checked against Parameters
) -> Restoration:
    """Restore one scan.

    Args:
        scan: a file, the folder or archive of a DICOM series, a `Volume`, an image of SimpleITK or nibabel, or an
            array (I, J, K) on a 1 mm grid.
        mask: a file, an image of SimpleITK or nibabel, or an array (I, J, K) on the scan's grid, True = repair;
            None: look for damage, see `medpaint.detect`.
        output: folder for the restored scan, its mask and its record; None: nothing is written.
        name: what the products are called; the scan's own name by default.
        overwrite: replace existing products.
        progress: called with the step and the fraction done.
        **options: parameters by name: engine, seed, edge_mm, labels, dilate_mm, ...; see `medpaint.Parameters`.

    Returns:
        The restored scan with its record.

    Raises:
        InputError: scan, mask or output folder is refused; the subclass and the message say why.
        UsageError: an unknown option or engine, or an array that should be written.
    """
    parameters = Parameters.of(options)
    _refuse_idle(scan, mask, parameters, output, progress)
    secret = secret_of(parameters.write)
    with _place(scan, mask, output, name, parameters, secret, overwrite=overwrite) as destination:
        report_progress(progress, "read", 0.0)
        found = read(scan, parameters.read)
        report_progress(progress, "mask", 0.0)
        case = mask_scan(found, mask, parameters.mask)
        filled = inpaint(case, parameters.fill, progress=progress)
        report_progress(progress, "blend", 0.0)
        source, image = found.source, found.image
        # What was read from a file is nobody else's, so its voxels need not be in memory twice.
        blended = blend(found.volume, filled, parameters.write, in_place=source is not None)
        del found, case
        report_progress(progress, "write", 0.0)
        if source is None or destination is None:
            done = replace(finish(blended), image=image)
        else:
            done = write(blended, source, destination, secret=secret)
        report_progress(progress, "write", 1.0)
        return done


def _place(
    scan: ScanLike,
    mask: MaskLike,
    output: str | Path | None,
    name: str | None,
    parameters: Parameters,
    secret: bytes,
    *,
    overwrite: bool,
) -> AbstractContextManager[Destination | None]:
    """Return the claim of the place of the products; None in it where nothing is to be written."""
    path, folder = path_of(scan, "scan"), path_of(output, "output")
    if folder is None or path is None:
        return nullcontext()
    called = checked_name(name) if name is not None else product_name(path, parameters.read, secret)
    return claimed(folder, called, scan=path, mask=path_of(mask, "mask"), overwrite=overwrite)


def _refuse_idle(scan: ScanLike, mask: MaskLike, parameters: Parameters, output: object, progress: object) -> None:
    """Refuse options that do not apply."""
    if output is not None and not isinstance(output, str | os.PathLike):
        message = f"output: expected the path of a folder, got {type(output).__name__}"
        raise UsageError(message)
    if progress is not None and not callable(progress):
        message = f"progress: expected a function, got {type(progress).__name__}"
        raise UsageError(message)
    drawn, defaults = parameters.mask, MaskParameters()
    if mask is None and (drawn.labels or drawn.invert_mask or drawn.resample_mask):
        message = "labels, invert_mask and resample_mask are for a mask, but none was given"
        raise UsageError(message)
    if mask is not None and (drawn.sensitivity, drawn.repair) != (defaults.sensitivity, defaults.repair):
        message = "sensitivity and repair are for detection, but a mask was given"
        raise UsageError(message)
    if output is None:
        _refuse_unwritten(parameters)
    if isinstance(scan, str | os.PathLike):
        return
    if output is not None:
        message = (
            "what is in memory has no file to be written like: leave output out, and save what as_nibabel() or "
            "as_sitk() of the result returns, or pass the path of a scan"
        )
        raise UsageError(message)
    if parameters.read.frame is not None or parameters.read.series is not None:
        message = "frame and series are for files, but the scan is an array"
        raise UsageError(message)


def _refuse_unwritten(parameters: Parameters) -> None:
    """Refuse options of written products where nothing is written: the record would say that they took effect."""
    done = {"deidentify": "de-identified", "compress": "compressed"}
    defaults = type(parameters.write)()
    for name, what in done.items():
        if getattr(parameters.write, name) != getattr(defaults, name):
            message = f"{name}: only written products can be {what}: pass the path of a scan, and output"
            raise UsageError(message)
