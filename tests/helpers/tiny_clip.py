"""Random CLIPs in files under OpenAI's names, as CheXzero's checkpoints are."""

from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel

from diffchest.baselines.clip_tokens import VOCABULARY
from diffchest.baselines.clip_weights import openai_tensors


def random_clip(*, seed=0, width=64, layers=2, patch=32, size=64, text_width=64, text_layers=2, embed=32, context=77):
    """A network of a few layers whose features depend on what it is given."""
    torch.manual_seed(seed)
    text = {"hidden_size": text_width, "num_hidden_layers": text_layers, "num_attention_heads": text_width // 64}
    text |= {"intermediate_size": 4 * text_width, "max_position_embeddings": context, "vocab_size": VOCABULARY}
    text |= {"bos_token_id": VOCABULARY - 2, "eos_token_id": VOCABULARY - 1}
    vision = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": width // 64}
    vision |= {"intermediate_size": 4 * width, "image_size": size, "patch_size": patch}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=embed)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2) if parameter.ndim > 1 else torch.nn.init.normal_(parameter, 0.5, 0.1)
    return model


def save_clip(path: Path, model: CLIPModel, **changes) -> Path:
    """Write the state dict as `torch.save` does; `changes` replace tensors, None removes them."""
    state = {name: tensor.contiguous() for name, tensor in openai_tensors(model).items()}
    state = {name: tensor for name, tensor in (state | changes).items() if tensor is not None}
    torch.save(state, path)
    return path
