"""Token ids against those of OpenAI, and by hand."""

import numpy as np
import pytest

from diffchest.baselines.clip_tokens import VOCABULARY, WHEEL, clip_tokenizer, tokenize
from diffchest.baselines.prompts import prompts_of
from diffchest.errors import DataError


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


def test_a_prompt_that_is_too_long_is_named(tokenizer):
    with pytest.raises(DataError, match=r"prompt 'a a a a a a a': 9 tokens, expected at most 8; shorten it"):
        tokenize(tokenizer, ["a a a a a a a"], context=8)


def test_the_vocabulary_is_pinned(tmp_path):
    (tmp_path / WHEEL.file).write_bytes(b"another file")
    with pytest.raises(DataError, match=r"wrong checksum.*pypi\.org/project/open_clip_torch/3\.3\.0"):
        clip_tokenizer(tmp_path)
