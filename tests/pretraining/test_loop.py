"""Whole runs: killed, stopped, resumed, made longer and shorter, by one process and by two."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from diffchest.compute.processes import ALONE, Processes
from diffchest.model.autoencoder import save_autoencoder
from diffchest.pretraining.checkpoints import Checkpoints
from diffchest.pretraining.images import Images, pretraining_images
from diffchest.pretraining.loop import PretrainingError, newest
from diffchest.pretraining.state import TrainingState
from diffchest.pretraining.validation import validation_losses
from tests.helpers.tiny import FakeStore, fake_manifest, finished, launch, run, tiny_params
from tests.helpers.waiting import HANG, wait_for


def start(folder: Path, *, processes: int = 1, **settings) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    return launch("tests.helpers.tiny", str(folder), json.dumps(settings), processes=processes)


def test_a_killed_run_resumes_to_the_same_bytes(tmp_path):
    whole, killed = (start(tmp_path / name, images_shown=1600) for name in ("whole", "killed"))
    wait_for(lambda: list(tmp_path.glob("killed/runs/*/*.pt")), killed)
    time.sleep(random.uniform(0, 0.2))
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(HANG) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "model.safetensors").exists()

    assert "resumed at" in finished(start(tmp_path / "killed", images_shown=1600))
    finished(whole)
    for name in ("model.safetensors", "loss.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_two_processes_give_the_weights_of_one(tmp_path):
    """Dropout too: it is drawn for parts of 4 images, whichever process takes them; the last batch is a whole one."""
    settings = {"images_shown": 164, "batch_size": 16, "micro_batch": 4, "horizontal_flip": 0.5, "checkpoint_every": 80}
    one, two = start(tmp_path / "one", **settings), start(tmp_path / "two", processes=2, **settings)
    finished(one), finished(two)
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    weights, others = (torch.cat([tensor.ravel() for tensor in state.values()]) for state in (ours, theirs))
    assert (weights - others).norm() <= 1e-4 * weights.norm()
    losses = [pd.read_csv(tmp_path / name / "loss.csv") for name in ("one", "two")]
    pd.testing.assert_frame_equal(*losses, rtol=1e-4)
    assert losses[0]["images"].tolist() == [80, 160, 176]


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

    def terminated_at_the_13th_batch(state, images, loss):
        if state.step == 12:
            os.kill(os.getpid(), signal.SIGTERM)
        return update(state, images, loss)

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


def test_a_run_ends_with_a_whole_batch_with_or_without_validation(tmp_path):
    params = tiny_params(dropout=0.1, pretrain={"images_shown": 50, "horizontal_flip": 0.5, "validation_fraction": 0.0})
    history = run(tmp_path, params).history
    assert history["images"].tolist() == [64]
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


def test_weights_that_are_not_finite_are_never_saved(tmp_path, monkeypatch):
    """A gradient that is infinite at the step of a checkpoint: the loss before it was finite."""
    update = TrainingState.update

    def broken(state, images, loss):
        if state.shown + images == 320:
            next(state.model.parameters()).grad.fill_(np.inf)
        return update(state, images, loss)

    monkeypatch.setattr(TrainingState, "update", broken)
    with pytest.raises(PretrainingError, match="not finite after 320 images; the checkpoint at 160 images"):
        run(tmp_path, tiny_params())
    assert [path.stem for path in tmp_path.glob("runs/*/*.pt")] == ["000000000160"]


def overflowing(monkeypatch, batches):
    """Make gradients and losses of the `batches` (by number) infinite, as fp16 makes them."""
    update = TrainingState.update

    def broken(state, images, loss):
        if state.step + state.skipped in batches:
            next(state.model.parameters()).grad.fill_(np.inf)
            loss = loss * np.inf
        return update(state, images, loss)

    monkeypatch.setattr(TrainingState, "update", broken)


def test_a_batch_that_overflows_fp16_is_left_out_and_the_run_goes_on(tmp_path, monkeypatch, capsys):
    overflowing(monkeypatch, {3, 10})  # 10 is the first of those of the second row
    params = tiny_params(pretrain={"images_shown": 320, "precision": "fp16"})
    history = run(tmp_path, params).history
    assert history["images"].tolist() == [160, 320]
    assert np.isfinite(history[["train_loss", "validation_loss"]]).all(axis=None)
    said = capsys.readouterr().err
    assert "no step at 64 images: its gradient overflowed fp16; loss scale now 32768, 1 batches left out" in said
    assert "no step at 176 images: its gradient overflowed fp16; loss scale now 16384, 2 batches left out" in said
    saved = torch.load(max(tmp_path.glob("runs/*/*.pt")), weights_only=True)
    assert (saved["step"], saved["skipped"], saved["shown"]) == (18, 2, 320)


def test_gradients_that_keep_overflowing_end_the_run(tmp_path, monkeypatch):
    """From the 21st batch on: the 37th halves 2^16 for the 17th time, to below 1; the 40th would be a checkpoint."""
    overflowing(monkeypatch, range(20, 1000))
    with pytest.raises(PretrainingError, match="not finite after 640 images; the checkpoint at 480 images"):
        run(tmp_path, tiny_params(pretrain={"precision": "fp16", "checkpoint_every": 160}))


def test_only_the_first_process_hashes_the_images(tmp_path, monkeypatch):
    """Another one is told the keys; it has no checkpoint to go on from."""
    told = iter([("key of the run", "of those held out"), None])
    monkeypatch.setattr(Processes, "share", lambda processes, value: next(told))
    monkeypatch.setattr(Images, "fingerprint", lambda images: pytest.fail("hashed by another than the first"))
    result = run(tmp_path, tiny_params(pretrain={"images_shown": 16}), Processes(rank=1, count=1))
    assert result.history["images"].tolist() == [16]
    assert not list(tmp_path.rglob("*.pt"))


def test_a_process_that_cannot_read_the_checkpoint_stops_the_run(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, "key")
    monkeypatch.setattr(Processes, "share", lambda processes, value: 160)
    monkeypatch.setattr(Processes, "any", lambda processes, flag: flag)
    with pytest.raises(PretrainingError, match=r"160 images .* cannot be read by every process"):
        newest(checkpoints, 320, Processes(rank=1, count=2))


def same(first, second):
    """Whether two runs ended with the same weights, history and pictures."""
    weights = second.model.state_dict()
    return (
        all(torch.equal(tensor, weights[name]) for name, tensor in first.model.state_dict().items())
        and first.history.equals(second.history)
        and list(first.pictures) == list(second.pictures)
        and all(np.array_equal(first.pictures[shown], second.pictures[shown]) for shown in first.pictures)
    )


def of_length(folder, images_shown, **changed):
    changed = {"images_shown": images_shown, "horizontal_flip": 0.5, "checkpoint_every": 80, **changed}
    return run(folder, tiny_params(pretrain=changed, dropout=0.1))


@pytest.mark.parametrize(("images_shown", "resumed_at"), [(160, 160), (100, 112)])
def test_a_run_made_longer_has_the_bytes_of_one_that_was_so_long_from_the_start(
    images_shown, resumed_at, tmp_path, capsys
):
    """The first length on a checkpoint and a batch, the second on neither."""
    short = of_length(tmp_path / "longer", images_shown)
    assert short.history["images"].tolist() == [80, resumed_at]
    assert same(of_length(tmp_path / "longer", images_shown), short)
    capsys.readouterr()
    longer = of_length(tmp_path / "longer", 240)
    assert f"resumed at {resumed_at} of 240 images" in capsys.readouterr().out
    whole = of_length(tmp_path / "whole", 240)
    assert same(longer, whole)
    files = [tmp_path / f"{name}.safetensors" for name in ("longer", "whole")]
    for file, result in zip(files, (longer, whole), strict=True):
        save_autoencoder(file, result.model)
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_run_made_shorter_never_gives_the_weights_of_the_longer_one(tmp_path, capsys):
    longest = of_length(tmp_path / "run", 320)  # its checkpoints at 240 and 320 are kept
    capsys.readouterr()
    assert same(of_length(tmp_path / "run", 240), of_length(tmp_path / "240", 240))
    assert "resumed at 240 of 240" in capsys.readouterr().out
    assert same(of_length(tmp_path / "run", 100), of_length(tmp_path / "100", 100))
    assert "resumed" not in capsys.readouterr().out
    assert same(of_length(tmp_path / "run", 320), longest)
    assert "resumed at 320 of 320" in capsys.readouterr().out


def test_the_training_loss_is_of_the_images_since_the_row_before_whatever_the_checkpoints(tmp_path):
    every = of_length(tmp_path / "every", 320).history.set_index("images")["train_loss"]
    of_length(tmp_path / "changed", 160, checkpoint_every=160)
    of_length(tmp_path / "changed", 240, checkpoint_every=1000)  # its last row is none of a longer run's
    changed = of_length(tmp_path / "changed", 320, checkpoint_every=320).history.set_index("images")["train_loss"]
    assert changed.index.tolist() == [160, 320]
    assert changed[160] == pytest.approx(every[[80, 160]].mean(), rel=1e-5)
    assert changed[320] == pytest.approx(every[[240, 320]].mean(), rel=1e-5)


def test_losses_of_other_held_out_radiographs_are_dropped_and_the_last_made_again(tmp_path, capsys):
    params = tiny_params(pretrain={"images_shown": 160, "checkpoint_every": 80})
    before = run(tmp_path, params)
    store = FakeStore()
    _, held_out = pretraining_images(fake_manifest(store), store, params.pretrain)
    for image_id in held_out.image_ids:
        store.pixels[image_id] = 255 - store.pixels[image_id]
    capsys.readouterr()
    after = run(tmp_path, params, store=store)
    assert "the held-out radiographs are others than before" in capsys.readouterr().err
    weights = before.model.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in after.model.state_dict().items())
    assert after.history["train_loss"].equals(before.history["train_loss"])
    judged = after.history.drop(columns=["images", "train_loss"])
    assert judged.iloc[0].isna().all()
    held_out = Images(store, held_out.image_ids.tolist())
    expected = validation_losses(after.model, held_out, params.pretrain, ALONE)  # NaN for tenths without an image
    np.testing.assert_array_equal(judged.iloc[1], [expected[name] for name in judged])
    assert expected["validation_loss"] != before.history["validation_loss"].iloc[1]
    assert list(after.pictures) == [160]
    assert (after.pictures[160][0] == 255 - before.pictures[160][0]).all()
    folder = next(tmp_path.glob("runs/*"))
    assert json.loads((folder / "log.jsonl").read_text().splitlines()[0]).keys() == {"images", "train_loss"}

    longer = run(tmp_path, tiny_params(pretrain={"images_shown": 240, "checkpoint_every": 80}), store=store)
    assert longer.history["validation_loss"].isna().tolist() == [True, False, False]
    capsys.readouterr()
    run(tmp_path, tiny_params(pretrain={"images_shown": 240, "checkpoint_every": 80}), store=store)
    assert not capsys.readouterr().err
