"""A cohort whose scans come from Orthanc and whose products go back there, run by the real Snakemake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import yaml
from cohorts import planned, snakemake, summary
from dicom_phantom import Phantom
from orthanc import PASSWORD, USER, free_port, missing, orthanc
from scans import save

from medpaint.audit.find import find_records
from medpaint.audit.verify import verify
from medpaint.cli.main import main
from medpaint.io.dicom import read_series
from medpaint.pacs import Credentials, connect

pytestmark = [pytest.mark.slow, pytest.mark.orthanc]

SHAPE = (24, 26, 12)


def table_of(url: str, key: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the cohort's table that the command line prints."""
    assert main(["pacs", "find", url, "StudyInstanceUID=1.2.3", "--key", str(key)]) == 0
    return capsys.readouterr().out


def configure(folder: Path, url: str) -> None:
    config = {"pacs": {"url": url}, "restore": {"engine": "nearest"}}
    (folder / "config" / "config.yaml").write_text(yaml.safe_dump(config))


def test_a_cohort_is_fetched_restored_and_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if reason := missing():
        pytest.skip(reason)
    (tmp_path / "server").mkdir()
    (tmp_path / "config").mkdir()
    key = tmp_path / "key"
    key.write_text("0123456789abcdef")
    key.chmod(0o600)
    monkeypatch.setenv("MEDPAINT_PACS_USER", USER)
    monkeypatch.setenv("MEDPAINT_PACS_PASSWORD", PASSWORD)
    phantom = Phantom(shape=SHAPE, series="1.2.3.7")
    with orthanc(tmp_path / "server") as addresses:
        server = connect(addresses.web, credentials=Credentials(USER, PASSWORD))
        server.store(phantom.write(tmp_path / "scan"))
        mask = np.zeros((26, 24, 12), np.uint8)
        mask[10:14, 9:14, 4:7] = 1
        save(mask, tmp_path / "mask.nii.gz", phantom.affine())
        head, row = table_of(addresses.web, key, capsys).splitlines()
        name = row.split("\t")[0]
        assert (head, row) == ("scan\tstudy\tseries", f"{name}\t1.2.3\t1.2.3.7")
        rows = [f"{head}\tmask", f"{row}\tmask.nii.gz", "absent\t1.2.3\t1.2.3.8\t"]
        (tmp_path / "config" / "scans.tsv").write_text("\n".join(rows) + "\n")
        configure(tmp_path, f"http://127.0.0.1:{free_port()}/dicom-web")
        away = snakemake(tmp_path)
        assert away.returncode == 1
        assert not list((tmp_path / "results" / "restored").rglob("*"))
        configure(tmp_path, addresses.web)
        done = snakemake(tmp_path)
        assert done.returncode == 1, done.stdout
        rows_by_scan = summary(tmp_path)
        assert rows_by_scan[name]["status"] == "restored"
        assert rows_by_scan["absent"]["status"] == "failed"
        assert "expected series 1.2.3.8" in rows_by_scan["absent"]["reason"]
        assert all(verify(record).holds for record in find_records([tmp_path / "results" / "restored" / name]))
        assert snakemake(tmp_path, "store").returncode == 0
        configure(tmp_path, addresses.entity)
        assert not [name for name in planned(tmp_path) if name.startswith("results/fetched")]
        configure(tmp_path, addresses.web)
        server.store(Phantom(shape=SHAPE, series="1.2.3.8").write(tmp_path / "late"))
        assert snakemake(tmp_path, "--forcerun", "results/fetched/absent.json").returncode == 0
        assert summary(tmp_path)["absent"]["status"] == "nothing to repair"
        products = tmp_path / "results" / "restored" / name / f"{name}_restored"
        uid = pydicom.dcmread(next(products.iterdir())).SeriesInstanceUID
        server.fetch("1.2.3", uid, tmp_path / "again")
        stored = {one.modality for one in server.series({"StudyInstanceUID": "1.2.3"})}
    np.testing.assert_array_equal(read_series(tmp_path / "again")[0].data, read_series(products)[0].data)
    assert stored == {"CT", "SEG"}
    for log in (tmp_path / "results" / "logs").rglob("*.log"):
        assert PASSWORD not in log.read_text(), log
