"""CLIP's tokenizer (Radford et al. 2021): byte-pair encoding with OpenAI's vocabulary, taken from a wheel on PyPI."""

import gzip
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPTokenizer
from transformers.convert_slow_tokenizer import bytes_to_unicode

from diffchest.errors import DataError
from diffchest.files.wheels import DOWNLOADS, Wheel, fetch_wheel

WHEEL = Wheel(
    project="open_clip_torch",
    version="3.3.0",
    file="open_clip_torch-3.3.0-py3-none-any.whl",
    sha256="c549ad5ed6bfc119cc11105033c0a2b9d7a2a4afeb40a58a09aab3da1a0043ce",
)
MERGES = "open_clip/bpe_simple_vocab_16e6.txt.gz"
VOCABULARY = 49_408  # 256 bytes, each alone and at the end of a word; the merges; start and end of text
START, END = "<|startoftext|>", "<|endoftext|>"


def clip_tokenizer(downloads: Path = DOWNLOADS) -> CLIPTokenizer:
    """The tokenizer, its vocabulary from the wheel in `downloads`; see `fetch_wheel` for what it raises."""
    with zipfile.ZipFile(fetch_wheel(WHEEL, downloads)) as archive:
        lines = gzip.decompress(archive.read(MERGES)).decode().splitlines()
    letters = list(bytes_to_unicode().values())
    merges = lines[1 : VOCABULARY - 2 * len(letters) - 2 + 1]  # after a line with the version; OpenAI leaves the rest
    words = letters + [f"{letter}</w>" for letter in letters] + ["".join(merge.split()) for merge in merges]
    vocabulary = {word: number for number, word in enumerate([*words, START, END])}
    pairs: Any = [tuple(merge.split()) for merge in merges]  # annotated as strings there, and refused as such
    return CLIPTokenizer(vocab=vocabulary, merges=pairs)


def tokenize(tokenizer: CLIPTokenizer, texts: Sequence[str], *, context: int) -> Tensor:
    """Token ids int64 [N, context] of `texts`: start, words, end, then zeros, as OpenAI's code pads.

    Raises `DataError` naming a text that has too many tokens.
    """
    ids = torch.zeros(len(texts), context, dtype=torch.int64)
    for row, text in enumerate(texts):
        tokens = tokenizer(text.strip())["input_ids"]
        if len(tokens) > context:
            raise DataError(f"prompt {text!r}: {len(tokens)} tokens, expected at most {context}; shorten it")
        ids[row, : len(tokens)] = torch.tensor(tokens)
    return ids
