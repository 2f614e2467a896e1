"""Fixtures shared by the tests of this room."""

import numpy as np
import pytest

from diffchest.baselines.clip_tokens import clip_tokenizer
from diffchest.files.wheels import DOWNLOADS
from tests.helpers.tiny_clip import random_clip, save_clip


@pytest.fixture(scope="module")
def tokenizer(root):
    """OpenAI's vocabulary; the wheel that holds it is downloaded once."""
    return clip_tokenizer(root / DOWNLOADS)


@pytest.fixture(scope="module")
def weights(shared):
    return shared / "parity" / "chexzero_weights.safetensors"


@pytest.fixture(scope="module")
def vectors(shared):
    with np.load(shared / "parity" / "chexzero_vectors.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture
def checkpoint(tmp_path):
    return save_clip(tmp_path / "clip.pt", random_clip())
