import importlib
import json
import os
import random
import signal
import subprocess
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from scipy import stats

from diffchest.compute.processes import ALONE, Processes
from diffchest.errors import DataError
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.pretraining.checkpoints import Checkpoints
from diffchest.pretraining.images import (
    Images,
    Order,
    held_out_images,
    held_out_patients,
    micro_batches,
    pretraining_images,
)
from diffchest.pretraining.loop import Network, PretrainingError, accumulate_gradient, draws, meaning, newest, run_key
from diffchest.pretraining.state import TrainingState, ema_decay, learning_rate
from tests.helpers.tiny import FakeStore, fake_manifest, finished, launch, run, tiny_params


def start(folder: Path, *, processes: int = 1, **knobs) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    return launch("tests.helpers.tiny", str(folder), json.dumps(knobs), processes=processes)


def wait_for_checkpoint(process: subprocess.Popen, folder: Path) -> None:
    deadline = time.monotonic() + 100
    while not list(folder.glob("runs/*/*.pt")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_killed_run_resumes_to_the_same_bytes(tmp_path):
    whole, killed = (start(tmp_path / name, images_shown=1600) for name in ("whole", "killed"))
    wait_for_checkpoint(killed, tmp_path / "killed")
    time.sleep(random.uniform(0, 0.2))
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model.safetensors").exists()

    assert "resumed at" in finished(start(tmp_path / "killed", images_shown=1600))
    finished(whole)
    for name in ("model.safetensors", "loss.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_two_processes_give_the_weights_of_one(tmp_path):
    """Dropout too: it is drawn for parts of 4 images, whichever process takes them; the last batch has one part."""
    knobs = {"images_shown": 164, "batch_size": 16, "micro_batch": 4, "horizontal_flip": 0.5, "checkpoint_every": 80}
    one, two = start(tmp_path / "one", **knobs), start(tmp_path / "two", processes=2, **knobs)
    finished(one), finished(two)
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    weights, others = (torch.cat([tensor.ravel() for tensor in state.values()]) for state in (ours, theirs))
    assert (weights - others).norm() <= 1e-4 * weights.norm()
    losses = [pd.read_csv(tmp_path / name / "loss.csv") for name in ("one", "two")]
    pd.testing.assert_frame_equal(*losses, rtol=1e-4)
    assert losses[0]["images"].tolist() == [80, 160, 164]


def test_two_processes_stop_together_and_resume(tmp_path):
    """SIGTERM to the launcher, as SLURM sends it: one checkpoint, then the same weights as a run that never stopped."""
    knobs = {"images_shown": 1600, "micro_batch": 8}
    stopped, whole = (start(tmp_path / name, processes=2, **knobs) for name in ("stopped", "whole"))
    wait_for_checkpoint(stopped, tmp_path / "stopped")
    stopped.send_signal(signal.SIGTERM)
    _, message = stopped.communicate(timeout=100)
    assert stopped.returncode != 0
    assert "stopped by" in message
    assert "resumed at" in finished(start(tmp_path / "stopped", processes=2, **knobs))
    finished(whole)
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("stopped", "whole"))
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in ours.items())


@pytest.mark.parametrize(
    ("batch", "size", "processes"), [(16, 4, 2), (16, 4, 3), (5, None, 2), (1, None, 4), (7, 2, 1)]
)
def test_parts_of_a_batch_are_dealt_out_whole(batch, size, processes):
    parts = [micro_batches(range(100, 100 + batch), size, rank, processes) for rank in range(processes)]
    assert sorted(number for mine in parts for part in mine for number in part) == list(range(100, 100 + batch))
    if size:
        assert sorted((part for mine in parts for part in mine), key=lambda part: part.start) == [
            range(start, min(start + size, 100 + batch)) for start in range(100, 100 + batch, size)
        ]


def test_accumulated_gradients_are_those_of_the_whole_batch():
    params, gray, batch = tiny_params(), torch.rand(12, 1, 16, 16), range(40, 52)
    torch.manual_seed(0)
    model = DiffusionAutoencoder(params.model, params.diffusion, params.images.size)
    torch.nn.init.normal_(model.unet.conv.weight)  # zero at the start, and with it most gradients
    gradients, totals = [], []
    for size in (None, 5):
        model.zero_grad()
        parts = [(part, gray[part.start - 40 : part.stop - 40]) for part in micro_batches(batch, size, 0, 1)]
        state, network = TrainingState(model, params.pretrain), Network(model, nullcontext)
        totals.append(accumulate_gradient(network, state, batch, parts, ALONE))
        gradients.append([parameter.grad for parameter in model.parameters()])
    torch.testing.assert_close(*totals)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-6)


def test_draws_are_uniform_normal_and_depend_on_the_number_alone():
    knobs = tiny_params(pretrain={"horizontal_flip": 0.25}).pretrain
    x = torch.zeros(4000, 1, 4, 4)
    t, noise, flipped = draws(knobs, range(4000), x, 100)
    assert stats.chisquare(np.bincount(t, minlength=100)).pvalue > 1e-3
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-3
    assert flipped.float().mean().item() == pytest.approx(0.25, abs=0.03)
    again = draws(knobs, range(1000, 1010), x[:10], 100)
    assert all(torch.equal(ours, whole[1000:1010]) for ours, whole in zip(again, (t, noise, flipped), strict=True))


def test_a_log_and_pictures_are_written_while_it_trains(tmp_path):
    result = run(tmp_path, tiny_params(pretrain={"images_shown": 320}))
    folder = next(tmp_path.glob("runs/*"))
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert pd.DataFrame(lines).astype(float).equals(result.history.astype(float))
    bins = [name for name in result.history if name.startswith("validation_loss_t")]
    assert bins[0] == "validation_loss_t0_9"
    assert bins[-1] == "validation_loss_t90_99"
    assert list(result.pictures) == [160, 320]
    assert result.pictures[320].shape == (3, 4, 16, 16)
    picture = np.asarray(Image.open(folder / "pictures_000000000320.png"))
    np.testing.assert_array_equal(picture[16:32, 32:48], result.pictures[320][2, 1])


def test_sigterm_saves_between_checkpoints_and_stops(tmp_path, monkeypatch):
    params = tiny_params(pretrain={"images_shown": 320, "horizontal_flip": 0.5}, dropout=0.1)
    whole = run(tmp_path / "whole", params)
    update = TrainingState.update

    def terminated_at_the_13th_batch(state, images):
        if state.step == 12:
            os.kill(os.getpid(), signal.SIGTERM)
        update(state, images)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingState, "update", terminated_at_the_13th_batch)
        with pytest.raises(PretrainingError, match=r"stopped by SIGTERM after 208 of 320 images; saved in "):
            run(tmp_path / "stopped", params)
    assert max(path.stem for path in tmp_path.glob("stopped/runs/*/*.pt")) == "000000000208"
    resumed = run(tmp_path / "stopped", params)
    assert resumed.history.equals(whole.history)
    theirs = whole.model.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in resumed.model.state_dict().items())


def test_training_learns_the_images_and_keeps_two_checkpoints(tmp_path):
    params = tiny_params(pretrain={"images_shown": 960, "checkpoint_every": 320, "learning_rate": 0.004})
    history = run(tmp_path, params).history
    assert history["images"].tolist() == [320, 640, 960]
    assert history["train_loss"].iloc[-1] < 0.8 * history["train_loss"].iloc[0]
    assert history["validation_loss"].iloc[-1] < 0.8 * history["validation_loss"].iloc[0]
    assert sorted(path.stem for path in tmp_path.glob("runs/*/*.pt")) == ["000000000640", "000000000960"]


def test_odd_last_batch_and_no_validation(tmp_path):
    params = tiny_params(dropout=0.1, pretrain={"images_shown": 50, "horizontal_flip": 0.5, "validation_fraction": 0.0})
    history = run(tmp_path, params).history
    assert history["images"].tolist() == [50]
    assert np.isnan(history["validation_loss"].iloc[0])


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_reduced_precision_trains(tmp_path, precision):
    history = run(tmp_path, tiny_params(pretrain={"images_shown": 64, "precision": precision})).history
    assert np.isfinite(history["train_loss"]).all()


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    params = tiny_params()

    def broken(store, ids):
        images = Images(store, ids)
        read, calls = images.batch, iter(range(10_000))
        images.batch = lambda positions: read(positions) * (np.nan if next(calls) > 24 else 1)
        return images

    monkeypatch.setattr("diffchest.pretraining.images.Images", broken)
    with pytest.raises(PretrainingError, match=r"not finite after 480 images; the checkpoint at 320 images"):
        run(tmp_path, params)
    assert max(path.stem for path in tmp_path.glob("runs/*/*.pt")) == "000000000320"


def test_damaged_and_foreign_checkpoints_are_refused_by_name(tmp_path, capsys):
    ours = Checkpoints(tmp_path, "ours")
    assert ours.load() is None
    ours.save(100, {"value": torch.ones(1000)})
    newest = ours.save(200, {"value": torch.ones(1000)})
    newest.write_bytes(newest.read_bytes()[:1500])
    state = ours.load()
    assert state is not None
    assert state["value"].sum() == 1000
    assert f"{newest}: not used: truncated or damaged" in capsys.readouterr().err

    Checkpoints(tmp_path, "theirs").save(300, {})
    ours.load()
    assert "000000000300.pt: not used: it belongs to run theirs, not ours" in capsys.readouterr().err


def test_the_key_covers_parameters_and_pixels():
    params = tiny_params()
    store = FakeStore()
    ids = sorted(store.pixels)
    key = run_key(params, Images(store, ids), Images(store, ids[:1]))
    assert run_key(tiny_params(), Images(FakeStore(), ids), Images(FakeStore(), ids[:1])) == key
    assert run_key(tiny_params(pretrain={"learning_rate": 0.5}), Images(store, ids), Images(store, ids[:1])) != key
    assert run_key(tiny_params(latent_dim=5), Images(store, ids), Images(store, ids[:1])) != key
    assert run_key(params, Images(store, ids[1:]), Images(store, ids[:1])) != key
    assert run_key(params, Images(store, ids), Images(store, ids[:2])) != key
    store.pixels["fake/007"] = store.pixels["fake/007"] + 1
    assert run_key(params, Images(store, ids), Images(store, ids[:1])) != key


def test_order_shows_every_image_once_an_epoch_wherever_it_starts():
    order = Order(10, seed=3)
    shown = order.take(range(35))
    for epoch in range(3):
        assert sorted(shown[10 * epoch : 10 * epoch + 10]) == list(range(10))
    assert (shown[:10] != shown[10:20]).any()
    np.testing.assert_array_equal(Order(10, seed=3).take(range(17, 25)), shown[17:25])


def test_validation_patients_are_never_trained_on():
    store = FakeStore()
    manifest = fake_manifest(store)
    train, validation = pretraining_images(manifest, store, tiny_params().pretrain)
    patient = manifest.set_index("image_id")["patient_id"]
    role = manifest.set_index("image_id")["role"]
    assert not set(patient[train.image_ids]) & set(patient[validation.image_ids])
    assert len(set(patient[validation.image_ids])) == 3  # a tenth of 30
    assert set(role[train.image_ids]) == {"pretrain"}
    assert len(train) + len(validation) == (role == "pretrain").sum()


def test_held_out_patients_do_not_depend_on_the_order_of_rows():
    patients = [f"p{n % 50}" for n in range(200)]
    drawn = held_out_patients(patients, 0.1, 0)
    assert len(drawn) == 5
    assert held_out_patients(patients[::-1], 0.1, 0) == drawn
    assert held_out_patients(patients, 0.1, 1) != drawn
    assert len(held_out_patients(patients, 0.001, 0)) == 1
    assert held_out_patients(patients, 0.0, 0) == set()


def test_nobody_to_train_on_is_said():
    store = FakeStore(images=30)
    with pytest.raises(DataError, match=r"0 patient\(s\) have a role in pretrain\.roles \['finetune'\]"):
        pretraining_images(fake_manifest(store), store, tiny_params(pretrain={"roles": ["finetune"]}).pretrain)


def test_images_read_from_the_store_equal_those_in_memory(monkeypatch):
    store = FakeStore()
    ids = sorted(store.pixels)
    in_memory = Images(store, ids).batch(np.array([4, 2]))
    monkeypatch.setattr("diffchest.pretraining.images.IN_MEMORY_BYTES", 0)
    assert torch.equal(Images(store, ids).batch(np.array([4, 2])), in_memory)
    assert in_memory.shape == (2, 1, 16, 16)
    assert -1 <= in_memory.min() < in_memory.max() <= 1


def test_warm_up_and_average():
    knobs = tiny_params(pretrain={"learning_rate": 0.1, "warmup_images": 100, "ema_decay": 0.999}).pretrain
    assert learning_rate(knobs, 50) == pytest.approx(0.05)
    assert learning_rate(knobs, 5000) == pytest.approx(0.1)
    assert ema_decay(knobs, 1) == pytest.approx(2 / 11)
    assert ema_decay(knobs, 10**6) == pytest.approx(0.999)


def test_one_image_of_each_held_out_patient_is_evaluated():
    store = FakeStore()
    manifest, knobs = fake_manifest(store), tiny_params().pretrain
    _, validation = pretraining_images(manifest, store, knobs)
    images = held_out_images(manifest, knobs, number=10)
    patient = manifest.set_index("image_id")["patient_id"]
    assert set(images) <= set(validation.image_ids)
    assert sorted(patient[images]) == sorted(set(patient[validation.image_ids]))
    assert len(held_out_images(manifest, knobs, number=2)) == 2
    assert held_out_images(manifest, tiny_params(pretrain={"validation_fraction": 0.0}).pretrain, number=2) == []


def test_weights_that_are_not_finite_are_never_saved(tmp_path, monkeypatch):
    """A gradient that is infinite at the step of a checkpoint: the loss before it was finite."""
    update = TrainingState.update

    def broken(state, images):
        if state.shown + images == 320:
            next(state.model.parameters()).grad.fill_(np.inf)
        update(state, images)

    monkeypatch.setattr(TrainingState, "update", broken)
    with pytest.raises(PretrainingError, match="not finite after 320 images; the checkpoint at 160 images"):
        run(tmp_path, tiny_params())
    assert [path.stem for path in tmp_path.glob("runs/*/*.pt")] == ["000000000160"]


def test_a_process_that_cannot_read_the_checkpoint_stops_the_run(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, "key")
    monkeypatch.setattr(Processes, "share", lambda processes, value: 160)
    monkeypatch.setattr(Processes, "any", lambda processes, flag: flag)
    with pytest.raises(PretrainingError, match=r"160 images .* cannot be read by every process"):
        newest(checkpoints, Processes(rank=1, count=2))


def test_a_new_checkpoint_outlives_refused_ones_of_higher_number(tmp_path):
    checkpoints = Checkpoints(tmp_path, "key")
    for images in (1000, 1100):
        (tmp_path / f"{images:012d}.pt").write_bytes(b"damaged")
    for images in (200, 300, 400):
        assert checkpoints.save(images, {"shown": images}).exists()
    assert sorted(int(path.stem) for path in tmp_path.glob("*.pt")) == [300, 400, 1000, 1100]


def test_pictures_of_many_checkpoints_are_thinned():
    params = tiny_params()
    state = TrainingState(DiffusionAutoencoder(params.model, params.diffusion, params.images.size), params.pretrain)
    for shown in range(1, 100):
        state.shown = shown
        state.keep_pictures(torch.zeros(1))
    assert len(state.pictures) <= 16
    assert max(state.pictures) == 99


def test_comments_do_not_change_the_key_and_code_does(tmp_path, monkeypatch):
    code = 'def scaled(x):\n    """Half of x."""\n    return x / 2  # exact\n'
    changes = {"same": ("", ""), "comment": ("exact", "in floats"), "docstring": ("Half", "A half"), "code": ("2", "3")}
    monkeypatch.syspath_prepend(tmp_path)
    meanings = {}
    for name, change in changes.items():
        (tmp_path / f"scaling_{name}.py").write_text(code.replace(*change) if any(change) else code)
        meanings[name] = meaning(importlib.import_module(f"scaling_{name}"))
    assert meanings["same"] == meanings["comment"] == meanings["docstring"]
    assert meanings["code"] != meanings["same"]
