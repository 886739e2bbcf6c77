"""How Snakemake is called on a cohort."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from medpaint.core.errors import InputError

__all__ = ["snakemake_command"]


def snakemake_command(options: Sequence[str]) -> list[str]:
    """Return the command that runs the workflow, on all cores by the default profile unless `options` differ."""
    snakefile, profile = _cohort_files()
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), *options]
    given = {option.split("=")[0] for option in options}
    if not given & {"--cores", "-c", "--jobs", "-j"}:
        words += ["--cores", "all"]
    if not given & {"--profile", "--workflow-profile"}:
        words += ["--workflow-profile", str(profile)]
    return words


def _cohort_files() -> tuple[Path, Path]:
    """Return the Snakefile and the profile: the working folder's, else those that came with the package."""
    package = Path(__file__).resolve().parent
    for base in (Path.cwd(), package / "_cohort", package.parents[1]):
        if (base / "Snakefile").is_file() and (base / "profiles" / "default").is_dir():
            return base / "Snakefile", base / "profiles" / "default"
    message = "expected a Snakefile with profiles/default in this folder or in the package, found none"
    raise InputError(message)
