"""A classifier scores all that it is shown, by name and in place."""

import numpy as np
import pandas as pd
import pytest

from diffchest.audit.scoring import classify
from diffchest.audit.twin_scoring import score_twins
from diffchest.contracts.twins import Twins
from tests.helpers.toy_autoencoder import DIMENSIONS, toy_head
from tests.helpers.toy_drawings import toy_interventions


class Brightness:
    """Logits of three outputs: multiples of the mean gray level."""

    def __init__(self):
        self.outputs, self.sha256, self.thresholds = ["drain", "dust", "goiter"], "bright", {"goiter": 2.0}

    def logits(self, pictures):
        assert pictures.ndim == 3
        return (pictures.mean(axis=(1, 2))[:, None] * np.array([1.0, 10.0, 100.0])).astype(np.float32)


def test_every_score_is_where_its_picture_is():
    drawn = toy_interventions(np.zeros((2, 3), dtype=bool))
    drawn.original[1] = 1
    drawn.base[0] = 2
    drawn.picture[:] = np.arange(6).reshape(2, 3, 1, 1)
    drawn.random[:] = np.arange(4).reshape(2, 2, 1, 1)
    picture = np.full((3, 8, 8), 7, dtype=np.uint8)
    twins = Twins(
        image_id=["cohort/1", "elsewhere", "cohort/0"], finding=["drain"] * 3, added=np.ones(3, dtype=bool),
        placement=np.arange(3), picture=picture, mask=picture.astype(bool),
    )  # fmt: skip
    head, rng = toy_head(), np.random.default_rng(0)
    z = rng.standard_normal((50, DIMENSIONS))
    finetune = np.stack([z[:, 0], z[:, 1], z[:, 2]], axis=1).astype(np.float32)
    rows = [("goiter", "latents_r2", 0.5), ("drain", "latents_r2", 0.9), ("dust", "latents_r2", 0.1)]
    rows += [("goiter", "auc_originals", 0.8), ("(all)", "auc_originals", 0.7), ("goiter", "auc_above_chance", 0.6)]
    gates = pd.DataFrame(rows, columns=["output", "gate", "value"])
    found = classify(
        Brightness(), ["goiter", "drain"], drawn, finetune_id=[f"f{row}" for row in range(50)],
        logits_finetune=finetune, z=z * head.sd + head.mean, gates=gates, head=head,
    )  # fmt: skip
    assert found.outputs == ["goiter", "drain"]
    assert found.logits_base.tolist() == [[200.0, 2.0], [0.0, 0.0]]
    assert found.logits_picture[:, :, 1].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found.logits_random[:, :, 0].tolist() == [[0, 100], [200, 300]]
    truth = score_twins(Brightness(), ["goiter", "drain"], drawn, twins)
    assert truth.logits_original.tolist() == [[0.0, 0.0], [100.0, 1.0]]
    assert truth.twin_id == ["cohort/1|drain|0", "cohort/0|drain|2"]
    assert truth.logits_twin.tolist() == [[700.0, 7.0]] * 2
    assert found.r2.tolist() == [0.5, 0.9]
    assert (found.auc[0], found.auc_low[0]) == (0.8, 0.6)
    assert np.isnan([found.auc[1], found.auc_low[1]]).all()  # no labels told
    assert found.threshold[0] == 2.0
    assert np.isnan(found.threshold[1])
    assert found.spread == pytest.approx([z[:, 2].std(), z[:, 0].std()], rel=1e-5)
    assert found.weight == pytest.approx(np.eye(6)[[2, 0]], abs=0.01)  # what z says of it
