"""The jobs of a cohort. A scan that fails becomes a failure in its file and never stops the others."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from medpaint.cohort.staging import (
    Failure,
    load_case,
    load_fetch,
    load_filled,
    save_case,
    save_failure,
    save_filled,
)
from medpaint.cohort.table import ScanRow
from medpaint.cohort.withholding import kind_of_failure, unheard
from medpaint.core.crash import described, is_out_of_memory, print_trace
from medpaint.core.errors import InputError, LockedError, MedpaintError, ServerError, UnreadableError, WriteError
from medpaint.core.text import described_os
from medpaint.core.types import Progress
from medpaint.io.naming import checked_name
from medpaint.io.reading import read_selected
from medpaint.parameters import Parameters
from medpaint.pipeline.blend import blend
from medpaint.pipeline.case import Filled
from medpaint.pipeline.destination import claimed, record_failure
from medpaint.pipeline.inpaint import inpaint
from medpaint.pipeline.mask import mask_scan
from medpaint.pipeline.read import read
from medpaint.pipeline.secret import secret_of
from medpaint.pipeline.write import failure_record, write
from medpaint.record.entries import Record
from medpaint.record.file import RECORD_SUFFIX, read_record, write_record

__all__ = ["export_scan", "ingest_scan", "inpaint_scans"]

T = TypeVar("T")

_MACHINE: Final = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOEXEC),
}
"""Errors of the operating system that have nothing to do with a scan; with the last, no decoder can be started."""

_NO_THREAD: Final = "can't start new thread"
"""What Python says at the limit of threads; that error has no number."""


def ingest_scan(
    image: Path,
    mask: Path | None,
    parameters: Parameters,
    output: Path,
    *,
    fetched: Path | None = None,
    refusal: str = "",
    withhold: bool = False,
) -> str:
    """Read a scan and its mask into the case file `output`; return the reason if it failed, otherwise nothing.

    Args:
        image: the scan.
        mask: its mask; None: damage is detected.
        parameters: of reading and of the mask.
        output: file to write.
        fetched: outcome of fetching the scan from a server, JSON; if that failed, the scan has failed.
        refusal: why the scan is refused before it is looked at; empty: it is not. It names nobody.
        withhold: leave out of the case, of the reason and of all that is printed what files and series are called.
    """

    def work() -> None:
        if fetched is not None and (reason := load_fetch(fetched)):
            raise ServerError(reason)
        case = mask_scan(read(image, parameters.read), mask, parameters.mask)
        save_case(replace(case, draft=case.draft.withheld()) if withhold else case, output)

    reason = refusal or _failure_of(work, withhold=withhold)
    if reason:
        asked = parameters.withheld() if withhold else parameters
        save_failure(Failure(reason, asked), output)
    return reason


def inpaint_scans(
    cases: Sequence[Path], settings: Mapping[str, Any], output: Path, *, progress: Progress | None = None
) -> dict[str, str]:
    """Fill the masks of case files, one fill of the same name each in the folder `output`.

    Args:
        cases: files that `ingest_scan` wrote.
        settings: the parameters of the fill, by name.
        output: folder, created if missing.
        progress: called with the scan and the fraction of the batch done.

    Returns:
        For each case file that failed, its name and the reason.
    """
    output.mkdir(parents=True, exist_ok=True)
    reasons = {}
    for number, path in enumerate(cases):
        if progress is not None:
            progress(path.stem, number / len(cases))
        reason = _inpaint_scan(path, settings, output / path.name)
        if reason:
            reasons[path.stem] = reason
    return reasons


def export_scan(
    image: Path,
    filled: Path,
    settings: Mapping[str, Any],
    output: Path,
    name: str,
    *,
    row: ScanRow | None = None,
) -> Record:
    """Write the products and the record of one scan into the folder `output`; return the record.

    Args:
        image: the scan.
        filled: file that `inpaint_scans` wrote.
        settings: parameters of blending and writing, by name.
        output: folder, created if missing.
        name: what the products are called.
        row: of a scan whose files and series are called what no record and no log may say; None for any other.
    """
    name = checked_name(name)
    stage = _loaded(load_filled, filled)
    if isinstance(stage, Failure):
        return _failed(stage.reason, stage.parameters.replaced(settings), output, name)
    parameters = stage.draft.parameters.replaced(settings)
    records: list[Record] = []

    def work() -> None:
        records.append(_exported(image, stage, parameters, output, name, row=row))

    # What is wrong with the secret names its file alone, so it is said in any case.
    reason = _failure_of(lambda: _check_secret(parameters)) or _failure_of(work, withhold=row is not None)
    return _failed(reason, parameters, output, name) if reason else records[0]


def _inpaint_scan(path: Path, settings: Mapping[str, Any], output: Path) -> str:
    """Fill one case file; return the reason if it failed."""
    case = _loaded(load_case, path)
    if isinstance(case, Failure):
        save_failure(Failure(case.reason, case.parameters.replaced(settings)), output)
        return case.reason
    parameters = case.draft.parameters.replaced(settings)
    reason = _failure_of(lambda: save_filled(inpaint(case, parameters.fill), output))
    if reason:
        save_failure(Failure(reason, parameters), output)
    return reason


def _loaded(load: Callable[[Path], T | Failure], path: Path) -> T | Failure:
    """Return what a job before this one wrote, or a failure where it cannot be read."""
    found: list[T | Failure] = []
    reason = _failure_of(lambda: found.append(load(path)))
    return Failure(reason, Parameters()) if reason else found[0]


def _check_secret(parameters: Parameters) -> None:
    """Refuse a secret that cannot be used."""
    secret_of(parameters.write)


def _exported(
    image: Path, filled: Filled, parameters: Parameters, output: Path, name: str, *, row: ScanRow | None
) -> Record:
    """Write the products of one scan and return their record.

    Raises:
        InputError: the scan has changed since it was read.
    """
    secret = secret_of(parameters.write)
    drawn = row.mask if row else filled.draft.mask.path if filled.draft.mask else ""
    selection = parameters.read.model_copy(update={"series": row.series or None}) if row else parameters.read
    mask = Path(drawn) if drawn and Path(drawn).exists() else None
    with claimed(output, name, scan=image, mask=mask, overwrite=True) as destination:
        volume, source = read_selected(image, selection)
        if source.sha256 != filled.draft.read.sha256:
            message = f"{image} has changed since it was read: run again"
            raise InputError(message)
        blended = blend(volume, filled, parameters.write, in_place=True)
        del volume
        return write(blended, source, destination, secret=secret).record


def _failed(reason: str, parameters: Parameters, output: Path, name: str) -> Record:
    """Write the record of a scan that failed, and return it.

    Where something stands in the way of the usual claim, such as a folder in place of the lock, the record is
    written alone, unless that would replace a file: a link is not one.
    """
    record = failure_record(reason, parameters)
    place = output / f"{name}{RECORD_SUFFIX}"
    try:
        record_failure(record, output, name)
    except LockedError:
        raise
    except (InputError, WriteError) as error:
        if _is_of_machine(error) or not _is_replaceable(place):
            raise
        place.unlink(missing_ok=True)
        write_record(record, place)
    return record


def _is_replaceable(place: Path) -> bool:
    """Return whether nothing, a link or a record is at a record's place."""
    if place.is_symlink() or not place.exists():
        return True
    try:
        read_record(place)
    except UnreadableError:
        return False
    return True


def _failure_of(work: Callable[[], None], *, withhold: bool = False) -> str:
    """Do `work` for one scan; return why it failed, or nothing.

    Refusals are for the user and are passed on as they are. What another process holds, a full disk and the like
    have nothing to do with the scan and are raised. Anything else is an internal error, logged with its trace.

    Args:
        work: what to do.
        withhold: return the kind of failure alone, and drop what is printed: either could name a person.
    """
    try:
        with unheard() if withhold else nullcontext():
            work()
    except LockedError:
        raise
    except (MedpaintError, OSError) as error:
        if _is_of_machine(error):
            if withhold:
                message = f"the machine failed: {_machine_error(error)}"
                raise WriteError(message) from None
            raise
        if withhold:
            return kind_of_failure(error)
        return str(error) if isinstance(error, MedpaintError) else described_os(error)
    except Exception as error:  # noqa: BLE001 - one scan's failure must not stop the others
        if _is_of_machine(error):
            message = f"the machine failed: {_machine_error(error)}"
            raise WriteError(message) from None
        if is_out_of_memory(error):
            return "the scan needs more memory than this job has"
        print_trace(error, quoting=not withhold)
        if withhold:
            return f"internal error, please report it: {type(error).__name__}"
        return f"internal error, please report it: {described(error)}"
    return ""


def _is_of_machine(error: BaseException) -> bool:
    """Return whether an error, or what led to it, comes from the machine rather than from the scan."""
    return bool(_machine_error(error))


def _machine_error(error: BaseException) -> str:
    """Return what the machine says of an error that comes from it rather than from the scan; empty for others."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno in _MACHINE:
            return os.strerror(found.errno)
        if isinstance(found, RuntimeError) and str(found) == _NO_THREAD:
            return _NO_THREAD
        found = found.__cause__
    return ""
