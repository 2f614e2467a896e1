"""A tiny network, radiographs of noise and shapes, and a run that can be killed, or started by `torchrun`.

python -m tests.helpers.tiny <folder> <parameters of pretrain, as JSON>
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from diffchest.compute.processes import ALONE, Processes, launched
from diffchest.model.autoencoder import save_autoencoder
from diffchest.params.whole import Params
from diffchest.pretraining.images import pretraining_images
from diffchest.pretraining.loop import pretrain
from tests.helpers.repository import ROOT
from tests.helpers.waiting import HANG


def tiny_params(*, pretrain: dict | None = None, diffusion: dict | None = None, size: int = 16, **model) -> Params:
    """The default parameters with a network of a few thousand weights at 16 px."""
    params = Params.load(ROOT / "params.yaml")
    encoder = params.model.encoder.model_copy(update={"channel_multipliers": [1, 2], "residual_blocks": 1})
    narrow = {
        "space_to_depth": 2,
        "base_channels": 8,
        "channel_multipliers": [1, 2],
        "residual_blocks": 1,
        "time_dim": 16,
        "latent_dim": 4,
        "latent_map_channels": 2,
        "attention_resolutions": [4],
        "encoder": encoder,
    }
    run = {
        "learning_rate": 0.001,
        "images_shown": 640,
        "batch_size": 16,
        "warmup_images": 64,
        "checkpoint_every": 160,
        "seed": 1,
    }
    return params.model_copy(
        update={
            "images": params.images.model_copy(update={"size": size}),
            "model": params.model.model_copy(update={**narrow, **model}),
            "diffusion": params.diffusion.model_copy(update={"timesteps": 100, **(diffusion or {})}),
            "pretrain": params.pretrain.model_copy(
                update={"validation_fraction": 0.1, "roles": ["pretrain"], **run, **(pretrain or {})}
            ),
        }
    )


class FakeStore:
    """What pretraining and encoding need of the image store."""

    def __init__(self, images: int = 120, size: int = 16) -> None:
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 90, (images, size, size), dtype=np.uint8)
        pixels[::2, size // 2 :, : size // 2] += 150  # every other one has a bright corner
        self.size = size
        self.pixels = {f"fake/{n:03d}": pixels[n] for n in range(images)}

    def read(self, image_ids):
        return np.stack([self.pixels[image_id] for image_id in image_ids])


def fake_manifest(store: FakeStore) -> pd.DataFrame:
    """Three images a patient; the last ten patients are for testing."""
    ids = sorted(store.pixels)
    patients = [n // 3 for n in range(len(ids))]
    role = ["test" if patient >= max(patients) - 9 else "pretrain" for patient in patients]
    return pd.DataFrame({"image_id": ids, "patient_id": [f"fake/{patient}" for patient in patients], "role": role})


def run(folder: Path, params: Params, processes: Processes = ALONE, *, store: FakeStore | None = None):
    """Pretrain on the fake radiographs, checkpoints in `folder`."""
    store = store or FakeStore()
    train, validation = pretraining_images(fake_manifest(store), store, params.pretrain)
    return pretrain(
        train, validation, model=params.model, diffusion=params.diffusion, settings=params.pretrain,
        image_size=params.images.size, runs=folder / "runs", device=torch.device("cpu"), processes=processes,
    )  # fmt: skip


def launch(module: str, *arguments: str, processes: int = 1) -> subprocess.Popen:
    """Start a module, by `torchrun` where there are several processes; one thread each, so that rounding is the same."""
    several = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    command = [sys.executable, *several, "-m", module, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=-1, stderr=-1, env=environment)


def finished(process: subprocess.Popen) -> str:
    """What a launched process printed, once it has ended well."""
    output, message = process.communicate(timeout=HANG)
    assert process.returncode == 0, message
    return output


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    with launched() as several:
        result = run(out, tiny_params(pretrain=json.loads(sys.argv[2]), dropout=0.1), several)
    if several.first:
        save_autoencoder(out / "model.safetensors", result.model)
        result.history.to_csv(out / "loss.csv", index=False)
