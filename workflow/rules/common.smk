# The plan of the run: the package reads the configuration and the table, and gives the files and flags of each job.

from importlib.metadata import version

from snakemake.exceptions import WorkflowError

from medpaint.cohort.plan import make_plan
from medpaint.core.errors import MedpaintError
from medpaint.io.naming import SCAN_ID

try:
    PLAN = make_plan(config)
except MedpaintError as error:
    raise WorkflowError(str(error)) from error

VERSION = version("medpaint")


wildcard_constraints:
    scan=SCAN_ID.strip("^$"),
    batch=r"[A-Za-z0-9_.-]+-\d+",
