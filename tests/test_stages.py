"""The stages that take cohorts in, run as DVC runs them on a table of files some of which are bad."""

import subprocess
import sys

import pandas as pd
import pytest
from ruamel.yaml import YAML

from diffchest.contracts.image_store import ImageStore
from tests.helpers.cohort_roots import png
from tests.helpers.repository import ROOT

ROWS = 40


@pytest.fixture
def project(tmp_path):
    """A working folder whose cohort `hospital` has one file that is no image and one that is not there."""
    root = tmp_path / "root"
    root.mkdir()
    rows = pd.DataFrame({"image": [f"{number:02d}.png" for number in range(ROWS)]})
    rows["patient_id"] = [f"p{number // 2}" for number in range(ROWS)]
    rows["mass"] = [number % 2 for number in range(ROWS)]
    rows["site"] = ["north" if number < 5 else "south" for number in range(ROWS)]
    for number, name in enumerate(rows["image"]):
        (root / name).write_bytes(picture(number))
    (root / "07.png").write_bytes(b"no image")
    (root / "08.png").unlink()
    rows.to_csv(root / "images.csv", index=False)
    return tmp_path


def picture(number):
    """A gradient of its own: no two radiographs are equal."""
    return png((pd.Series(range(1024)) * (number + 1) // 7).to_numpy("uint8").reshape(32, 32))


def run(project, stage, *arguments, images=None, explain=None, **cohorts):
    """One stage with the committed parameters, `cohorts` and keys of `images` and `explain`."""
    yaml = YAML()
    params = yaml.load(ROOT / "params.yaml")
    table = {"format": "table", "root": "root", "table": "images.csv", "labels": ["mass"], "images": "all"}
    params["cohorts"] = {"datasets": ["hospital"], "max_rejected_fraction": 0.2, "hospital": table, **cohorts}
    params["evaluation"]["dataset"] = params["data_efficiency"]["dataset"] = "hospital"
    params["phantom"]["datasets"] = []
    params["data_efficiency"]["findings"] = ["mass"]
    params["images"].update(images or {})
    params["explain"].update(explain or {})
    yaml.dump(params, project / "params.yaml")
    command = [sys.executable, str(ROOT / "stages" / f"{stage}.py"), *arguments]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def done(result):
    assert result.returncode == 0, result.stderr
    return result


def test_bad_images_are_listed_with_their_reason_and_leave_the_numbers(project):
    done(run(project, "ingest", "hospital")), done(run(project, "split"))
    assert "1 rejected" in done(run(project, "build_lmdb")).stdout
    rejected = pd.read_csv(project / "reports/ingest/hospital_rejected.csv", dtype=str)
    assert rejected[["image_id", "source", "reason"]].to_numpy().tolist() == [
        ["hospital/07.png", "07.png", "not a PNG, JPEG or DICOM file"],
        ["hospital/08.png", "08.png", "image is not in the root"],
    ]
    stored = pd.read_parquet(project / "data/images.parquet")
    assert stored["image_id"].tolist() == ImageStore(project / "data/images.lmdb").ids()
    assert len(stored) == ROWS - 2
    flow = pd.read_csv(project / "reports/tables/decoding_flow.csv").set_index("step")["images"]
    assert flow["excluded: image cannot be decoded"] == 1
    assert not (project / "runs/build_lmdb").exists()


def test_too_many_bad_images_stop_after_the_list_is_written_and_nothing_is_lost(project):
    done(run(project, "ingest", "hospital")), done(run(project, "split"))
    stopped = run(project, "build_lmdb", max_rejected_fraction=0.02)
    assert stopped.returncode == 1
    assert "hospital: 1 of 39 images rejected" in stopped.stderr
    assert "1 x not a PNG, JPEG or DICOM file" in stopped.stderr
    assert "07.png" in (project / "reports/ingest/hospital_rejected.csv").read_text()
    assert not (project / "data/images.lmdb").exists()
    (project / "root" / "07.png").write_bytes(picture(7))
    assert "0 rejected" in done(run(project, "build_lmdb", max_rejected_fraction=0.02)).stdout
    stopped = run(project, "ingest", "hospital", max_rejected_fraction=0.02)
    assert "hospital: 1 of 40 images rejected" in stopped.stderr


def test_a_patient_with_two_roles_stops_the_split(project):
    table = {"format": "table", "root": "./root", "table": "images.csv", "labels": ["mass"]}
    cohorts = {
        "datasets": ["hospital", "more"],
        "hospital": {**table, "images": "present", "where": {"site": ["south"]}},
        "more": {**table, "root": "root", "images": "present", "use": "pretrain", "where": {"site": ["north"]}},
    }
    for name in cohorts["datasets"]:
        done(run(project, "ingest", name, **cohorts))
    stopped = run(project, "split", **cohorts)
    assert stopped.returncode == 1
    assert "1 patient(s) would have more than one role" in stopped.stderr
    assert "p2 of " in stopped.stderr
    assert not (project / "data/manifest.parquet").exists()


def test_equal_pixels_in_two_roles_stop_the_build_or_leave_the_copy_out(project):
    """The test set is chosen by chance: some of the first ten patients are in it and some are not."""
    for number in range(20):
        (project / "root" / f"{number:02d}.png").write_bytes(picture(0))
    done(run(project, "ingest", "hospital")), done(run(project, "split"))
    stopped = run(project, "build_lmdb")
    assert stopped.returncode == 1
    assert "20 radiographs in 1 groups have equal pixels across roles" in stopped.stderr
    assert not (project / "data/images.lmdb").exists()
    assert len(pd.read_csv(project / "data/equal_squares.csv")) == 20
    stale = project / "runs/build_lmdb/0123456789abcdef"
    stale.mkdir()
    (stale / "images.lmdb").write_bytes(bytes(3 * 10**6))
    built = done(run(project, "build_lmdb", images={"equal_squares": "drop"}))
    assert "0123456789abcdef: an unfinished build of other images or settings (3 MB), removed" in built.stderr
    roles = pd.read_parquet(project / "data/manifest.parquet").set_index("source")["role"]
    stored = pd.read_parquet(project / "data/images.parquet").set_index("source")["role"]
    copies = roles[[f"{number:02d}.png" for number in range(20)]]
    assert stored.to_dict() == roles.drop(copies.index[copies == "finetune"]).to_dict()
    flow = pd.read_csv(project / "reports/tables/decoding_flow.csv").set_index("step")["images"]
    assert flow["excluded: equal pixels in another role"] == (copies == "finetune").sum()
    listed = pd.read_csv(project / "reports/ingest/hospital_rejected.csv")["reason"]
    assert (listed == "its pixels equal those of a radiograph with role test").sum() == (copies == "finetune").sum()


def test_findings_that_no_label_is_called_are_told_before_anything_is_decoded(project):
    """All of them at once with near names; what is written is the same whatever is named, so that nothing waits."""
    table = pd.read_csv(project / "root" / "images.csv").assign(Lungenödem=0)
    table.to_csv(project / "root" / "images.csv", index=False)
    section = {"format": "table", "root": "root", "table": "images.csv", "labels": ["mass", "Lungenödem"]}
    options = {"hospital": section, "max_rejected_fraction": 0.2}
    done(run(project, "ingest", "hospital", **options)), done(run(project, "split", **options))
    misspelt = {"targets": ["Mass", "mass"], "kinds": {"Lungenodem": ["mass"]}}
    told = run(project, "check_names", explain=misspelt, **options)
    assert told.returncode == 1
    assert "explain.targets: hospital has no finding 'Mass'; did you mean 'mass'?" in told.stderr
    assert "explain.kinds.Lungenodem: hospital has no finding 'Lungenodem'; did you mean 'Lungenödem'?" in told.stderr
    assert not (project / "data" / "names_checked.txt").exists()
    told = run(project, "check_names", explain={"targets": ["Lungenödem"]}, **options)
    assert told.returncode == 1
    assert "no head can be fitted for any of them" in told.stderr
    told = done(run(project, "check_names", explain={"targets": ["mass", "Lungenödem"]}, **options))
    assert "left out" in told.stderr
    assert "'Lungenödem' (0 with it, " in told.stderr
    written = (project / "data" / "names_checked.txt").read_text()
    done(run(project, "check_names", explain={"targets": ["mass"]}, **options))
    assert (project / "data" / "names_checked.txt").read_text() == written


def test_nothing_abnormal_is_no_target_to_add_and_disease_free_radiographs_must_be_there(project):
    table = pd.read_csv(project / "root/images.csv")
    normal = {"labels": ["mass", "Kein Befund"], "format": "table", "root": "root", "table": "images.csv"}
    table.assign(**{"Kein Befund": 1 - table["mass"]}).to_csv(project / "root/images.csv", index=False)
    cohort = {"hospital": normal}
    done(run(project, "ingest", "hospital", **cohort)), done(run(project, "split", **cohort))
    stopped = run(project, "check_names", explain={"targets": ["mass", "Kein Befund"]}, **cohort)
    assert "'Kein Befund' says that nothing is there" in stopped.stderr
    done(run(project, "check_names", explain={"targets": ["mass"]}, **cohort))
    table.assign(**{"Kein Befund": 0, "mass": 1}).to_csv(project / "root/images.csv", index=False)
    done(run(project, "ingest", "hospital", **cohort)), done(run(project, "split", **cohort))
    stopped = run(project, "check_names", explain={"targets": ["mass"]}, **cohort)
    assert "test radiographs is disease-free" in stopped.stderr
