"""The authors' classifier as a head."""

import numpy as np
import pytest
import torch

from diffchest.errors import DataError
from diffchest.model.authors.head import load_authors_head
from tests.helpers.authors_files import head_state, save_checkpoint


def test_head_takes_the_averaged_classifier(tmp_path, findings):
    state = head_state()
    state["conds_mean"] = state["conds_mean"][0]  # [d] as well as [1, d]
    head = load_authors_head(save_checkpoint(tmp_path / "cls.ckpt", state), findings, latent_dim=4)
    assert np.array_equal(head.weight, state["ema_classifier.weight"].numpy())
    assert np.array_equal(head.mean, state["conds_mean"].numpy())
    assert np.array_equal(head.sd, state["conds_std"][0].numpy())


def test_misfitting_heads_are_listed(tmp_path, findings):
    state = head_state(latent_dim=5)
    del state["conds_std"]
    state["ema_classifier.extra"] = torch.zeros(1)
    path = save_checkpoint(tmp_path / "cls.ckpt", state)
    with pytest.raises(DataError) as caught:
        load_authors_head(path, findings, latent_dim=4)
    assert str(caught.value).splitlines()[1:] == [
        "  missing conds_std (4,)",
        "  unexpected ema_classifier.extra",
        "  ema_classifier.weight is (3, 5), expected (3, 4)",
        "  conds_mean is (5,), expected (4,)",
    ]
    path = save_checkpoint(path, {**head_state(), "conds_std": torch.zeros(1, 4)})
    with pytest.raises(DataError, match="conds_std has values that are not above 0"):
        load_authors_head(path, findings, latent_dim=4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"effusion\ncardiomegaly\n", r"findings\.txt: found 2 names, expected 3"),
        (b"effusion\ncardiomegaly\neffusion\n", r"'effusion' more than once"),
        (b"\xff\xfe\x00", r"cannot be read as text"),
    ],
)
def test_unusable_findings_are_named(tmp_path, findings, content, message):
    head = save_checkpoint(tmp_path / "cls.ckpt", head_state())
    findings.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_authors_head(head, findings, latent_dim=4)
    with pytest.raises(DataError, match="cannot be read as text"):
        load_authors_head(head, tmp_path / "none.txt", latent_dim=4)
