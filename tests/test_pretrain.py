import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from diffchest.checkpoint import Checkpoints
from diffchest.errors import DataError
from diffchest.pretrain import PretrainingError, run_key
from diffchest.pretrain_data import Images, Order, held_out_patients, pretraining_images
from diffchest.training_state import ema_decay, learning_rate
from tests.tiny import ROOT, FakeStore, fake_manifest, run, tiny_params

SHOWN = 640


def start(folder: Path) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "tests.tiny", str(folder), str(SHOWN)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=-1, stderr=-1, env=environment)


def test_a_killed_run_resumes_to_the_same_bytes(tmp_path):
    whole, killed = start(tmp_path / "whole"), start(tmp_path / "killed")
    deadline = time.monotonic() + 100
    while not list(tmp_path.glob("killed/runs/*/*.pt")):
        assert killed.poll() is None, killed.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model.safetensors").exists()

    resumed = start(tmp_path / "killed")
    output, message = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, message
    assert "resumed at" in output
    assert whole.wait(120) == 0, whole.communicate()
    for name in ("model.safetensors", "loss.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_sigterm_saves_between_checkpoints_and_stops(tmp_path, monkeypatch):
    params = tiny_params(pretrain={"images_shown": 320, "horizontal_flip": 0.5}, dropout=0.1)
    whole = run(tmp_path / "whole", params)
    take = Order.take

    def terminated_at_the_13th_batch(order, first, count):
        if first == 12 * 16:
            os.kill(os.getpid(), signal.SIGTERM)
        return take(order, first, count)

    with monkeypatch.context() as patch:
        patch.setattr(Order, "take", terminated_at_the_13th_batch)
        with pytest.raises(PretrainingError, match=r"stopped by SIGTERM after 208 of 320 images; saved to .*0208\.pt"):
            run(tmp_path / "stopped", params)
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
    assert sorted(path.stem for path in tmp_path.glob("runs/*/*")) == ["000000000640", "000000000960"]


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

    monkeypatch.setattr("diffchest.pretrain_data.Images", broken)
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
    shown = order.take(0, 35)
    for epoch in range(3):
        assert sorted(shown[10 * epoch : 10 * epoch + 10]) == list(range(10))
    assert (shown[:10] != shown[10:20]).any()
    np.testing.assert_array_equal(Order(10, seed=3).take(17, 8), shown[17:25])


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
    monkeypatch.setattr("diffchest.pretrain_data.IN_MEMORY_BYTES", 0)
    assert torch.equal(Images(store, ids).batch(np.array([4, 2])), in_memory)
    assert in_memory.shape == (2, 1, 16, 16)
    assert -1 <= in_memory.min() < in_memory.max() <= 1


def test_warm_up_and_average():
    knobs = tiny_params(pretrain={"learning_rate": 0.1, "warmup_images": 100, "ema_decay": 0.999}).pretrain
    assert learning_rate(knobs, 50) == pytest.approx(0.05)
    assert learning_rate(knobs, 5000) == pytest.approx(0.1)
    assert ema_decay(knobs, 1) == pytest.approx(2 / 11)
    assert ema_decay(knobs, 10**6) == pytest.approx(0.999)
