"""The plan of a cohort: batches, and the files and flags of each job."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cohorts import planned
from dicom_phantom import Phantom
from snakemake.exceptions import WorkflowError

from medpaint.cohort.config import RestoreConfig
from medpaint.cohort.plan import Plan, make_plan
from medpaint.cohort.table import COLUMNS
from medpaint.core.errors import MedpaintError, UsageError
from medpaint.parameters import FIELDS

HEAD = "scan\timage\tstudy\tseries\tmask\tengine\tframe\n"


@dataclass(frozen=True)
class Wildcards:
    """What Snakemake passes to an input function."""

    scan: str = ""
    batch: str = ""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in the empty folder of a cohort."""
    (tmp_path / "config").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan_of(*rows: str, **config: Any) -> Plan:
    """Return the plan for rows of a table and keys of a configuration."""
    Path("config/scans.tsv").write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return make_plan(config)


def test_batches_have_one_engine_and_keep_the_order_of_the_table() -> None:
    rows = [f"s{number}\tx.nii\t\t\t\t{'nearest' if number % 2 else ''}\t" for number in range(5)]
    plan = plan_of(*rows, batch_size=2, restore={"engine": "harmonic"})
    assert plan.batches == {
        "harmonic-0000": ("s0", "s2"),
        "harmonic-0001": ("s4",),
        "nearest-0000": ("s1", "s3"),
    }
    assert plan.batch_cases(Wildcards(batch="nearest-0000")) == [
        "results/work/cases/s1.npz",
        "results/work/cases/s3.npz",
    ]
    assert plan.scan_fills(Wildcards(scan="s4")) == "results/work/fills/harmonic-0001"


def test_a_scan_on_the_disk_is_read_in_place() -> None:
    plan = plan_of("a\tscans/a.nii.gz\t\t\tmasks/a b.nii.gz\t\t2")
    scan = Wildcards(scan="a")
    assert plan.image_path(scan) == "scans/a.nii.gz"
    assert plan.fetch_status(scan) == []
    assert plan.ingest_flags(scan) == (
        "--mask='masks/a b.nii.gz' --frame=2 --dilate-mm=0.0 --max-fraction=0.5 --sensitivity=normal "
        "--repair=missing --repair=nonfinite --repair=block --timeout-s=3600.0"
    )
    assert plan.evaluate_flags(scan).startswith("--avoid='masks/a b.nii.gz' --frame=2 --effort=fast --seed=0")


def test_a_scan_on_the_server_is_fetched() -> None:
    server = {"url": "https://pacs.example/dicom-web", "credentials": "my key"}
    plan = plan_of("a\t\t1.2\t1.2.3#echo-time=4\t\t\t", pacs=server)
    scan = Wildcards(scan="a")
    assert plan.image_path(scan) == "results/fetched/a"
    assert plan.image_files(scan) == ["results/fetched/a"]
    assert plan.fetch_status(scan) == ["results/fetched/a.json"]
    assert plan.fetch_flags(scan) == "--study=1.2 --series=1.2.3"
    assert plan.ingest_flags(scan).startswith("--fetched=results/fetched/a.json --series='1.2.3#echo-time=4' ")
    assert plan.server_flags() == "--credentials='my key' --calling=MEDPAINT -- https://pacs.example/dicom-web"


def test_every_setting_of_a_cohort_reaches_a_job() -> None:
    settings: dict[str, Any] = {"labels": [1, "big one"], "compress": "rle", "deidentify": "key"}
    settings |= {"weights": "w", "network": "n"}
    settings |= dict.fromkeys(("invert_mask", "resample_mask", "membrane", "absent_slices"), True)
    plan = plan_of("a\ta.nii\t\t\t\t\t", restore=settings)
    scan, batch = Wildcards(scan="a"), Wildcards(batch="auto-0000")
    words = shlex.split(" ".join([plan.ingest_flags(scan), plan.batch_flags(batch), plan.export_flags(scan)]))
    assert names_of(words) == {*RestoreConfig.model_fields, "timeout_s", "table", "row"}
    assert [word for word in words if word.startswith("--labels")] == ["--labels=1", "--labels=big one"]


def test_the_jobs_of_a_deidentified_scan_read_its_row_themselves(folder: Path) -> None:
    (folder / "key").write_text("sixteen letters!\n")
    (folder / "key").chmod(0o600)
    scan = Wildcards(scan="a")
    row = "a\tDOE^JANE.nii\t\t1.2.333\tDOE^JANE-mask.nii\t\t"
    states = []
    for size in (1, 2):
        for name in ("DOE^JANE.nii", "DOE^JANE-mask.nii"):
            (folder / name).write_bytes(bytes(size))
        plan = plan_of(row, restore={"deidentify": "key", "engine": "nearest"})
        told = [plan.image_path(scan), *plan.image_files(scan), *plan.mask_files(scan), plan.ingest_flags(scan)]
        told += [plan.export_flags(scan), plan.withheld_state(scan)]
        assert "DOE" not in " ".join(told)
        assert "1.2.333" not in plan.ingest_flags(scan)
        assert plan.ingest_flags(scan).startswith("--table=config/scans.tsv --row=a ")
        states.append(plan.withheld_state(scan))
    assert states[0] != states[1]
    open_plan = plan_of(row)
    assert open_plan.image_files(scan) == ["DOE^JANE.nii"]
    assert open_plan.withheld_state(scan) == ""


def test_damaged_copies_are_made_of_clean_scans_that_may_be_named() -> None:
    Path("config/scans.tsv").write_text(
        "scan\timage\tmask\tperson\tdeidentify\tframe\n"
        "a\ta.nii\t\tanna\t\t2\nb\tb.nii\tm.nii\t\t\t\nc\tc.nii\t\t\tsecret\t\n"
    )
    plan = make_plan({"corrupt": {"kinds": ["noise", "spike"], "severities": [0.0, 1.0], "seed": 3, "test": 0.5}})
    assert plan.corrupted_parts() == ["results/corrupted/scans/a"]
    assert plan.corrupt_flags(Wildcards(scan="a")) == (
        "--person=anna --frame=2 --kinds=noise --kinds=spike --severities=0.0 --severities=1.0 --copies=1 --seed=3"
    )
    assert plan.merge_flags() == "--seed=3 --validation=0.2 --test=0.5"
    assert "--person=anna" in plan.evaluate_flags(Wildcards(scan="a"))
    for scan in ("b", "c"):
        with pytest.raises(UsageError, match=f"{scan}: expected a clean scan"):
            plan.corrupt_flags(Wildcards(scan=scan))


def test_damaged_copies_of_a_cohort_without_clean_scans_are_refused() -> None:
    with pytest.raises(UsageError, match="expected a clean scan"):
        plan_of("a\ta.nii\t\t\tm.nii\t\t").corrupted_parts()


def test_an_evaluation_leaves_out_deidentified_scans() -> None:
    Path("config/scans.tsv").write_text("scan\timage\tdeidentify\na\tx.nii\t\nb\ty.nii\tkey\n")
    plan = make_plan({})
    assert plan.evaluated_parts() == ["results/work/evaluation/a"]
    with pytest.raises(UsageError, match="b: expected a scan whose products are not de-identified"):
        plan.evaluate_flags(Wildcards(scan="b"))
    Path("config/scans.tsv").write_text("scan\timage\tdeidentify\nb\ty.nii\tkey\n")
    with pytest.raises(UsageError, match="expected a scan whose products are not de-identified"):
        make_plan({}).evaluated_parts()


def test_a_deidentified_scan_is_fetched_by_its_row(folder: Path) -> None:
    (folder / "key").write_text("sixteen letters!\n")
    (folder / "key").chmod(0o600)
    scan = Wildcards(scan="a")
    config = {"pacs": {"url": "https://pacs.example"}, "restore": {"deidentify": "key"}}
    states = set()
    for series, mask in (("1.2.840.7", ""), ("1.2.840.8", ""), ("1.2.840.8#time=1", "m.nii")):
        plan = plan_of(f"a\t\t1.2.840.1\t{series}\t{mask}\t\t", **config)
        assert plan.fetch_flags(scan) == "--table=config/scans.tsv --row=a"
        assert plan.image_path(scan) == "results/fetched/a"
        flags = plan.ingest_flags(scan)
        assert flags.startswith("--fetched=results/fetched/a.json --table=config/scans.tsv --row=a ")
        assert "1.2.840" not in flags + plan.fetched_state(scan) + plan.withheld_state(scan)
        states.add(plan.fetched_state(scan))
    assert len(states) == 2
    assert plan_of("a\t\t1.2.840.1\t1.2.840.7\t\t\t", pacs=config["pacs"]).fetched_state(scan) == ""


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("scan\timage\tdilate_mm", "a\tx\tDOE^JANE"),
        ("scan\timage", "DOE^JANE\tx"),
        ("scan\tstudy\tseries", "a\t1.2\tDOE^JANE"),
        ("DOE^JANE\tscan", "a\tx"),
        ("scan\timage", "a\tx\tDOE^JANE"),
        ("scan\timage\tdeidentify\tseed", "a\tx\tkey\tDOE^JANE"),
    ],
)
def test_refusals_of_a_table_of_deidentified_scans_quote_no_cell(folder: Path, head: str, row: str) -> None:
    (folder / "config" / "scans.tsv").write_text(f"{head}\n{row}\n")
    restore = {} if "deidentify" in head else {"deidentify": "key"}
    with pytest.raises(MedpaintError, match="withheld, because products are de-identified") as caught:
        make_plan({"restore": restore})
    assert "DOE" not in str(caught.value)
    assert "config/scans.tsv" in str(caught.value)


def names_of(words: list[str]) -> set[str]:
    """Return the parameters that flags give."""
    return {word[2:].partition("=")[0].replace("-", "_") for word in words}


def test_every_parameter_of_a_row_reaches_a_job_and_replaces_the_configured_one(folder: Path) -> None:
    values = "unet3d best w n cuda 3 yes true 2 1 0.7 1.5 rle yes 0 1.2 high"
    names = "engine effort weights network device seed membrane invert_mask dilate_mm resample_mask max_fraction"
    names = f"{names} edge_mm compress absent_slices frame series sensitivity"
    cells = {
        "scan": "a",
        "image": "a.nii",
        "labels": "1, big one,-2",
        "repair": "missing, dropout",
        **dict(zip(names.split(), values.split(), strict=True)),
    }
    assert set(cells) == set(COLUMNS) - {"study", "mask", "person", "deidentify"}
    (folder / "config" / "scans.tsv").write_text("\t".join(cells) + "\n" + "\t".join(cells.values()) + "\n")
    plan = make_plan({"restore": {"labels": [7], "seed": 9}})
    (name,) = plan.batches
    scan, batch = Wildcards(scan="a"), Wildcards(batch=name)
    words = shlex.split(" ".join([plan.ingest_flags(scan), plan.batch_flags(batch), plan.export_flags(scan)]))
    assert names_of(words) == {*FIELDS, "timeout_s"} - {"deidentify"}
    assert {"--labels=1", "--labels=big one", "--labels=-2", "--frame=0", "--seed=3", "--dilate-mm=2.0"} <= set(
        words
    )
    assert {"--repair=missing", "--repair=dropout", "--sensitivity=high"} <= set(words)
    assert not {"--labels=7", "--repair=block"} & set(words)


def test_a_row_can_switch_a_configured_parameter_off(folder: Path) -> None:
    (folder / "config" / "scans.tsv").write_text("scan\timage\tmembrane\na\ta.nii\tno\nb\tb.nii\t\n")
    plan = make_plan({"restore": {"membrane": True}})
    off, on = plan.batches
    assert "--membrane" not in plan.batch_flags(Wildcards(batch=off))
    assert "--membrane" in plan.batch_flags(Wildcards(batch=on))


def test_batches_are_filled_alike_and_rows_without_parameters_keep_theirs(folder: Path) -> None:
    rows = [
        "scan\timage\tengine\tseed\tdilate_mm",
        "a\tx",
        "b\tx\t\t5",
        "c\tx\t\t\t3",
        "d\tx\t\t5",
        "e\tx\tauto\t0",
    ]
    (folder / "config" / "scans.tsv").write_text("\n".join(rows) + "\n")
    plan = make_plan({})
    assert list(plan.batches.values()) == [("a", "c", "e"), ("b", "d")]
    assert next(iter(plan.batches)) == "auto-0000"
    assert re.fullmatch(r"auto-[0-9a-f]{8}-0000", list(plan.batches)[1])


def test_a_cell_that_no_job_can_take_fails_its_scan_alone(folder: Path) -> None:
    head = b"scan\timage\tmask\tengine\n"
    long, other = b"x" * 200_000, b"bad\tcaf\xe9.nii\n"
    rows = [b"a\t" + long, b"b\tb.nii\t" + long, b"c\tc.nii\t\t" + long, other, b"e\te\0.nii", b"f\tf.nii"]
    (folder / "config" / "scans.tsv").write_bytes(head + b"\n".join(row.strip() for row in rows) + b"\n")
    plan = make_plan({})
    reasons = {name: row.refusal for name, row in plan.scans.items()}
    assert re.match(
        r"config/scans.tsv, line 2, column image: expected at most 4095 bytes, got 200000", reasons["a"]
    )
    assert re.match(r"config/scans.tsv, line 3, column mask: ", reasons["b"])
    assert re.match(r"config/scans.tsv, line 4, column engine: expected at most 100 bytes", reasons["c"])
    assert reasons["bad"].endswith("column image: expected text in UTF-8 without control characters")
    assert reasons["e"].endswith("column image: expected text in UTF-8 without control characters")
    assert reasons["f"] == ""
    for name in "abce":
        assert f"--refusal='{reasons[name]}'" in plan.ingest_flags(Wildcards(scan=name))
        assert plan.image_files(Wildcards(scan=name)) == []
        assert len(plan.ingest_flags(Wildcards(scan=name))) < 500
    assert "--refusal" not in plan.ingest_flags(Wildcards(scan="f"))


def test_paths_that_look_like_flags_are_values() -> None:
    plan = plan_of("a\t-dash.nii.gz\t\t\t-none.nii.gz\t\t")
    assert plan.ingest_flags(Wildcards(scan="a")).startswith("--mask=-none.nii.gz ")
    assert plan.image_path(Wildcards(scan="a")) == "-dash.nii.gz"


def test_files_that_cannot_be_watched_do_not_stop_the_plan(folder: Path) -> None:
    Phantom(shape=(8, 8, 4)).write(
        folder / "series", ["1.dcm", os.fsdecode(b"caf\xe9.dcm"), "new\nline.dcm", "{x}.dcm"]
    )
    os.mkfifo(folder / "pipe.nii")
    (folder / "link.nii").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    paths = ["x" * 300, "pipe.nii", "/dev/zero", "link.nii", "loop", "loop/x.nii", "series"]
    plan = plan_of(*(f"s{number}\t{path}\t\t\t\t\t" for number, path in enumerate(paths)))
    watched = [plan.image_files(Wildcards(scan=scan)) for scan in plan.scans]
    assert watched == [[], [], [], [], [], [], ["series/1.dcm"]]


def test_weights_that_a_row_names_and_that_are_not_there_are_left_to_the_job(folder: Path) -> None:
    (folder / "config" / "scans.tsv").write_text("scan\timage\tengine\tweights\na\ta.nii\tunet3d\tnone\n")
    plan = make_plan({})
    batch = Wildcards(batch=next(iter(plan.batches)))
    assert plan.network_files(batch) == []
    assert "--weights=none" in plan.batch_flags(batch)


def test_the_engine_of_a_row_replaces_the_configured_one_and_its_weights() -> None:
    plan = plan_of("a\ta.nii\t\t\t\tnearest\t", restore={"engine": "unet3d", "weights": "w.safetensors"})
    batch = Wildcards(batch="nearest-0000")
    assert plan.batch_flags(batch).startswith("--engine=nearest --effort=fast")
    assert "--weights" not in plan.batch_flags(batch)
    assert plan.network_files(batch) == []


def test_weights_go_to_the_batches_of_the_configured_engine() -> None:
    plan = plan_of("a\ta.nii\t\t\t\t\t", restore={"engine": "unet3d", "weights": "w.safetensors"})
    batch = Wildcards(batch="unet3d-0000")
    assert "--weights=w.safetensors" in plan.batch_flags(batch)
    assert plan.network_files(batch) == ["w.safetensors"]


def test_a_network_is_watched_with_the_files_that_its_description_names(folder: Path) -> None:
    for name in ("b/net.yaml", "b/w.safetensors", "b/configs/inference.json", "b/models/model.safetensors"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    plan = plan_of("a\ta.nii\t\t\t\t\t", restore={"engine": "monai", "network": "b/net.yaml"})
    batch = Wildcards(batch="monai-0000")
    (folder / "b/net.yaml").write_text("network: a:B\nweights: w.safetensors\n", encoding="utf-8")
    assert plan.network_files(batch) == ["b/net.yaml", "b/w.safetensors"]
    (folder / "b/net.yaml").write_text("bundle: .\n", encoding="utf-8")
    assert plan.network_files(batch) == [
        "b/net.yaml",
        "b/configs/inference.json",
        "b/models/model.safetensors",
    ]
    scan = Wildcards(scan="a")
    assert plan.evaluated_network(scan) == plan.network_files(batch)
    assert "--network=b/net.yaml" in plan.evaluate_flags(scan)
    (folder / "b/net.yaml").write_text("[", encoding="utf-8")
    assert plan.network_files(batch) == ["b/net.yaml"]


def test_the_engine_of_a_row_replaces_the_configured_network() -> None:
    plan = plan_of("a\ta.nii\t\t\t\tnearest\t", restore={"engine": "monai", "network": "net.yaml"})
    assert "--network" not in plan.batch_flags(Wildcards(batch="nearest-0000"))


def test_all_files_of_a_scan_are_watched(folder: Path) -> None:
    header = "NDims = 3\nDimSize = 2 2 2\nElementType = MET_UCHAR\nElementDataFile = voxels.raw\n"
    (folder / "a.mhd").write_text(header)
    (folder / "voxels.raw").write_bytes(bytes(8))
    names = ["1.dcm", "2.dcm", "3.dcm", "{x}.dcm"]
    Phantom().write(folder / "series", names)
    (folder / "broken.nii").write_bytes(b"nothing")
    plan = plan_of("a\ta.mhd\t\t\tabsent.nii\t\t", "s\tseries\t\t\tbroken.nii\t\t")
    assert sorted(plan.image_files(Wildcards(scan="a"))) == ["a.mhd", "voxels.raw"]
    assert plan.image_files(Wildcards(scan="s")) == [f"series/{name}" for name in names[:3]]
    assert plan.mask_files(Wildcards(scan="a")) == []
    assert plan.mask_files(Wildcards(scan="s")) == ["broken.nii"]


@pytest.mark.parametrize(
    ("rows", "config", "message"),
    [
        (
            ["a\tx\t\t\t\t\t", "a\ty\t\t\t\t\t"],
            {},
            "scans.tsv, line 3: expected each scan once, got a more than once: it is in line 2 too",
        ),
        ([], {}, "scans.tsv: expected at least one scan, got none"),
        (["a\t\t1.2\t1.2.3\t\t\t"], {}, "expected the address of a server for a"),
        (["a\tx\t\t\t\t\t"], {"colour": "red"}, "the configuration, colour: extra inputs are not permitted"),
        (["a\tx\t\t\t\t\t"], {"restore": {"dilate_mm": -1}}, r"restore.dilate_mm: .* greater than .*, got -1"),
        (["a\tx\t\t\t\t\t"], {"restore": {"seed": "3"}}, r"restore.seed: .* valid integer, got '3'"),
        (["a\tx\t\t\t\t\t"], {"scans": "absent.tsv"}, "absent.tsv: expected the table of a cohort's scans"),
    ],
)
def test_wrong_tables_and_settings_are_refused(rows: list[str], config: dict[str, Any], message: str) -> None:
    with pytest.raises(MedpaintError, match=message) as caught:
        plan_of(*rows, **config)
    assert "\n" not in str(caught.value)


def test_thousands_of_scans_are_planned_in_seconds() -> None:
    rows = [f"s{number}\tscans/s{number}.nii.gz\t\t\t\t\t" for number in range(2000)]
    started = time.process_time()
    plan = plan_of(*rows)
    for scan in map(Wildcards, plan.scans):
        plan.image_files(scan)
        plan.ingest_flags(scan)
        plan.scan_fills(scan)
        plan.export_flags(scan)
    assert time.process_time() - started < 2


def test_the_plan_loads_no_image_library() -> None:
    heavy = {"torch", "nibabel", "pydicom", "SimpleITK", "scipy"}
    script = f"import sys, medpaint.cohort.plan; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_run_makes_a_record_for_each_scan_and_the_summary(folder: Path) -> None:
    (folder / "a.nii").touch()
    rows = "a\ta.nii\t\t\t\t\t\nb\t\t1.2\t1.2.3\t\tnearest\t\n"
    (folder / "config" / "scans.tsv").write_text(f"{HEAD}{rows}")
    (folder / "config" / "config.yaml").write_text("pacs: {url: 'https://pacs.example'}\n")
    assert planned(folder) == {
        "results/work/cases/a.npz",
        "results/work/cases/b.npz",
        "results/fetched/b",
        "results/fetched/b.json",
        "results/work/fills/auto-0000",
        "results/work/fills/nearest-0000",
        "results/restored/a/a_record.json",
        "results/restored/b/b_record.json",
        "results/summary.tsv",
        "results/complete",
    }


def test_a_run_of_a_wrong_cohort_is_refused_in_one_line(folder: Path) -> None:
    plan_of("a\ta.nii\t\t\t\t\t")
    (folder / "config" / "config.yaml").write_text("restore: {dilate_mm: -1}\n")
    with pytest.raises(WorkflowError, match=re.escape("the configuration, restore.dilate_mm: ")):
        planned(folder)
