"""Pictures as PNG files: exact, and marked where a model made them."""

import io

import numpy as np
from PIL import Image

from diffchest.explain.pictures import GENERATED, coloured, names_of, picture_files
from tests.helpers.toy_drawings import toy_explained


def opened(data):
    return Image.open(io.BytesIO(data))


def test_files_hold_the_very_pixels_and_say_what_is_generated():
    explained = toy_explained(["goiter", "pleural effusion"], ["film"])
    files = picture_files(explained, changes_the_original=True)
    assert list(files.contents) == [
        "original.png", "goiter_counterfactual.png", "goiter_difference.png", "pleural_effusion_counterfactual.png",
        "pleural_effusion_difference.png",
    ]  # fmt: skip
    assert (np.asarray(opened(files.contents["original.png"])) == explained.original[0]).all()
    found = np.asarray(opened(files.contents["pleural_effusion_counterfactual.png"]))
    assert (found == explained.counterfactual[0, 1]).all()
    marked = {name: opened(data).info.get("Comment") for name, data in files.contents.items()}
    assert marked == {name: None if name == "original.png" else GENERATED for name in files.contents}
    assert "not for diagnosis" in GENERATED


def test_differences_are_from_what_was_changed():
    explained = toy_explained(["goiter"], ["film"], reconstruction=np.full((1, 8, 8), 90, np.uint8),
                              counterfactual=np.full((1, 1, 8, 8), 90, np.uint8))  # fmt: skip
    from_reconstruction = picture_files(explained, changes_the_original=False)
    assert from_reconstruction.base == "reconstruction.png"
    assert np.asarray(opened(from_reconstruction.contents["goiter_difference.png"])).min() > 250
    assert opened(from_reconstruction.contents["reconstruction.png"]).info["Comment"] == GENERATED
    from_original = picture_files(explained, changes_the_original=True)
    assert from_original.base == "original.png"
    assert np.asarray(opened(from_original.contents["goiter_difference.png"])).min() < 250


def test_differences_are_red_where_brighter_and_blue_where_darker():
    darker, same, brighter = coloured(np.array([[-20.0, 0.0, 20.0]]), 20.0)[0].astype(int)
    assert darker[2] > darker[0] + 50
    assert brighter[0] > brighter[2] + 50
    assert same.min() > 250


def test_no_two_findings_share_a_file():
    names = names_of(["a/b", "A b", "c"])
    assert names[2] == ("c_counterfactual.png", "c_difference.png")
    assert len({name.lower() for pair in names for name in pair}) == 6
