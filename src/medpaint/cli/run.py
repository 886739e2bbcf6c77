"""`medpaint run`: a thin call of Snakemake on the cohort of the working folder."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from medpaint.cli.check import failures
from medpaint.core.errors import InputError, PartialFailureError

__all__ = ["cohort_files", "configure", "execute"]

SUMMARY = Path("results/summary.tsv")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: all that are not known here go to Snakemake as they are."""
    parser.usage = "medpaint run [--json] [SNAKEMAKE OPTIONS]"
    parser.description = (
        "Restore the cohort of config/scans.tsv. Takes every option of snakemake (default: --cores all)."
    )
    parser.set_defaults(passes_on=True)


def execute(parsed: argparse.Namespace) -> int:
    """Run the workflow; some scans failed is exit code 4, a workflow that broke Snakemake's own."""
    snakefile, profile = cohort_files()
    options = list(parsed.rest)
    if not {"--cores", "-c", "--jobs", "-j"} & {option.split("=")[0] for option in options}:
        options += ["--cores", "all"]
    if not any(option.startswith(("--profile", "--workflow-profile")) for option in options):
        options += ["--workflow-profile", str(profile)]
    before = SUMMARY.stat().st_mtime_ns if SUMMARY.exists() else 0
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), *options]
    done = subprocess.run(command, check=False, stdout=sys.stderr if parsed.json else None)
    failed = failures(SUMMARY) if SUMMARY.exists() else {}
    if done.returncode and failed and SUMMARY.stat().st_mtime_ns >= before:
        message = f"{len(failed)} of the scans failed, see {SUMMARY}: " + ", ".join(failed)
        raise PartialFailureError(message)
    if parsed.json:
        print(
            json.dumps(
                {"status": "failed" if done.returncode else "done", "summary": str(SUMMARY), "failed": failed}
            )
        )
    return done.returncode


def cohort_files() -> tuple[Path, Path]:
    """Return the Snakefile and the profile: the working folder's, else those that came with the package."""
    if Path("Snakefile").is_file() and Path("profiles/default").is_dir():
        return Path("Snakefile").resolve(), Path("profiles/default").resolve()
    package = Path(__file__).resolve().parents[1]
    for base in (package / "_cohort", package.parents[1]):
        if (base / "Snakefile").is_file():
            return base / "Snakefile", base / "profiles" / "default"
    message = "expected a Snakefile in this folder or in the package, found none"
    raise InputError(message)
