"""The command that imports the authors' checkpoints."""

import hashlib

import numpy as np
import torch
from safetensors.torch import load_file

from diffchest.contracts.head import Head
from diffchest.model.autoencoder import load_autoencoder
from tests.helpers.authors_files import FINDINGS, head_state, run_command, save_checkpoint, with_company


@torch.inference_mode()
def test_conversion_computes_what_the_authors_implementation_did(shared, root, tmp_path, findings):
    """The command on Lightning files of the parity network, against the vectors of the authors' code."""
    weights = load_file(shared / "parity" / "weights.safetensors")
    with np.load(shared / "parity" / "vectors.npz") as file:
        vectors = {name: torch.from_numpy(file[name]) for name in ("x", "x_t", "t", "z", "eps")}
    checkpoint = save_checkpoint(tmp_path / "last.ckpt", with_company(weights, 32))
    head = save_checkpoint(tmp_path / "cls.ckpt", head_state(latent_dim=64))
    out = tmp_path / "models"
    result = run_command(root, checkpoint, "--head", head, "--findings", findings, "--out", out)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""

    model = load_autoencoder(out / "diffchest.safetensors")
    assert (model.image_size, model.prediction, model.latent_dim) == (32, "epsilon", 64)
    assert (model.encode(vectors["x"]) - vectors["z"]).abs().max() < 1e-4
    assert (model.predict(vectors["x_t"], vectors["t"], vectors["z"]) - vectors["eps"]).abs().max() < 1e-4
    assert result.stdout.startswith(f"authors: {sum(tensor.numel() for tensor in weights.values()):,} parameters")

    theirs = {name: tensor.numpy().astype(np.float64) for name, tensor in head_state(latent_dim=64).items()}
    normalised = (vectors["z"].numpy() - theirs["conds_mean"]) / theirs["conds_std"]
    logits = normalised @ theirs["ema_classifier.weight"].T + theirs["ema_classifier.bias"]
    ours = Head.load(out / "head.safetensors")
    assert ours.findings == FINDINGS
    assert np.allclose(ours.probabilities(vectors["z"].numpy()), 1 / (1 + np.exp(-logits)), atol=1e-5)
    assert ours.model_sha256 == hashlib.sha256((out / "diffchest.safetensors").read_bytes()).hexdigest()


def test_command_prints_one_line_and_no_warning(root, tmp_path, checkpoint):
    result = run_command(root, checkpoint, "--out", tmp_path / "models")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    assert f"32 px, d = 4 -> {tmp_path / 'models' / 'diffchest.safetensors'}" in result.stdout
    assert load_autoencoder(tmp_path / "models" / "diffchest.safetensors").image_size == 32


def test_command_writes_nothing_when_the_head_does_not_fit(root, tmp_path, checkpoint):
    head = save_checkpoint(tmp_path / "cls.ckpt", head_state())
    result = run_command(root, checkpoint, "--head", head, "--out", tmp_path / "models")
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: {head}: does not name its findings; give `--findings FILE`: the 3 outputs")
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "models").exists()
