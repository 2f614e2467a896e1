"""Measure CheXzero's zero-shot pass: a random CLIP ViT-B/32 at 224 px, PadChest's number of findings, 256 px images.

python -m benchmarks.speed.zero_shot_speed [--threads 2]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import torch
from transformers import CLIPConfig, CLIPModel

from diffchest.baselines.chexzero import ZeroShot, preprocess
from diffchest.baselines.clip_tokens import clip_tokenizer
from diffchest.baselines.clip_weights import load_clip, openai_tensors
from diffchest.baselines.prompts import prompts_of

T = TypeVar("T")

FINDINGS = 193
SIZE = 256  # px
IMAGES = 128
BATCHES = (16, 64)  # in turn
REPETITIONS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig())  # the default geometry is that of ViT-B/32
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.pt"
        torch.save(openai_tensors(model), path)
        model, seconds = timed(lambda: load_clip(path))
        print(f"checkpoint of {path.stat().st_size / 1e6:.0f} MB read in {seconds:.1f} s; {threads} threads, {device}")
    prompts = prompts_of([f"finding {chr(97 + number % 26)} {number}" for number in range(FINDINGS)], {})
    tokenizer = clip_tokenizer()
    scorer, seconds = timed(lambda: ZeroShot.prepare(model, tokenizer, prompts, device))
    print(f"{2 * FINDINGS} prompts encoded in {seconds:.1f} s")
    gray = np.random.default_rng(0).integers(0, 256, (IMAGES, SIZE, SIZE), dtype=np.uint8)
    rates: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    for _ in range(REPETITIONS):
        for batch, found in rates.items():
            found.append(rate(scorer.probabilities, gray, batch))
    for batch, found in rates.items():
        print(f"batches of {batch}: {statistics.median(found):.1f} images/s ({min(found):.1f} to {max(found):.1f})")
    alone = rate(lambda part: preprocess(torch.from_numpy(part).to(device), 224), gray, BATCHES[1])
    print(f"preprocessing alone, batches of {BATCHES[1]}: {alone:,.0f} images/s")


def rate(work: Callable[[np.ndarray], object], gray: np.ndarray, batch: int) -> float:
    """Images a second."""
    _, seconds = timed(lambda: [work(gray[first : first + batch]) for first in range(0, len(gray), batch)])
    return len(gray) / seconds


def timed(work: Callable[[], T]) -> tuple[T, float]:
    begun = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begun


if __name__ == "__main__":
    main()
