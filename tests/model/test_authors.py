"""Import of the authors' checkpoints: what they compute, and what happens to files that are not theirs."""

import argparse
import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from diffchest.contracts.head import Head
from diffchest.errors import DataError
from diffchest.model.authors.head import load_authors_head
from diffchest.model.authors.network import LINEAR, load_authors, their_name
from diffchest.model.autoencoder import DiffusionAutoencoder, load_autoencoder
from diffchest.params.network import EncoderParams
from tests.helpers.tiny import tiny_params

FINDINGS = ["effusion", "cardiomegaly", "pneumothorax"]


def state_of(*, size=32, beside=True, **changes):
    """A random network of a few thousand weights, as in the authors' files, and its parameters."""
    kind = {"space_to_depth": 1, "position_frequencies": 0, "channels": 3, "attention_heads": 1, "norm_groups": 32}
    params = tiny_params(size=size, **{**kind, "attention_resolutions": [16], **changes})
    encoder = EncoderParams(
        channel_multipliers=[*params.model.channel_multipliers, 2],
        residual_blocks=params.model.residual_blocks,
        attention_resolutions=params.model.attention_resolutions,
        block="single",
        pool="average",
    )
    network = params.model.model_copy(update={"encoder": encoder, "dropout": 0.1})
    state = {}
    for name, tensor in DiffusionAutoencoder(network, params.diffusion, size).state_dict().items():
        theirs = their_name(name)
        convolution = 2 if theirs.endswith("encoder.out.3.weight") else 1  # axes of its 1x1 kernel
        random = torch.randn_like(tensor)
        state[theirs] = random[(..., *[None] * convolution)] if LINEAR.search(theirs) else random
    return (with_company(state, size) if beside else state), network


def with_company(state, size):
    """What a Lightning file holds beside the averaged weights."""
    twins = {name.replace("ema_model.", "model."): torch.zeros_like(tensor) for name, tensor in state.items()}
    statistics = {"x_T": torch.randn(2, 3, size, size), "conds_mean": torch.zeros(1, 4), "conds_std": torch.ones(1, 4)}
    return {**state, **twins, **statistics}


def save_checkpoint(path, state, **more):
    torch.save({"epoch": 3, "global_step": 10, "pytorch-lightning_version": "1.4.5", "state_dict": state, **more}, path)
    return path


def head_state(latent_dim=4):
    findings = len(FINDINGS)
    torch.manual_seed(1)
    return {
        "classifier.weight": torch.zeros(findings, latent_dim),
        "classifier.bias": torch.zeros(findings),
        "ema_classifier.weight": torch.randn(findings, latent_dim),
        "ema_classifier.bias": torch.randn(findings),
        "conds_mean": torch.randn(1, latent_dim),
        "conds_std": torch.rand(1, latent_dim) + 0.5,
    }


@pytest.fixture
def checkpoint(tmp_path):
    return save_checkpoint(tmp_path / "last.ckpt", state_of()[0])


@pytest.fixture
def findings(tmp_path):
    path = tmp_path / "findings.txt"
    path.write_text("\n".join(FINDINGS) + "\n")
    return path


def run_command(root, *arguments):
    command = [sys.executable, "-W", "error", "-m", "diffchest.model.authors", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


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


@pytest.mark.parametrize(
    "changes",
    [
        {"channel_multipliers": [1, 2, 3]},
        {"channel_multipliers": [1, 1, 2, 2], "residual_blocks": 2, "size": 128},
        {"channel_multipliers": [1, 2], "residual_blocks": 3, "attention_resolutions": [16, 8], "size": 16},
        {"channels": 1, "latent_dim": 6, "time_dim": 12},
    ],
)
@pytest.mark.parametrize("beside", [True, False])  # with x_T, or as in a safetensors file
def test_geometry_is_read_from_the_tensors(tmp_path, changes, beside):
    state, params = state_of(beside=beside, **changes)
    path = tmp_path / "last.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    model = load_authors(path)
    assert model.image_size == changes.get("size", 32)
    assert model.params == params


def test_image_size_can_be_given(tmp_path):
    state, _ = state_of(beside=False)
    path = save_checkpoint(tmp_path / "last.ckpt", state)
    model = load_authors(path, image_size=64)
    assert (model.image_size, model.params.attention_resolutions) == (64, [32])
    with pytest.raises(DataError, match=r"image size 30 px, expected a multiple of 4"):
        load_authors(path, image_size=30)
    path = save_checkpoint(tmp_path / "last.ckpt", state_of(beside=False, attention_resolutions=[])[0])
    with pytest.raises(DataError, match=r"no level has attention; give `--image-size`"):
        load_authors(path)
    assert load_authors(path, image_size=64).image_size == 64


def test_misfitting_tensors_are_listed_by_the_authors_names(tmp_path):
    state, _ = state_of()
    del state["ema_model.input_blocks.1.0.out_layers.3.bias"], state["ema_model.time_embed.time_embed.0.weight"]
    state["ema_model.middle_block.1.qkv.weight"] = torch.zeros(7, 16, 1)
    state["ema_model.latent_net.0.weight"] = torch.zeros(2)
    state["optimizer"] = torch.zeros(2)
    with pytest.raises(DataError) as caught:
        load_authors(save_checkpoint(tmp_path / "last.ckpt", state))
    assert str(caught.value).splitlines()[1:] == [
        "  missing ema_model.time_embed.time_embed.0.weight (16, 8)",
        "  missing ema_model.input_blocks.1.0.out_layers.3.bias (8,)",
        "  unexpected ema_model.latent_net.0.weight",
        "  unexpected optimizer",
        "  ema_model.middle_block.1.qkv.weight is (7, 16), expected (48, 16)",
    ]


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        ("ema_model.input_blocks.0.", r"no tensors at all in ema_model\.input_blocks\.0;"),
        ("ema_model.output_blocks.3.", r"no tensors at all in ema_model\.output_blocks\.3;"),
        ("ema_model.encoder.input_blocks.2.", r"no tensors at all in ema_model\.encoder\.input_blocks\.2;"),
        ("ema_model.encoder.", r"4 steps of the U-Net \(2 levels\) and 0 of the encoder"),
        ("ema_model.output_blocks.1.", r"no tensors at all in ema_model\.output_blocks\.1;"),
        (
            "ema_model.input_blocks.3.0.in_layers.2.w",
            r"\n  missing ema_model\.input_blocks\.3\.0\.in_layers\.2\.weight",
        ),
        ("ema_model.encoder.out.3.", r"\n  missing ema_model\.encoder\.out\.3\.weight"),
        ("ema_model.", "not a checkpoint of the authors"),
    ],
)
def test_missing_parts_are_named(tmp_path, removed, message):
    state = {name: tensor for name, tensor in state_of()[0].items() if not name.startswith(removed)}
    with pytest.raises(DataError, match=message):
        load_authors(save_checkpoint(tmp_path / "last.ckpt", state))


@pytest.mark.parametrize("shape", [(), (0, 3, 3, 3), (8,), (0,)])
def test_nonsense_shapes_are_errors(tmp_path, shape):
    for name in ("input_blocks.0.0.weight", "encoder.input_blocks.1.0.in_layers.2.weight", "middle_block.1.qkv.weight"):
        state = {**state_of()[0], f"ema_model.{name}": torch.zeros(shape)}
        with pytest.raises(DataError, match=name):
            load_authors(save_checkpoint(tmp_path / "last.ckpt", state))


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_hostile_pickle_is_refused_and_not_executed(root, tmp_path):
    trace = tmp_path / "executed"
    hostile = Hostile(f"touch {trace}")
    path = save_checkpoint(tmp_path / "last.ckpt", state_of()[0], callbacks=hostile)
    result = run_command(root, path, "--out", tmp_path / "models")
    assert result.returncode == 1
    assert f"error: {path}: refused, since it holds objects of posix.system" in result.stderr
    assert "Traceback" not in result.stderr
    path.write_bytes(pickle.dumps(hostile))
    with pytest.raises(DataError, match="not a whole checkpoint"):
        load_authors(path)
    assert not trace.exists()
    pickle.loads(path.read_bytes())  # it would have
    assert trace.exists()


def test_classes_that_are_refused_are_named(tmp_path):
    path = save_checkpoint(tmp_path / "last.ckpt", state_of()[0], where=Path("a"), number=np.float64(1))
    with pytest.raises(DataError, match=r"objects of numpy\._core\.multiarray\.scalar, numpy\.dtype, pathlib"):
        load_authors(path)


def test_lightnings_own_objects_are_read(tmp_path, monkeypatch):
    """Lightning 1.4 keys the states of callbacks by class; hyper-parameters come as a namespace or its own dict."""
    classes = {
        "pytorch_lightning.callbacks.model_checkpoint": type("ModelCheckpoint", (), {}),
        "pytorch_lightning.utilities.parsing": type("AttributeDict", (dict,), {}),
    }
    for module, kind in classes.items():
        for parent in ("pytorch_lightning", module.rpartition(".")[0]):
            monkeypatch.setitem(sys.modules, parent, ModuleType(parent))
        kind.__module__ = module
        monkeypatch.setitem(sys.modules, module, ModuleType(module))
        setattr(sys.modules[module], kind.__name__, kind)
    model_checkpoint, attribute_dict = classes.values()
    more = {
        "callbacks": {model_checkpoint: {"best_model_path": "last.ckpt", "best_model_score": torch.tensor(0.1)}},
        "hyper_parameters": attribute_dict(lr=1e-4),
        "arguments": argparse.Namespace(gpus=[0]),
        "optimizer_states": [{"state": {0: {"step": 1}}, "param_groups": [{"lr": 1e-4, "betas": (0.9, 0.999)}]}],
    }
    path = save_checkpoint(tmp_path / "last.ckpt", state_of()[0], **more)
    monkeypatch.undo()
    assert load_authors(path).latent_dim == 4


def test_files_that_are_no_checkpoints_are_named(tmp_path, checkpoint):
    whole = checkpoint.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"PK\x03\x04 and no more", b"<html>quota exceeded</html>"):
        checkpoint.write_bytes(content)
        with pytest.raises(DataError, match=r"last\.ckpt: not a whole checkpoint .* download it again"):
            load_authors(checkpoint)
    with pytest.raises(DataError, match=r"other\.ckpt: no such file"):
        load_authors(tmp_path / "other.ckpt")
    with pytest.raises(DataError, match=r"is a folder; give a checkpoint file"):
        load_authors(tmp_path)
    damaged = tmp_path / "last.safetensors"
    damaged.write_bytes(whole[:1000])
    with pytest.raises(DataError, match="not a whole safetensors file"):
        load_authors(damaged)
    for content, found in (
        ([1], "list"),
        ({"weights": 1}, "the keys weights"),
        ({"state_dict": {"a": 1}}, "state_dict"),
    ):
        torch.save(content, checkpoint)
        with pytest.raises(DataError, match=f"tensors in `state_dict`, found .*{found}"):
            load_authors(checkpoint)


def test_damaged_bytes_never_end_in_another_error(tmp_path):
    """Bytes changed anywhere in the pickle of a checkpoint: it loads, or `DataError` says why not."""
    path = save_checkpoint(tmp_path / "last.ckpt", state_of()[0])
    whole = path.read_bytes()
    start, end = whole.index(b"data.pkl"), whole.index(b"ema_model.middle_block")
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(start, end, 3):
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            load_authors(path)
        except DataError:
            refused += 1
    assert refused > 10


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
