"""Checkpointed activations: the same gradient from fewer saved bytes."""

import copy

import torch
from torch.autograd.graph import saved_tensors_hooks

from diffchest.model.activation_checkpointing import checkpoint_activations
from tests.helpers.networks import build, randomised


def gradient_and_saved_bytes(model):
    """Gradients of one step with dropout, and the bytes that its forward pass keeps besides the weights."""
    torch.manual_seed(3)
    x, t = torch.rand(4, 1, 32, 32), torch.tensor([1, 20, 50, 99])
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(x, x, t).square().sum()
    held = sum(kept.values())
    loss.backward()
    return [weight.grad for weight in model.parameters()], held


def test_gradients_are_the_same_and_fewer_bytes_are_kept():
    kept = randomised(build(size=32, dropout=0.3)).train()
    computed_again = copy.deepcopy(kept)
    checkpoint_activations(computed_again)
    gradients, held = gradient_and_saved_bytes(kept)
    again, held_again = gradient_and_saved_bytes(computed_again)
    assert any(gradient.any() for gradient in gradients)
    assert all(torch.equal(*pair) for pair in zip(gradients, again, strict=True))
    assert held_again < 0.5 * held


def test_without_gradients_the_same_is_computed():
    model = randomised(build(size=32))
    x, t = torch.rand(2, 1, 32, 32), torch.tensor([1, 99])
    with torch.inference_mode():
        before = model(x, x, t)
        checkpoint_activations(model)
        assert torch.equal(model(x, x, t), before)
