"""The jobs of a cohort. A scan that cannot be done becomes a failure in its file and never stops the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from medpaint.cohort.staging import (
    Failure,
    load_case,
    load_fetch,
    load_filled,
    save_case,
    save_failure,
    save_filled,
)
from medpaint.core.crash import described, tell
from medpaint.core.errors import InputError, MedpaintError, ServerError
from medpaint.core.types import Progress
from medpaint.io.reading import read_scan
from medpaint.parameters import Parameters
from medpaint.pipeline.case import Case
from medpaint.pipeline.restore import blend, ingest, inpaint
from medpaint.pipeline.write import product_name, write_failure
from medpaint.record.entries import Record

__all__ = ["export_scan", "ingest_scan", "inpaint_scans"]


def ingest_scan(
    image: Path, mask: Path | None, parameters: Parameters, output: Path, *, fetched: Path | None = None
) -> str:
    """Read a scan and its mask into the case file `output`; return the reason if it failed, else nothing.

    Args:
        image: the scan.
        mask: its mask; None: damage is looked for.
        parameters: how.
        output: file to write.
        fetched: what became of fetching the scan from a server, JSON; if that failed, so has the scan.
    """

    def work() -> str:
        if fetched is not None and (failed := load_fetch(fetched)):
            raise ServerError(failed)
        save_case(ingest(image, mask, parameters), output)
        return ""

    return _guarded(work, lambda reason: save_failure(Failure(reason, parameters.model_dump(mode="json")), output))


def inpaint_scans(
    cases: Sequence[Path], settings: dict[str, Any], output: Path, *, progress: Progress | None = None
) -> dict[str, str]:
    """Fill the masks of case files, one fill of the same name each in the folder `output`.

    Args:
        cases: files that `ingest_scan` wrote.
        settings: the fields of `Parameters` that decide the fill.
        output: folder, made where it is missing.
        progress: told the scan and the fraction of the batch done.

    Returns:
        For each case file that failed, its name and the reason.
    """
    output.mkdir(parents=True, exist_ok=True)
    failed = {}
    for number, path in enumerate(cases):
        if progress is not None:
            progress(path.stem, number / len(cases))
        reason = _inpaint_scan(path, settings, output / path.name)
        if reason:
            failed[path.stem] = reason
    return failed


def export_scan(image: Path, filled: Path, settings: dict[str, Any], output: Path, name: str) -> Record:
    """Write the products and the record of one scan into the folder `output`; return the record."""
    name = product_name(image, name)
    stage = load_filled(filled)
    if isinstance(stage, Failure):
        return write_failure(stage.reason, stage.parameters, output, name)
    parameters = Parameters.model_validate({**stage.draft.parameters, **settings})
    records: list[Record] = []

    def work() -> str:
        volume, source = read_scan(
            image,
            frame=parameters.frame,
            series=parameters.series,
            absent_slices=parameters.absent_slices,
        )
        if source.sha256 != stage.draft.scan.sha256:
            message = f"{image} has changed since it was read"
            raise InputError(message)
        case = Case(volume, stage.mask, source, stage.draft)
        records.append(blend(case, stage, parameters, output=output, name=name, overwrite=True).record)
        return ""

    def fail(reason: str) -> None:
        records.append(write_failure(reason, parameters.model_dump(mode="json"), output, name))

    _guarded(work, fail)
    return records[0]


def _inpaint_scan(path: Path, settings: dict[str, Any], output: Path) -> str:
    """Fill one case file; return the reason if it failed."""
    case = load_case(path)
    if isinstance(case, Failure):
        save_failure(case, output)
        return case.reason
    parameters = Parameters.model_validate({**case.draft.parameters, **settings})

    def work() -> str:
        save_filled(inpaint(case, parameters), output)
        return ""

    return _guarded(work, lambda reason: save_failure(Failure(reason, parameters.model_dump(mode="json")), output))


def _guarded(work: Callable[[], str], fail: Callable[[str], None]) -> str:
    """Do `work`; where the scan cannot be done, hand the reason to `fail` and return it.

    Refusals are for the user and come as they are. A disk that is full or a folder that is not writable is no
    property of the scan and goes up. Anything else is a fault of the program, told with its trace.
    """
    try:
        return work()
    except MedpaintError as error:
        reason = str(error)
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - one scan's fault must not stop the others
        tell(error)
        reason = f"internal error, please report it: {described(error)}"
    fail(reason)
    return reason
