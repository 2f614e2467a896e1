"""CheXzero (Tiu et al. 2022): findings scored by a CLIP from their names alone, without any label."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize
from transformers import CLIPModel, CLIPTokenizer

from diffchest.baselines.clip_tokens import tokenize
from diffchest.baselines.clip_weights import load_clip
from diffchest.compute.read_ahead import read_ahead
from diffchest.contracts.image_store import ImageStore
from diffchest.errors import DataError
from diffchest.progress import progress

MEAN, SD = 101.48761, 83.43944  # of the authors' training radiographs, gray levels from 0 to 255
CHECKPOINTS = ("*.pt", "*.safetensors")
BATCH = 64


def checkpoint_files(entries: Sequence[str]) -> list[Path]:
    """The files that `entries` name, a folder standing for its checkpoints; `DataError` for one without any."""
    files: list[Path] = []
    for path in map(Path, entries):
        found = sorted(file for pattern in CHECKPOINTS for file in path.glob(pattern)) if path.is_dir() else [path]
        if not found:
            raise DataError(f"{path}: a folder without checkpoints ({', '.join(CHECKPOINTS)}); put them there")
        files += [file for file in found if file not in files]  # one named twice would count twice
    return files


@dataclass(frozen=True, eq=False)
class ZeroShot:
    """One checkpoint, and the unit features [F, e] of the prompts of F findings."""

    model: CLIPModel
    positive: Tensor
    negative: Tensor

    @classmethod
    @torch.inference_mode()
    def prepare(
        cls, model: CLIPModel, tokenizer: CLIPTokenizer, prompts: pd.DataFrame, device: torch.device
    ) -> "ZeroShot":
        """Encode the prompts of `prompts_of`, on `device`."""
        torch.nn.Module.to(model, device)
        positive, negative = (
            text_features(model, tokenizer, prompts[side].tolist()) for side in ("positive", "negative")
        )
        return cls(model, positive, negative)

    @torch.inference_mode()
    def probabilities(self, gray: np.ndarray) -> np.ndarray:
        """Float32 [N, F] for square images uint8 [N, S, S]: exp(cos+) / (exp(cos+) + exp(cos-)), no logit scale."""
        features = image_features(self.model, gray)
        return torch.sigmoid(features @ (self.positive - self.negative).T).cpu().numpy()


def zero_shot_scores(
    checkpoints: Sequence[Path],
    store: ImageStore,
    image_ids: Sequence[str],
    prompts: pd.DataFrame,
    *,
    tokenizer: CLIPTokenizer,
    device: torch.device,
) -> np.ndarray:
    """Probabilities [N, F], float32, of the findings in `prompts`, averaged over the checkpoints.

    The images of `store` are padded to squares already. Raises `DataError` as `load_clip` and `tokenize` do.
    """
    total = np.zeros((len(image_ids), len(prompts)), dtype=np.float64)
    batches = [image_ids[first : first + BATCH] for first in range(0, len(image_ids), BATCH)]
    for path in checkpoints:
        scorer = ZeroShot.prepare(load_clip(path), tokenizer, prompts, device)
        shown = progress(read_ahead(store.read, batches), total=len(batches), desc=path.stem, unit=f"x {BATCH} images")
        probabilities = np.concatenate([scorer.probabilities(gray) for _, gray in shown])
        if not np.isfinite(probabilities).all():
            raise DataError(f"{path}: gives NaN or infinite probabilities; its weights are damaged, download it again")
        total += probabilities
    return (total / len(checkpoints)).astype(np.float32)


def preprocess(gray: Tensor, size: int) -> Tensor:
    """Square images uint8 [N, S, S] to the network's input, float32 [N, 3, size, size].

    Bicubic without antialiasing, as torchvision resized tensors when CheXzero was trained.
    """
    x = ((gray.float() - MEAN) / SD)[:, None]
    if x.shape[-1] != size:
        x = interpolate(x, size=(size, size), mode="bicubic", align_corners=False)
    return x.expand(-1, 3, -1, -1)


@torch.inference_mode()
def image_features(model: CLIPModel, gray: np.ndarray) -> Tensor:
    """Unit features [N, e] of square images uint8 [N, S, S]."""
    embeddings = model.vision_model.embeddings
    image_size = math.isqrt(embeddings.num_patches) * embeddings.patch_embedding.kernel_size[0]
    pixels = preprocess(torch.from_numpy(gray).to(model.device), image_size)
    return normalize(model.visual_projection(model.vision_model(pixels).pooler_output), dim=-1)


@torch.inference_mode()
def text_features(model: CLIPModel, tokenizer: CLIPTokenizer, texts: Sequence[str]) -> Tensor:
    """Unit features [F, e] of prompts."""
    context = model.text_model.embeddings.position_embedding.num_embeddings
    tokens = tokenize(tokenizer, texts, context=context).to(model.device)
    return normalize(model.text_projection(model.text_model(tokens).pooler_output), dim=-1)
