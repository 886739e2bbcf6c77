"""The workflow, run on the folder of a cohort."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

from medpaint.cohort.launch import snakemake_command


def snakemake(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the workflow in `folder`."""
    command = snakemake_command(["--directory", str(folder), "--cores", "2", *options])
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def summary(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of the summary by scan."""
    with (folder / "results" / "summary.tsv").open(newline="") as file:
        return {row["scan"]: row for row in csv.DictReader(file, delimiter="\t")}
