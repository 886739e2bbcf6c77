"""The plan of a cohort's run: its batches, and the files and flags of each job.

Snakemake builds its graph of jobs from this module. It is imported into Snakemake's own process, so it loads no
image library.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any, Final, Protocol

from medpaint.cohort.config import CohortConfig, PacsConfig, read_config
from medpaint.cohort.table import ScanRow, read_table
from medpaint.core.errors import MedpaintError, UsageError
from medpaint.io.reading import outline
from medpaint.parameters import FillParameters, MaskParameters, WriteParameters

__all__ = ["BatchWildcards", "Plan", "ScanWildcards", "flags", "make_plan"]

_INGEST: Final = (*MaskParameters.model_fields, "absent_slices")
_INPAINT: Final = (*FillParameters.model_fields,)
_EXPORT: Final = (*WriteParameters.model_fields,)
_EVALUATE: Final = ("effort", "seed", "membrane")
"""Parameters that each job takes from the configuration."""

_SERVER: Final = tuple(name for name in PacsConfig.model_fields if name != "url")


class ScanWildcards(Protocol):
    """What Snakemake passes for a rule that runs once for each scan."""

    @property
    def scan(self) -> str:
        """The scan's name."""


class BatchWildcards(Protocol):
    """What Snakemake passes for a rule that runs once for each batch."""

    @property
    def batch(self) -> str:
        """The batch's name."""


@dataclass(frozen=True)
class Plan:
    """What Snakemake needs to know about a cohort.

    The methods that take wildcards are input functions of the rules: the files and flags of one job.

    Attributes:
        config: the configuration.
        scans: the rows of the table, by the scan's name.
        batches: the scans of each `inpaint` job, by the batch's name.
    """

    config: CohortConfig
    scans: Mapping[str, ScanRow]
    batches: Mapping[str, tuple[str, ...]]

    def image_path(self, wildcards: ScanWildcards) -> str:
        """Return the scan's file or folder, as its job receives it."""
        row = self.scans[wildcards.scan]
        return f"results/fetched/{row.scan}" if row.study else row.image

    def image_files(self, wildcards: ScanWildcards) -> list[str]:
        """Return the files whose change redoes the scan."""
        row = self.scans[wildcards.scan]
        return [f"results/fetched/{row.scan}"] if row.study else _watched_files(row.image)

    def mask_files(self, wildcards: ScanWildcards) -> list[str]:
        """Return the files of the scan's mask; empty where damage is detected."""
        return _watched_files(self.scans[wildcards.scan].mask)

    def fetch_status(self, wildcards: ScanWildcards) -> list[str]:
        """Return the file with the outcome of fetching the scan; empty for a scan on the disk."""
        row = self.scans[wildcards.scan]
        return [f"results/fetched/{row.scan}.json"] if row.study else []

    def fetch_flags(self, wildcards: ScanWildcards) -> str:
        """Return the flags that name the series to fetch; `ingest` gets the volume in it, after a ``#``."""
        row = self.scans[wildcards.scan]
        return flags({"study": row.study, "series": row.series.partition("#")[0]})

    def ingest_flags(self, wildcards: ScanWildcards) -> str:
        """Return the flags of the scan's `ingest` job."""
        row = self.scans[wildcards.scan]
        of_scan = {"mask": row.mask, "series": row.series, "frame": row.frame}
        return flags(of_scan | {"fetched": "".join(self.fetch_status(wildcards))} | self._chosen(_INGEST))

    def batch_cases(self, wildcards: BatchWildcards) -> list[str]:
        """Return the case files of a batch."""
        return [f"results/work/cases/{scan}.npz" for scan in self.batches[wildcards.batch]]

    def batch_flags(self, wildcards: BatchWildcards) -> str:
        """Return the flags of a batch's `inpaint` job."""
        weights = "".join(self.weights_file(wildcards))
        return flags({**self._chosen(_INPAINT), "engine": self._engine(wildcards), "weights": weights})

    def weights_file(self, wildcards: BatchWildcards) -> list[str]:
        """Return the file of the user's own weights; they belong to the configured engine, others have none."""
        weights, engine = self.config.restore.weights, self.config.restore.engine
        return [weights] if weights and self._engine(wildcards) == engine else []

    def _engine(self, wildcards: BatchWildcards) -> str:
        """Return the engine of a batch."""
        return _engine_of(self.scans[self.batches[wildcards.batch][0]], self.config)

    def scan_fills(self, wildcards: ScanWildcards) -> str:
        """Return the folder with the scan's fill."""
        return f"results/work/fills/{self._batch_of[wildcards.scan]}"

    def export_flags(self, _wildcards: ScanWildcards) -> str:
        """Return the flags of the scan's `export` job."""
        return flags(self._chosen(_EXPORT))

    def evaluate_flags(self, wildcards: ScanWildcards) -> str:
        """Return the flags that evaluate engines on the scan; no hole is made in its mask."""
        row = self.scans[wildcards.scan]
        of_scan = {"avoid": row.mask, "series": row.series, "frame": row.frame}
        return flags(of_scan | self._chosen(_EVALUATE) | self.config.evaluate.model_dump())

    def server_flags(self) -> str:
        """Return the server's address and the flags that say how to connect to it."""
        settings = self.config.pacs.model_dump()
        return f"{quote(self.config.pacs.url)} {flags({name: settings[name] for name in _SERVER})}"

    @cached_property
    def _batch_of(self) -> dict[str, str]:
        """The batch of each scan."""
        return {scan: batch for batch, scans in self.batches.items() for scan in scans}

    def _chosen(self, names: Iterable[str]) -> dict[str, Any]:
        """Return the named settings of the configuration."""
        return {name: getattr(self.config.restore, name) for name in names}


def make_plan(config: Mapping[str, Any]) -> Plan:
    """Return the plan of the cohort that a configuration describes.

    Args:
        config: the keys of config/config.yaml.

    Raises:
        UsageError: the configuration or the table is wrong, or no server is named for a scan to fetch.
        UnreadableError: the table cannot be read.
    """
    checked = read_config(config)
    rows = read_table(Path(checked.scans))
    if not rows:
        message = f"{checked.scans}: expected at least one scan, got none"
        raise UsageError(message)
    fetched = [row.scan for row in rows if row.study]
    if fetched and not checked.pacs.url:
        message = (
            f"{checked.scans}: expected the address of a server for {fetched[0]}, which names a study to fetch; "
            "give it as pacs: url: in config/config.yaml"
        )
        raise UsageError(message)
    return Plan(checked, {row.scan: row for row in rows}, _batches(rows, checked))


def flags(settings: Mapping[str, Any]) -> str:
    """Return the command-line flags of settings, quoted for a shell; none for an empty or false one."""
    words = []
    for name, value in settings.items():
        if value is None or value is False or value in ("", (), []):
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words += [quote(str(item)) for item in (value if isinstance(value, (tuple, list)) else [value])]
    return " ".join(words)


def _batches(rows: Iterable[ScanRow], config: CohortConfig) -> dict[str, tuple[str, ...]]:
    """Return the scans of each batch: of one engine, in the order of the table."""
    by_engine: dict[str, list[str]] = {}
    for row in rows:
        by_engine.setdefault(_engine_of(row, config), []).append(row.scan)
    size = config.batch_size
    return {
        f"{engine}-{start // size:04d}": tuple(scans[start : start + size])
        for engine, scans in by_engine.items()
        for start in range(0, len(scans), size)
    }


def _engine_of(row: ScanRow, config: CohortConfig) -> str:
    """Return the engine that fills a scan."""
    return row.engine or config.restore.engine


def _watched_files(path: str) -> list[str]:
    """Return the files of a scan that Snakemake can watch; empty where there are none, which `ingest` reports.

    Names with braces are left out, because Snakemake would take them for wildcards; `ingest` reads them too.
    """
    place = Path(path)
    if not path or not place.exists():
        return []
    try:
        files: Iterable[Path] = outline(place).files
    except MedpaintError:  # ingest reports it; it is read again when a file is replaced
        files = sorted(file for file in place.rglob("*") if file.is_file()) if place.is_dir() else (place,)
    return [str(file) for file in files if not set(str(file)) & set("{}")]
