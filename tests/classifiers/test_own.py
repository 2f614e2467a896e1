"""Our own head behind the door says what encoder and head say."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from diffchest.classifiers.own import OwnClassifier
from diffchest.errors import DataError
from tests.helpers.tiny_onnx import some_pictures
from tests.helpers.toy_autoencoder import SIZE, LinearAutoencoder, toy_head

PICTURES = some_pictures(5, SIZE)


@pytest.fixture
def parts():
    """Finding 1 could not be fitted."""
    head = replace(toy_head(3), model_sha256="toy")
    head.weight[1] = np.nan
    return LinearAutoencoder(), head


def test_logits_are_those_of_the_fitted_findings(parts):
    model, head = parts
    own = OwnClassifier(model, head, thresholds={"finding 0": 0.3, "finding 1": 9.0}, batch_size=2)
    assert own.outputs == ["finding 0", "finding 2"]
    assert own.thresholds == {"finding 0": 0.3}
    x = torch.from_numpy(PICTURES.astype(np.float32) / 127.5 - 1.0).flatten(1)
    z = (x @ model.basis).detach().numpy()
    by_hand = ((z - head.mean) / head.sd) @ head.weight.T + head.bias
    np.testing.assert_allclose(own.logits(PICTURES), by_hand[:, [0, 2]], rtol=1e-4, atol=1e-4)


def test_its_identity_is_that_of_model_and_head(parts):
    model, head = parts
    own = OwnClassifier(model, head)
    assert own.sha256 == OwnClassifier(model, head).sha256
    assert own.sha256 != OwnClassifier(model, replace(head, bias=head.bias + 1)).sha256


def test_a_head_of_another_model_and_other_sizes_are_refused(parts):
    model, head = parts
    with pytest.raises(DataError, match="the head was fitted on z of model another, but this model is toy"):
        OwnClassifier(model, replace(head, model_sha256="another"))
    with pytest.raises(DataError, match=r"takes pictures of 16 px, found \[8, 8\]"):
        OwnClassifier(model, head).logits(some_pictures(2, 8))
