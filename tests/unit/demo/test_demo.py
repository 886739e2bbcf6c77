"""The demo on small stand-ins: the cohort that it makes, and the scores of its products."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dicom_phantom import Phantom
from scans import hole, phantom, save, voxels_of

from medpaint.cohort.config import CohortConfig
from medpaint.cohort.table import read_table
from medpaint.core.errors import UsageError
from medpaint.demo.cohort import make_cohort
from medpaint.demo.scans import DEMO_SCANS, DemoScan
from medpaint.demo.scores import Score, score_cohort
from medpaint.io.reading import read_scan
from medpaint.parameters import Parameters
from medpaint.pipeline.restore import restore
from medpaint.pipeline.write import failure_record
from medpaint.record.file import write_record

PACKAGE = "scans_of_the_demo"
HEAD = phantom()[8:24, 9:27, 8:22].copy()
HOLE = hole()[8:24, 9:27, 8:22].copy()
GAP = np.zeros(HEAD.shape, bool)
GAP[:, :, 7] = True

DRAWN = DemoScan("drawn", "a head with a hole", (PACKAGE, "head.nii.gz"), lambda _: HOLE)
FOUND = DemoScan("found", "a frame with a gap", (PACKAGE, "4d.nii.gz"), lambda _: GAP, with_mask=False, frame=1)
CT = DemoScan(
    "ct", "a series with a hole", (PACKAGE, "series"), lambda scan: scan.data > np.percentile(scan.data, 99)
)


@pytest.fixture(autouse=True)
def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a package with scans."""
    package = tmp_path / "packages" / PACKAGE
    save(HEAD, package / "head.nii.gz")
    save(np.stack([HEAD, HEAD + np.int16(1)], axis=3), package / "4d.nii.gz")
    Phantom(shape=(20, 18, 6)).write(package / "series")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(package.parent)


def restored(folder: Path, scan: DemoScan) -> None:
    """Restore one scan of a cohort as the workflow does, with a quick engine."""
    (row,) = [row for row in read_table(folder / "config" / "scans.tsv") if row.scan == scan.name]
    mask = str(folder / row.mask) if row.mask else None
    output = folder / "results" / "restored" / scan.name
    restore(folder / str(row.image), mask, output=output, name=scan.name, engine="nearest", frame=scan.frame)


def test_cohort_has_damaged_scans_masks_table_and_configuration(tmp_path: Path) -> None:
    make_cohort(tmp_path, (DRAWN, FOUND, CT))
    rows = {row.scan: row for row in read_table(tmp_path / "config" / "scans.tsv")}
    assert list(rows) == ["drawn", "found", "ct"]
    assert [row.mask for row in rows.values()] == ["scans/drawn_mask.nii.gz", "", "scans/ct_mask.nii.gz"]
    assert rows["found"].settings == {"frame": 1}
    CohortConfig.model_validate_json((tmp_path / "config" / "config.yaml").read_text())

    np.testing.assert_array_equal(voxels_of(tmp_path / "scans" / "drawn_mask.nii.gz") != 0, HOLE)
    damaged = voxels_of(tmp_path / "scans" / "drawn.nii.gz")
    np.testing.assert_array_equal(damaged[~HOLE], HEAD[~HOLE])
    assert (damaged[HOLE] == HEAD.min()).all()
    frames = voxels_of(tmp_path / "scans" / "found.nii.gz")
    np.testing.assert_array_equal(frames[..., 0], HEAD)
    assert (frames[:, :, 7, 1] == HEAD.min() + 1).all()
    series, _ = read_scan(tmp_path / "scans" / "ct")
    assert series.data.max() < read_scan(tmp_path / "packages" / PACKAGE / "series")[0].data.max()


def test_second_run_leaves_table_and_configuration_alone(tmp_path: Path) -> None:
    make_cohort(tmp_path, (DRAWN,))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "config").iterdir()}
    make_cohort(tmp_path, (DRAWN,))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "config").iterdir()} == before
    make_cohort(tmp_path, (DRAWN, FOUND))
    assert len(read_table(tmp_path / "config" / "scans.tsv")) == 2


def test_products_are_scored_and_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    make_cohort(tmp_path, (DRAWN, FOUND))
    for scan in (DRAWN, FOUND):
        restored(tmp_path, scan)
    drawn, found = score_cohort(tmp_path, (DRAWN, FOUND))
    assert (drawn.scan, drawn.status, drawn.engine) == ("drawn", "restored", "nearest")
    assert drawn.repaired_ml == pytest.approx(np.count_nonzero(HOLE) * 0.008)
    for score in (drawn, found):
        assert score.identical
        assert score.damaged_psnr_db < min(score.psnr_db, score.smooth_psnr_db, score.exemplar_psnr_db)
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["drawn.png", "found.png"]


def test_change_outside_the_mask_is_noticed(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    make_cohort(tmp_path, (DRAWN,))
    changed = voxels_of(tmp_path / "scans" / "drawn.nii.gz").copy()
    changed[0, 0, 0] += 1
    save(changed, tmp_path / "scans" / "drawn.nii.gz")
    restored(tmp_path, DRAWN)
    assert not score_cohort(tmp_path, (DRAWN,))[0].identical


def test_failed_scan_has_a_reason_and_no_score(tmp_path: Path) -> None:
    products = tmp_path / "results" / "restored" / "drawn"
    products.mkdir(parents=True)
    write_record(failure_record("no luck", Parameters()), products / "drawn_record.json")
    (score,) = score_cohort(tmp_path, (DRAWN,))
    assert score.status == "failed: no luck"
    assert np.isnan(score.psnr_db)
    assert isinstance(score, Score)


def test_missing_package_is_named() -> None:
    absent = DemoScan("x", "x", ("no_such_package", "x.nii"), lambda _: HOLE)
    with pytest.raises(UsageError, match="no_such_package"):
        absent.truth()


def test_scans_of_the_demo_have_different_names() -> None:
    assert len({scan.name for scan in DEMO_SCANS}) == len(DEMO_SCANS)
