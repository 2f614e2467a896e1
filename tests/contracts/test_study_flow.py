"""The study flow counts images and patients."""

from diffchest.contracts.study_flow import Flow, role_flow
from tests.helpers.manifests import images


def test_flow_counts_images_and_patients():
    cohort = images(patient_id=["a/1", "a/1", "a/2", ""], role=["finetune", "finetune", "test", "test"])
    flow = Flow()
    kept = flow.keep(cohort, cohort["patient_id"] != "a/2", kept="kept", dropped="dropped")
    assert len(kept) == 3
    assert flow.table().to_numpy().tolist() == [["excluded: dropped", 1, 1], ["kept", 3, 1]]
    roles = role_flow(cohort.iloc[:3].assign(source=["x", "", "x"])).to_numpy().tolist()
    assert roles == [
        ["finetune, listed", 2, 1],
        ["test, listed", 1, 1],
        ["excluded: image not present", 1, 1],
        ["finetune", 1, 1],
        ["test", 1, 1],
    ]
