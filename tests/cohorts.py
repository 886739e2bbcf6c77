"""The workflow, run on the folder of a cohort."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

from medpaint.cohort.launch import snakemake_command

ROOT = Path(__file__).resolve().parents[1]


def snakemake(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the workflow in `folder`."""
    command = snakemake_command(["--directory", str(folder), "--cores", "2", *options])
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def planned(folder: Path, *targets: str) -> set[str]:
    """Return the files that a run in `folder` would make, by a dry run in this process.

    Raises:
        WorkflowError: the run would be refused.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import DAGSettings, ExecutionSettings, OutputSettings, ResourceSettings

    files: list[str] = []
    with SnakemakeApi(OutputSettings(dryrun=True)) as api:
        workflow = api.workflow(ResourceSettings(cores=2), snakefile=ROOT / "Snakefile", workdir=folder)
        graph = workflow.dag(DAGSettings(targets=set(targets)))
        graph.execute_workflow("dryrun", execution_settings=ExecutionSettings(lock=False), updated_files=files)
    return set(files)


def summary(folder: Path) -> dict[str, dict[str, str]]:
    """Return the rows of the summary by scan."""
    with (folder / "results" / "summary.tsv").open(newline="") as file:
        return {row["scan"]: row for row in csv.DictReader(file, delimiter="\t")}
