"""The jobs of a cohort. A scan that cannot be done becomes a failure in its file and never stops the others."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from medpaint.config import Parameters, ScanRow
from medpaint.core.crash import described, tell
from medpaint.core.errors import InputError, MedpaintError, ServerError, UnreadableError, UsageError
from medpaint.core.types import Progress
from medpaint.export import RECORD_SUFFIX, product_name, write_failure
from medpaint.io.atomic import replacing
from medpaint.io.reading import read_scan
from medpaint.pipeline import Case, blend, ingest, inpaint
from medpaint.provenance import Record
from medpaint.staging import Failure, load_case, load_fetch, load_filled, save_case, save_failure, save_filled

__all__ = ["SUMMARY_COLUMNS", "export_scan", "ingest_scan", "inpaint_scans", "read_table", "summarise"]

SUMMARY_COLUMNS = (
    "scan",
    "status",
    "engine",
    "why",
    "repaired_ml",
    "repaired_fraction",
    "seconds",
    "warnings",
    "reason",
    "restored",
    "record",
)


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


def read_table(path: Path) -> list[ScanRow]:
    """Return the rows of a cohort's table.

    Raises:
        InputError: no such file, an unknown column, a bad value, or two rows of one name; says which.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: expected a table in UTF-8: {error}"
        raise UnreadableError(message) from error
    rows: list[ScanRow] = []
    for number, values in enumerate(
        csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE), start=2
    ):
        try:
            rows.append(
                ScanRow.model_validate(
                    {str(key or "beyond the last"): value or "" for key, value in values.items()}
                )
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            message = f"{path}, line {number}, column {'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise UsageError(message) from error
    names = [row.scan for row in rows]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        message = f"{path}: expected unique names, got {', '.join(twice)} more than once"
        raise UsageError(message)
    return rows


def summarise(table: Path, output: Path) -> list[dict[str, str]]:
    """Write a table of what became of each scan, in the order of the cohort's table; return its rows.

    Args:
        table: the cohort's table.
        output: the TSV file to write; ``restored`` beside it holds a folder for each scan, with its record.
    """
    rows = [
        _summary_row(row.scan, output.parent / "restored" / row.scan, output.parent) for row in read_table(table)
    ]
    with replacing(output) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, SUMMARY_COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return rows


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


def _summary_row(scan: str, folder: Path, base: Path) -> dict[str, str]:
    """Return one row of the summary."""
    path = folder / f"{scan}{RECORD_SUFFIX}"
    row = dict.fromkeys(SUMMARY_COLUMNS, "")
    row |= {"scan": scan, "record": _seen_from(path, base)}
    try:
        record = Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        return row | {"status": "failed", "reason": f"no record: {type(error).__name__}", "record": ""}
    row |= {"status": record.status, "reason": record.reason, "seconds": f"{record.seconds:.2f}"}
    row |= {"warnings": "; ".join(record.warnings), "engine": record.engine.name if record.engine else ""}
    row["why"] = record.engine.reason if record.engine else ""
    if record.repaired is not None:
        row |= {"repaired_ml": f"{record.repaired.ml:.3f}", "repaired_fraction": f"{record.repaired.fraction:.6f}"}
    if record.products:
        row["restored"] = _seen_from(folder / record.products[0].path, base)
    return row


def _seen_from(path: Path, base: Path) -> str:
    """Return `path` relative to `base` where it lies below it."""
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_posix()
