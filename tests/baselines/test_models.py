"""Models whose scores or features are given, and CheXzero without its files."""

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from diffchest.baselines import models
from diffchest.baselines.models import BaselineParams, Task, score
from diffchest.contracts.dataset import Dataset
from diffchest.errors import DataError
from diffchest.params.baselines import ScoredModels

N = 200
IDS = [f"set/{number}" for number in range(N)]


@pytest.fixture
def raw(root):
    """The committed parameters, to be changed."""
    return YAML(typ="safe").load(root / "params.yaml")


def test_only_users_files_may_lack_test_images(raw):
    raw["baselines"]["own"] = {"scores": "own.csv"}
    params = ScoredModels.parse(raw)
    assert [params.least_scored(model) for model in ("diffchest", "pca", "own")] == [1.0, 1.0, 0.5]


class GivenLabels(Task):
    """A task whose labels need no files: `edema` follows the first feature."""

    def labels(self, image_ids):
        known = pd.DataFrame({"edema": np.arange(N) % 2 * 1.0, "mass": np.arange(N) % 3 == 0}, index=IDS)
        return known.loc[list(image_ids)].astype(np.float64)


@pytest.fixture
def task(raw, tmp_path):
    raw["baselines"] |= {"own": {"scores": str(tmp_path / "own.csv")}, "encoder": {"features": str(tmp_path / "e.npz")}}
    manifest = pd.DataFrame({"image_id": IDS, "patient_id": [f"p{row // 2}" for row in range(N)]})

    def make(model):
        return GivenLabels(BaselineParams.parse(raw, key=model), Dataset("padchest", manifest), IDS[:120], IDS[120:])

    return make


def test_features_are_matched_to_labels_and_images_by_id(task, tmp_path):
    """The file's rows are in another order; the second feature is the label, so a mistaken order would not find it."""
    order = np.random.default_rng(0).permutation(N)
    features = np.stack([np.random.default_rng(1).normal(size=N), np.arange(N) % 2 * 2.0 - 1], axis=1)
    np.savez(tmp_path / "e.npz", image_id=np.array(IDS)[order], features=features[order])
    scored = score(task("encoder"))
    assert scored.image_ids == IDS[120:]
    np.testing.assert_array_equal(scored.scores["edema"] > 0.5, np.arange(120, N) % 2 == 1)


def test_a_score_file_is_taken_by_id(task, tmp_path):
    table = pd.DataFrame({"image_id": IDS[120:190], "mass": np.arange(70.0)}).iloc[::-1]
    table.to_csv(tmp_path / "own.csv", index=False)
    scored = score(task("own"))
    assert scored.image_ids == IDS[120:190]
    assert scored.scores["mass"].tolist() == list(range(70))
    assert scored.table["scored"].tolist() == [False, True]


@pytest.fixture
def chexzero(root, monkeypatch):
    """The stage's task with the committed parameters, some of them changed, and one finding."""
    monkeypatch.setattr(models.Task, "labels", lambda task, image_ids: pd.DataFrame(columns=["edema"]))

    def make(**changes):
        raw = YAML(typ="safe").load(root / "params.yaml")
        raw["baselines"]["chexzero"] |= changes
        return models.Task(
            models.BaselineParams.parse(raw, key="chexzero"), Dataset("set", pd.DataFrame()), [], ["set/1", "set/2"]
        )

    return make


def test_without_weights_the_stage_says_what_to_download_and_scores_nothing(chexzero, capsys):
    scored = models.score(chexzero())
    told = capsys.readouterr().err
    assert "it is left out of the comparison. To compare with it, download the checkpoints in a browser" in told
    assert "https://github.com/rajpurkarlab/CheXzero" in told
    assert "put them into external/chexzero/, and run: dvc exp run -S 'baselines.chexzero.checkpoints=" in told
    assert scored.scores.shape == (2, 0)
    assert scored.table["positive"].tolist() == ["edema"]


def test_without_transformers_the_message_says_what_to_install(chexzero, monkeypatch):
    monkeypatch.setattr(models, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install -e '\.\[chexzero\]'"):
        models.score(chexzero(checkpoints=["clip.pt"]))
