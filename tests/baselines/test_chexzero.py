"""CheXzero against vectors of OpenAI's implementation, and what happens to files that are no such CLIP."""

import numpy as np
import pytest
import torch

from diffchest.baselines.chexzero import (
    MEAN,
    SD,
    ZeroShot,
    checkpoint_files,
    image_features,
    preprocess,
    text_features,
    zero_shot_scores,
)
from diffchest.baselines.clip_weights import load_clip
from diffchest.baselines.prompts import prompts_of
from diffchest.errors import DataError
from tests.helpers.tiny_clip import random_clip, save_clip

CPU = torch.device("cpu")
TURNED_ROUND = {"normal": ["no normal", "normal"]}


class Store:
    """Images by id, as the image store gives them."""

    def __init__(self, images):
        self.images = images

    def read(self, image_ids):
        return self.images[[int(image_id) for image_id in image_ids]]


@torch.inference_mode()
def test_features_and_probabilities_are_those_of_openai(tokenizer, weights, vectors):
    model = load_clip(weights)
    prompts = prompts_of(vectors["findings"].tolist(), {})
    found = {"image_features": image_features(model, vectors["gray_uint8"]).numpy()}
    for side in ("positive", "negative"):
        found[f"text_features_{side}"] = text_features(model, tokenizer, prompts[side].tolist()).numpy()
    scorer = ZeroShot.prepare(model, tokenizer, prompts, CPU)
    found["probability"] = scorer.probabilities(vectors["gray_uint8"])
    for name, values in found.items():
        assert np.abs(values - vectors[name]).max() < 1e-4, name


def test_scores_are_the_mean_over_checkpoints(tokenizer, tmp_path):
    """Networks of two geometries; each one's probabilities from its cosines, in NumPy."""
    images = np.random.default_rng(0).integers(0, 256, (70, 48, 48), dtype=np.uint8)
    geometries = ({"seed": 1}, {"seed": 2, "patch": 16, "size": 32, "embed": 24})
    networks = [random_clip(**geometry) for geometry in geometries]
    files = [save_clip(tmp_path / f"{number}.pt", model) for number, model in enumerate(networks)]
    prompts = prompts_of(["edema", "Normal"], TURNED_ROUND)  # whatever the case
    ids = [str(number) for number in range(len(images))]
    scores = zero_shot_scores(files, Store(images), ids, prompts, tokenizer=tokenizer, device=CPU)
    expected = []
    for model in networks:
        image = image_features(model, images).numpy()
        present, absent = (
            np.exp(image @ text_features(model, tokenizer, texts).numpy().T)
            for texts in (["edema", "no normal"], ["no edema", "normal"])
        )
        expected.append(present / (present + absent))
    np.testing.assert_allclose(scores, np.mean(expected, axis=0), atol=1e-6)
    assert scores.std(axis=0).min() > 0
    with torch.inference_mode():
        again = zero_shot_scores(files[:1], Store(images), ids, prompts, tokenizer=tokenizer, device=CPU)
    np.testing.assert_allclose(again, expected[0], atol=1e-6)


def test_a_turned_round_prompt_gives_the_other_probability(tokenizer):
    images = np.random.default_rng(0).integers(0, 256, (5, 64, 64), dtype=np.uint8)
    model = random_clip()
    plain, turned = (
        ZeroShot.prepare(model, tokenizer, prompts_of(["normal"], table), CPU).probabilities(images)
        for table in ({}, TURNED_ROUND)
    )
    np.testing.assert_allclose(plain + turned, 1, atol=1e-6)


def test_preprocessing_is_cubic_convolution_without_antialiasing():
    """Keys' kernel (1981) with a = -0.75, of width 4 however much the image shrinks, summed by hand."""
    row = np.random.default_rng(0).integers(0, 256, 64)
    x = preprocess(torch.tensor(row, dtype=torch.uint8).repeat(1, 64, 1), 48)
    assert x.shape == (1, 3, 48, 48)
    a = -0.75
    distance = np.abs(((np.arange(48) + 0.5) * 64 / 48 - 0.5)[:, None] - np.arange(64))
    near = (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    far = a * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    kernel = np.select([distance <= 1, distance < 2], [near, far], 0.0)
    expected = kernel @ ((row - MEAN) / SD)
    np.testing.assert_allclose(x[0, 1, 20].numpy()[2:-2], expected[2:-2], atol=1e-5)
    assert torch.equal(x[0, 0], x[0, 2])
    same = preprocess(torch.tensor(row, dtype=torch.uint8).repeat(1, 64, 1), 64)
    np.testing.assert_allclose(same[0, 0, 9].numpy(), (row - MEAN) / SD, atol=1e-6)


def test_a_folder_stands_for_its_checkpoints(tmp_path):
    for name in ("b.pt", "a.pt", "c.safetensors", "notes.txt"):
        (tmp_path / name).touch()
    names = [path.name for path in checkpoint_files([str(tmp_path / "b.pt"), str(tmp_path)])]
    assert names == ["b.pt", "a.pt", "c.safetensors"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: a folder without checkpoints"):
        checkpoint_files([str(tmp_path / "empty")])
