"""OpenAI's tensors renamed, and files that are no such CLIP."""

import pickle

import pytest
import torch
from safetensors.torch import load_file

from diffchest.baselines.clip_weights import load_clip, openai_tensors
from diffchest.errors import DataError
from tests.helpers.authors_files import Hostile
from tests.helpers.tiny_clip import random_clip, save_clip


def test_openai_names_survive_the_way_there_and_back(weights):
    theirs, back = load_file(weights), openai_tensors(load_clip(weights))
    assert set(back) == set(theirs)
    for name, tensor in theirs.items():
        assert torch.equal(back[name], tensor.float()), name


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
        with pytest.raises(
            DataError, match=r"clip\.pt: (is cut off; download|is empty; download|a web page, not a checkpoint; give)"
        ):
            load_clip(checkpoint)
    for content, found in (([1], "a list"), ({"state_dict": {}, "epoch": 1}, "the keys state_dict, epoch")):
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
    with pytest.raises(DataError, match=r"a pickle of Python that `torch.save` did not write, .* not loaded"):
        load_clip(checkpoint)
    assert not trace.exists()
