"""The plan of a cohort's run: its batches, and the files and flags of each job.

Snakemake builds its graph of jobs from this module. It is imported into Snakemake's own process, so it loads no
image library.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any, Final, Protocol

from medpaint.cohort.batches import batches_of, fill_of
from medpaint.cohort.config import CohortConfig, PacsConfig, read_config
from medpaint.cohort.table import OF_FILES, ScanRow, read_table
from medpaint.cohort.watch import keyed_hash, network_files, state_of, watched_files
from medpaint.core.errors import UsageError
from medpaint.io.selection import Selection
from medpaint.parameters import MaskParameters, WriteParameters

__all__ = ["BatchWildcards", "Plan", "ScanWildcards", "flags", "make_plan"]

_INGEST: Final = (*Selection.model_fields, *MaskParameters.model_fields)
_EXPORT: Final = (*WriteParameters.model_fields,)
_EVALUATE: Final = ("series", "frame", "effort", "seed", "membrane")
"""Parameters that each job takes from the scan's row or the configuration."""

_NAMED: Final = "expected a scan whose products are not de-identified: an evaluation names its scans"
"""Why an evaluation is refused."""

_CLEAN: Final = (
    "expected a clean scan, whose row has no mask, and whose products are not de-identified, because the table of "
    "damaged copies names its scans"
)
"""Why no damaged copies are made."""

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
        """Return the scan's file or folder, as its job receives it.

        It is the empty device for a row that is refused, and for one that the job reads itself.
        """
        row = self.scans[wildcards.scan]
        if row.study:
            return f"results/fetched/{row.scan}"
        return os.devnull if self.is_withheld(row) else row.image or os.devnull

    def image_files(self, wildcards: ScanWildcards) -> list[str]:
        """Return the files whose change redoes the scan."""
        row = self.scans[wildcards.scan]
        if row.study:
            return [f"results/fetched/{row.scan}"]
        return [] if self.is_withheld(row) else watched_files(row.image)

    def mask_files(self, wildcards: ScanWildcards) -> list[str]:
        """Return the files of the scan's mask; empty where damage is detected."""
        row = self.scans[wildcards.scan]
        return [] if self.is_withheld(row) else watched_files(row.mask)

    def withheld_state(self, wildcards: ScanWildcards) -> str:
        """Return what changes when the row or files of a scan do, whose names are withheld; empty for others."""
        row = self.scans[wildcards.scan]
        return state_of(row, self._secret_file(row)) if self.is_withheld(row) else ""

    def fetched_state(self, wildcards: ScanWildcards) -> str:
        """Return what changes when the series to fetch does, if its identifier is withheld; empty for others."""
        row = self.scans[wildcards.scan]
        fetched = [row.study, row.series.partition("#")[0]]
        return keyed_hash(fetched, self._secret_file(row)) if self.is_withheld(row) else ""

    def is_withheld(self, row: ScanRow) -> bool:
        """Return whether neither Snakemake nor a log may learn what the files and the series of a scan are called.

        Its products are de-identified, so its jobs read its row themselves.
        """
        return bool(self._secret_file(row)) and not row.refusal

    def _secret_file(self, row: ScanRow) -> str:
        """Return the file with the secret that the products of a scan are de-identified with; empty if none."""
        return str(row.settings.get("deidentify", self.config.restore.deidentify))

    def fetch_status(self, wildcards: ScanWildcards) -> list[str]:
        """Return the file with the outcome of fetching the scan; empty for a scan on the disk."""
        row = self.scans[wildcards.scan]
        return [f"results/fetched/{row.scan}.json"] if row.study else []

    def fetch_flags(self, wildcards: ScanWildcards) -> str:
        """Return the flags that name the series to fetch; `ingest` gets the volume in it, after a ``#``."""
        row = self.scans[wildcards.scan]
        if self.is_withheld(row):
            return flags(self._row_flags(row))
        return flags({"study": row.study, "series": row.series.partition("#")[0]})

    def ingest_flags(self, wildcards: ScanWildcards) -> str:
        """Return the flags of the scan's `ingest` job."""
        row = self.scans[wildcards.scan]
        limit = self.config.ingest_timeout_s
        of_scan = {"mask": row.mask, "fetched": "".join(self.fetch_status(wildcards)), "refusal": row.refusal}
        if self.is_withheld(row):
            of_scan |= {"mask": ""} | self._row_flags(row)
        return flags(of_scan | self._chosen(_INGEST, row) | {"timeout_s": limit})

    def batch_cases(self, wildcards: BatchWildcards) -> list[str]:
        """Return the case files of a batch."""
        return [f"results/work/cases/{scan}.npz" for scan in self.batches[wildcards.batch]]

    def batch_flags(self, wildcards: BatchWildcards) -> str:
        """Return the flags of a batch's `inpaint` job."""
        return flags(self._fill(wildcards))

    def network_files(self, wildcards: BatchWildcards) -> list[str]:
        """Return the files of the user's own weights or network; a batch whose row names a missing one fails."""
        fill, configured = self._fill(wildcards), self.config.restore
        weights, network = fill["weights"], fill["network"]
        files = [weights] if weights == configured.weights != "" else watched_files(weights)
        files += [network] if network == configured.network != "" else watched_files(network)
        return files + network_files(network)

    def _fill(self, wildcards: BatchWildcards) -> dict[str, Any]:
        """Return the parameters that fill the scans of a batch, which are the same for all of them."""
        return fill_of(self.scans[self.batches[wildcards.batch][0]], self.config)

    def scan_fills(self, wildcards: ScanWildcards) -> str:
        """Return the folder with the scan's fill."""
        return f"results/work/fills/{self._batch_of[wildcards.scan]}"

    def export_flags(self, wildcards: ScanWildcards) -> str:
        """Return the flags of the scan's `export` job."""
        row = self.scans[wildcards.scan]
        of_row = self._row_flags(row) if self.is_withheld(row) else {}
        return flags(of_row | self._chosen(_EXPORT, row))

    def evaluated_parts(self, _wildcards: object = None) -> list[str]:
        """Return the evaluations of all scans that one may name: those whose products are not de-identified.

        Raises:
            UsageError: all products are de-identified.
        """
        named = [name for name, row in self.scans.items() if not self.is_withheld(row)]
        if not named:
            raise UsageError(_NAMED)
        return [f"results/work/evaluation/{name}" for name in named]

    def evaluate_flags(self, wildcards: ScanWildcards) -> str:
        """Return the flags that evaluate engines on the scan; no hole is made in its mask.

        Raises:
            UsageError: its products are de-identified, and an evaluation would name it.
        """
        row = self.scans[wildcards.scan]
        if self.is_withheld(row):
            message = f"{row.scan}: {_NAMED}"
            raise UsageError(message)
        of_scan = {"avoid": row.mask, "person": row.person}
        shared = {"network": self.config.restore.network, **self.config.evaluate.model_dump()}
        return flags(of_scan | self._chosen(_EVALUATE, row) | shared)

    def evaluated_network(self, _wildcards: object = None) -> list[str]:
        """Return the files of the configured network, which evaluations score too; a row's own is not."""
        network = self.config.restore.network
        return [network, *network_files(network)] if network else []

    def corrupted_parts(self, _wildcards: object = None) -> list[str]:
        """Return the folders of damaged copies of all clean scans: those without a mask that a table may name.

        Raises:
            UsageError: there is no such scan, or the shares leave nothing for training.
        """
        named = [
            name for name, row in self.scans.items() if not (row.mask or row.refusal or self.is_withheld(row))
        ]
        if not named:
            raise UsageError(_CLEAN)
        return [f"results/corrupted/scans/{name}" for name in named]

    def corrupt_flags(self, wildcards: ScanWildcards) -> str:
        """Return the flags that make the damaged copies of the scan.

        Raises:
            UsageError: it is no clean scan that a table may name.
        """
        row = self.scans[wildcards.scan]
        if row.mask or self.is_withheld(row):
            message = f"{row.scan}: {_CLEAN}"
            raise UsageError(message)
        recipe = self.config.corrupt.model_dump(exclude={"validation", "test"})
        return flags({"person": row.person, "frame": row.settings.get("frame")} | recipe)

    def merge_flags(self) -> str:
        """Return the flags that split the persons of a data set of damaged scans."""
        return flags(self.config.corrupt.model_dump(include={"validation", "test", "seed"}))

    def server_flags(self) -> str:
        """Return the flags that say how to connect to the server, and behind them its address."""
        settings = self.config.pacs.model_dump()
        return f"{flags({name: settings[name] for name in _SERVER})} -- {quote(self.config.pacs.url)}"

    @cached_property
    def _batch_of(self) -> dict[str, str]:
        """The batch of each scan."""
        return {scan: batch for batch, scans in self.batches.items() for scan in scans}

    def _chosen(self, names: Iterable[str], row: ScanRow) -> dict[str, Any]:
        """Return the named parameters of a scan: those of its row, or else the configured ones.

        Parameters that say what is in the files of a scan are left out where its job reads its row itself.
        """
        chosen = {name: row.settings.get(name, getattr(self.config.restore, name, None)) for name in names}
        if self.is_withheld(row):
            chosen |= {name: None for name in OF_FILES if name in chosen and name in row.settings}
        return chosen

    def _row_flags(self, row: ScanRow) -> dict[str, Any]:
        """Return the flags by which a job finds the row of its scan."""
        return {"table": self.config.scans, "row": row.scan}


def make_plan(config: Mapping[str, Any]) -> Plan:
    """Return the plan of the cohort that a configuration describes.

    Args:
        config: the keys of config/config.yaml.

    Raises:
        UsageError: the configuration or the table is wrong, or no server is named for a scan to fetch.
        UnreadableError: the table cannot be read.
    """
    checked = read_config(config)
    rows = read_table(Path(checked.scans), quoting=not checked.restore.deidentify)
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
    return Plan(checked, {row.scan: row for row in rows}, batches_of(rows, checked))


def flags(settings: Mapping[str, Any]) -> str:
    """Return the command-line flags of settings, quoted for a shell; none for an empty or false one.

    A value is written as ``--flag=value``, so that no value is taken for a flag; a flag with several values is
    repeated.
    """
    words = []
    for name, value in settings.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value is not None and value is not False and value not in ("", (), []):
            items = value if isinstance(value, (tuple, list)) else (value,)
            words += [f"{flag}={quote(str(item))}" for item in items]
    return " ".join(words)
