"""CheXzero against vectors of OpenAI's implementation, and what happens to files that are no such CLIP."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import load_file

from diffchest.baselines import models
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
from diffchest.baselines.clip_tokens import VOCABULARY, WHEEL, clip_tokenizer, tokenize
from diffchest.baselines.clip_weights import load_clip, openai_tensors
from diffchest.baselines.prompts import prompts_of
from diffchest.contracts.dataset import Dataset
from diffchest.errors import DataError
from diffchest.files.wheels import DOWNLOADS
from diffchest.params.whole import load_params
from tests.helpers.tiny_clip import random_clip, save_clip
from tests.model.test_authors import Hostile

CPU = torch.device("cpu")
TURNED_ROUND = {"normal": ["no normal", "normal"]}


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


class Store:
    """Images by id, as the image store gives them."""

    def __init__(self, images):
        self.images = images

    def read(self, image_ids):
        return self.images[[int(image_id) for image_id in image_ids]]


def test_token_ids_are_those_of_openai(tokenizer, vectors):
    prompts = prompts_of(vectors["findings"].tolist(), {})
    for side in ("positive", "negative"):
        ids = tokenize(tokenizer, prompts[side].tolist(), context=77)
        np.testing.assert_array_equal(ids.numpy(), vectors[f"tokens_{side}"])


def test_words_are_split_and_padded_by_hand_checked_ids(tokenizer):
    """Ids that OpenAI publishes in its notebook: 'a photo of a cat' and an upper-case twin with odd spaces."""
    expected = [49406, 320, 1125, 539, 320, 2368, 49407, 0]
    ids = tokenize(tokenizer, ["a photo of a cat", "  A photo\tof  a CAT "], context=8)
    assert ids.tolist() == [expected, expected]
    assert tokenizer.get_vocab()["<|endoftext|>"] == VOCABULARY - 1


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


def test_openai_names_survive_the_way_there_and_back(weights):
    theirs, back = load_file(weights), openai_tensors(load_clip(weights))
    assert set(back) == set(theirs)
    for name, tensor in theirs.items():
        assert torch.equal(back[name], tensor.float()), name


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


def test_prompts_say_which_are_the_users(root):
    table = load_params(root / "params.yaml").baselines.chexzero.prompts
    prompts = prompts_of(["NSG tube", "normal", "No Finding"], table).set_index("finding")
    assert prompts.loc["NSG tube"].tolist() == ["NSG tube", "no NSG tube", True]
    assert prompts.loc["normal"].tolist() == ["no normal", "normal", False]
    assert prompts.loc["No Finding"].tolist() == ["no No Finding", "No Finding", False]


def test_a_finding_without_a_prompt_is_named():
    for name in ("", "23"):
        with pytest.raises(DataError, match=rf"finding '{name}': .* to baselines\.chexzero\.prompts in params\.yaml"):
            prompts_of(["edema", name], {})
    assert prompts_of(["23"], {"23": ["edema", "no edema"]})["positive"].tolist() == ["edema"]


def test_a_prompt_that_is_too_long_is_named(tokenizer):
    with pytest.raises(DataError, match=r"prompt 'a a a a a a a': 9 tokens, expected at most 8; shorten it"):
        tokenize(tokenizer, ["a a a a a a a"], context=8)


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


@pytest.mark.parametrize(
    "geometry",
    [
        {"width": 128, "layers": 3, "patch": 16, "size": 64, "embed": 40},
        {"text_width": 128, "text_layers": 1, "context": 20, "patch": 8, "size": 24},
    ],
)
def test_geometry_is_read_from_the_tensors(tmp_path, geometry):
    model = random_clip(**geometry)
    path = save_clip(tmp_path / "clip.pt", model, input_resolution=torch.tensor(1), vocab_size=torch.tensor(1))
    loaded = load_clip(path)
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name
    pixels = torch.randn(2, 3, geometry["size"], geometry["size"])
    with torch.inference_mode():
        assert torch.allclose(
            loaded.vision_model(pixels).pooler_output, model.vision_model(pixels).pooler_output, atol=1e-5
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"visual.proj": None}, r"not a CLIP with a vision transformer .*`visual\.proj` is missing"),
        ({"visual.conv1.weight": torch.zeros(64, 3)}, r"`visual\.conv1\.weight` is \(64, 3\)"),
        ({"visual.conv1.weight": torch.zeros(65, 3, 32, 32)}, "expected a width that is a multiple of 64"),
        ({"visual.positional_embedding": torch.zeros(7, 64)}, "has 7 places, expected 1 more than a square"),
        ({"token_embedding.weight": torch.zeros(100, 64)}, "has 100 rows, expected the 49408 words"),
        ({"ln_final.bias": None}, r"1 tensor\(s\) do not fit the network:\n  missing ln_final\.bias \(64,\)"),
        ({"visual.transformer.resblocks.1.attn.in_proj_weight": None}, r"in_proj_weight \(192, 64\)"),
        ({"visual.attnpool.c_proj.bias": torch.zeros(2)}, r"unexpected visual\.attnpool\.c_proj\.bias"),
        ({"text_projection": torch.zeros(64, 33)}, r"text_projection is \(64, 33\), expected \(64, 32\)"),
    ],
)
def test_other_geometries_are_named(tmp_path, changes, message):
    path = save_clip(tmp_path / "clip.pt", random_clip(), **changes)
    with pytest.raises(DataError, match=message) as caught:
        load_clip(path)
    assert str(path) in str(caught.value)


def test_files_that_are_no_checkpoints_are_named(tmp_path, checkpoint):
    whole = checkpoint.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"<html>quota exceeded</html>"):
        checkpoint.write_bytes(content)
        with pytest.raises(DataError, match=r"clip\.pt: not a whole checkpoint .* download it again"):
            load_clip(checkpoint)
    for content, found in (([1], "list"), ({"state_dict": {}, "epoch": 1}, "the keys state_dict, epoch")):
        torch.save(content, checkpoint)
        with pytest.raises(DataError, match=f"expected the state dict of a CLIP, tensors by name, found {found}"):
            load_clip(checkpoint)
    torch.save({"layer1.weight": torch.zeros(2)}, checkpoint)
    with pytest.raises(DataError, match=r"not a CLIP .* \(found layer1\.weight\); give a checkpoint of CheXzero"):
        load_clip(checkpoint)
    with pytest.raises(DataError, match=r"none\.pt: no such file; give a checkpoint of CheXzero"):
        load_clip(tmp_path / "none.pt")


def test_nothing_in_a_checkpoint_is_executed(tmp_path, checkpoint):
    trace = tmp_path / "executed"
    torch.save({"a": torch.zeros(1), "b": Hostile(f"touch {trace}")}, checkpoint)
    with pytest.raises(DataError, match=r"refused, since it holds objects of posix\.system"):
        load_clip(checkpoint)
    checkpoint.write_bytes(pickle.dumps(Hostile(f"touch {trace}")))
    with pytest.raises(DataError, match="not a whole checkpoint"):
        load_clip(checkpoint)
    assert not trace.exists()


def test_a_folder_stands_for_its_checkpoints(tmp_path):
    for name in ("b.pt", "a.pt", "c.safetensors", "notes.txt"):
        (tmp_path / name).touch()
    names = [path.name for path in checkpoint_files([str(tmp_path / "b.pt"), str(tmp_path)])]
    assert names == ["b.pt", "a.pt", "c.safetensors"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: a folder without checkpoints"):
        checkpoint_files([str(tmp_path / "empty")])


@pytest.fixture
def task(root, monkeypatch):
    """The stage's task with the committed parameters, some of them changed, and one finding."""
    monkeypatch.setattr(models.Task, "labels", lambda task, image_ids: pd.DataFrame(columns=["edema"]))

    def make(**changes):
        raw = YAML(typ="safe").load(root / "params.yaml")
        raw["baselines"]["chexzero"] |= changes
        return models.Task(
            models.BaselineParams.parse(raw, key="chexzero"), Dataset("set", pd.DataFrame()), [], ["set/1", "set/2"]
        )

    return make


def test_without_weights_the_stage_says_what_to_download_and_scores_nothing(task, capsys):
    scored = models.score(task())
    told = capsys.readouterr().err
    assert "it is left out of the comparison. To compare with it, download the checkpoints in a browser" in told
    assert "https://github.com/rajpurkarlab/CheXzero" in told
    assert "put them into external/chexzero/, and run: dvc exp run -S 'baselines.chexzero.checkpoints=" in told
    assert scored.scores.shape == (2, 0)
    assert scored.table["positive"].tolist() == ["edema"]


def test_without_transformers_the_message_says_what_to_install(task, monkeypatch):
    monkeypatch.setattr(models, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install -e '\.\[chexzero\]'"):
        models.score(task(checkpoints=["clip.pt"]))


def test_the_vocabulary_is_pinned(tmp_path):
    (tmp_path / WHEEL.file).write_bytes(b"another file")
    with pytest.raises(DataError, match=r"wrong checksum.*pypi\.org/project/open_clip_torch/3\.3\.0"):
        clip_tokenizer(tmp_path)
