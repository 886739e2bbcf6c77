# The cohort's table, its batches, and the flags that the configuration stands for.

import csv
from importlib.metadata import version
from pathlib import Path
from shlex import quote

from snakemake.exceptions import WorkflowError
from snakemake.utils import validate

INGEST = (
    "labels",
    "invert_mask",
    "dilate_mm",
    "resample_mask",
    "absent_slices",
    "max_fraction",
)
INPAINT = ("effort", "weights", "device", "seed", "membrane")
EXPORT = ("edge_mm", "compress", "deidentify")
PACS = ("credentials", "authority", "calling", "receive")
EVALUATE = ("effort", "seed", "membrane")
SCORED = ("engines", "kinds", "holes")


def read_scans(path):
    """Return the rows of the cohort's table by scan."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = [
                {key: value or "" for key, value in row.items()}
                for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            ]
    except (OSError, UnicodeDecodeError) as error:
        raise WorkflowError(
            f"{path}: expected the table of the cohort, UTF-8 ('scans' in config/config.yaml names it): {error}"
        ) from error
    for row in rows:
        if None in row:
            raise WorkflowError(
                f"{path}: the row of {row.get('scan')} has more columns than the first line"
            )
        if bool(row.get("image")) == bool(row.get("study")):
            raise WorkflowError(
                f"{path}: the row of {row.get('scan')} names {'both' if row.get('image') else 'neither'} "
                "an image and a study; expected an image, or a study and a series to fetch"
            )
        try:
            validate(row, "../schemas/scans.schema.yaml")
        except WorkflowError as error:
            raise WorkflowError(
                f"{path}: the row of {row.get('scan')} is wrong: {error}"
            ) from error
    scans = {row["scan"]: row for row in rows}
    if not rows or len(scans) < len(rows):
        raise WorkflowError(f"{path}: expected at least one scan, and each scan once")
    return scans


def engine_of(scan):
    return SCANS[scan].get("engine") or RESTORE.get("engine", "auto")


def make_batches():
    """Return the scans of each inpaint job: of one engine each, in the order of the table."""
    by_engine = {}
    for scan in SCANS:
        by_engine.setdefault(engine_of(scan), []).append(scan)
    size = config["batch_size"]
    return {
        f"{engine}-{start // size:04d}": scans[start:][:size]
        for engine, scans in by_engine.items()
        for start in range(0, len(scans), size)
    }


def flags(settings, names):
    """Return the command-line flags of the named settings."""
    words = []
    for name in names:
        value = settings.get(name)
        if value is None or value == "" or value is False or value == []:
            continue
        words.append(f"--{name.replace('_', '-')}")
        if value is not True:
            words += [
                quote(str(item))
                for item in (value if isinstance(value, list) else [value])
            ]
    return " ".join(words)


def files_of(path):
    """Return the files that a path stands for; none where it does not exist, which is for ingest to tell.

    Names with braces are left out: Snakemake would take them for wildcards. They are read all the same.
    """
    place = Path(path)
    if not path or not place.exists():
        return []
    if place.is_dir():
        found = [str(file) for file in place.rglob("*") if file.is_file()]
    elif place.suffix in (".mhd", ".nhdr"):
        found = [
            str(file) for file in place.parent.iterdir() if file.stem == place.stem
        ]
    else:
        found = [path]
    return [file for file in sorted(found) if not set(file) & set("{}")]


def is_fetched(scan):
    """Return whether a scan comes from the server."""
    return bool(SCANS[scan].get("study"))


def image_files(wildcards):
    if is_fetched(wildcards.scan):
        return [f"results/fetched/{wildcards.scan}"]
    return files_of(SCANS[wildcards.scan]["image"])


def mask_files(wildcards):
    return files_of(SCANS[wildcards.scan].get("mask", ""))


def image_path(wildcards):
    if is_fetched(wildcards.scan):
        return f"results/fetched/{wildcards.scan}"
    return SCANS[wildcards.scan]["image"]


def fetch_status(wildcards):
    """Return the file that says what became of fetching a scan; nothing where it is on the disk."""
    scan = wildcards.scan
    return f"results/fetched/{scan}.json" if is_fetched(scan) else []


def fetch_flags(wildcards):
    """Return which series is fetched; the part of it that is restored, after a #, is for ingest."""
    row = SCANS[wildcards.scan]
    which = {"study": row["study"], "series": row["series"].partition("#")[0]}
    return flags(which, which)


def ingest_flags(wildcards):
    row = SCANS[wildcards.scan]
    fetched = {"fetched": fetch_status(wildcards)}
    return " ".join(
        [
            flags(row, ("mask", "series", "frame")),
            flags(fetched, fetched),
            flags(RESTORE, INGEST),
        ]
    )


def batch_cases(wildcards):
    return [f"results/work/cases/{scan}.npz" for scan in BATCHES[wildcards.batch]]


def weights_file(wildcards):
    """Return the file of weights of the user's own training, where there is one."""
    return RESTORE.get("weights") or []


def batch_flags(wildcards):
    engine = engine_of(BATCHES[wildcards.batch][0])
    return f"--engine {quote(engine)} {flags(RESTORE, INPAINT)}"


def scan_fills(wildcards):
    return f"results/work/fills/{BATCH_OF[wildcards.scan]}"


def export_flags(wildcards):
    return flags(RESTORE, EXPORT)


def evaluate_flags(wildcards):
    """Return what the scan's row and the configuration say; the row's mask is where no hole is scored."""
    row = {**SCANS[wildcards.scan], "avoid": SCANS[wildcards.scan].get("mask", "")}
    return " ".join(
        [
            flags(row, ("avoid", "series", "frame")),
            flags(RESTORE, EVALUATE),
            flags(config.get("evaluate", {}), SCORED),
        ]
    )


validate(config, "../schemas/config.schema.yaml")

RESTORE = config.get("restore", {})
SERVER = config.get("pacs", {})
SERVER_FLAGS = f"{quote(SERVER.get('url', ''))} {flags(SERVER, PACS)}"
VERSION = version("medpaint")
SCANS = read_scans(config["scans"])
if any(map(is_fetched, SCANS)) and not SERVER.get("url"):
    raise WorkflowError(
        f"{config['scans']}: expected the address of a server (pacs: url: in config/config.yaml) "
        "for the scans that name a study"
    )
BATCHES = make_batches()
BATCH_OF = {scan: batch for batch, scans in BATCHES.items() for scan in scans}


wildcard_constraints:
    scan=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    batch=r"[A-Za-z0-9_.-]+-\d{4}",
