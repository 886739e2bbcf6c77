"""Run Snakemake on a cohort."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from medpaint.core.errors import InputError

__all__ = ["run_snakemake", "snakemake_command"]


def run_snakemake(options: Sequence[str], *, to_stderr: bool = False) -> int:
    """Run the workflow and return Snakemake's exit code.

    Its jobs call the `medpaint` of this environment, even if that is not on the user's path.

    Args:
        options: options of Snakemake.
        to_stderr: send Snakemake's stdout to stderr.
    """
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    environment = {**os.environ, "PATH": os.pathsep.join(places)}
    out = sys.stderr if to_stderr else None
    return subprocess.run(snakemake_command(options), check=False, env=environment, stdout=out).returncode


def snakemake_command(options: Sequence[str]) -> list[str]:
    """Return the command that runs the workflow: on all cores, by the default profile, or as `options` say."""
    base = _cohort_folder()
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(base / "Snakefile"), *options]
    given = {option.split("=")[0] for option in options}
    if not given & {"--cores", "--jobs"} and not any(option.startswith(("-c", "-j")) for option in options):
        words += ["--cores", "all"]
    if not given & {"--profile", "--workflow-profile"}:
        words += ["--workflow-profile", str(base / "profiles" / "default")]
    return words


def _cohort_folder() -> Path:
    """Return the folder of the workflow: the working folder if it is a checkout, otherwise the installed copy."""
    package = Path(__file__).resolve().parents[1]
    for base in (Path.cwd(), package / "_cohort", package.parents[1]):
        if (base / "Snakefile").is_file() and (base / "workflow" / "rules" / "inpaint.smk").is_file():
            return base
    message = "expected the workflow in the working folder or the package, found it in neither: reinstall medpaint"
    raise InputError(message)
