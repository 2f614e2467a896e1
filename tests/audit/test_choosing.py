"""Which radiographs findings are put into: half healthy, half with every finding in turn, no patient twice."""

import pandas as pd
import pytest

from diffchest.audit.choosing import choose_audited
from diffchest.findings.vocabulary import DRAWN
from diffchest.params.interventions import InterventionsParams


class FakeDataset:
    """90 radiographs of 60 patients: every third is disease-free, the others have one finding or two."""

    def __init__(self, uncertain_rows=()):
        names = [f"padchest/{row:02d}" for row in range(90)]
        self.manifest = pd.DataFrame({"image_id": names, "patient_id": [str(row % 60) for row in range(90)]})
        self.table = pd.DataFrame(0.0, index=pd.Index(names, name="image_id"), columns=["normal", *DRAWN[:4], "dust"])
        for row, name in enumerate(names):
            if row % 3 == 0:
                self.table.loc[name, "normal"] = 1
            else:
                self.table.loc[name, [DRAWN[row % 3], "dust"]] = 1
        self.table.loc[names[1], DRAWN[3]] = 1  # one positive is not more than one
        self.uncertain = [names[row] for row in uncertain_rows]

    def rows(self, *roles):
        assert roles == ("test",)
        return self.manifest

    def labels(self, *roles, uncertain=None):
        assert roles == ("test",)
        labels = self.table.copy()
        value = {"ones": 1.0, "zeros": 0.0, None: float("nan")}[uncertain]
        labels.loc[self.uncertain, DRAWN[0]] = value
        return labels


def chosen(dataset, number=20, seed=0, on_phantoms=True):
    settings = InterventionsParams(radiographs=number, random_directions=2, seed=seed)
    return choose_audited(dataset, settings, positives_above=1, on_phantoms=on_phantoms)


def test_half_are_healthy_and_findings_take_turns():
    dataset = FakeDataset()
    ids, present = chosen(dataset)
    assert len(ids) == len(set(ids)) == 20
    labels = dataset.table.loc[ids]
    assert labels["normal"].tolist() == [1.0] * 10 + [0.0] * 10
    patients = dataset.manifest.set_index("image_id").loc[ids, "patient_id"]
    assert patients.is_unique
    assert list(present.columns) == sorted(DRAWN[1:3])  # frequent, and a phantom shows them
    assert present.sum().tolist() == [5, 5]
    assert (present == (labels[present.columns] == 1)).all(axis=None)
    assert "dust" in chosen(dataset, on_phantoms=False)[1].columns


def test_they_follow_the_seed_and_not_the_order_of_rows():
    dataset = FakeDataset()
    first = chosen(dataset)[0]
    assert chosen(dataset)[0] == first
    assert chosen(dataset, seed=1)[0] != first


def test_who_may_have_a_disease_is_not_healthy():
    suspects = list(range(0, 90, 3))[:25]
    ids, _ = chosen(FakeDataset(suspects), number=40)
    assert not {f"padchest/{row:02d}" for row in suspects} & set(ids)


@pytest.mark.parametrize("number", [4, 61, 500])
def test_there_are_at_most_as_many_as_patients(number):
    ids, present = chosen(FakeDataset(), number=number)
    assert len(ids) == len(present) <= min(number, 60)
