"""The operations of a step, listed without data and called one by one."""

import torch

from diffchest.cost.counting import network
from diffchest.cost.measuring import Measured, Operation, Pool, Shape, measure, traced
from tests.helpers.tiny import tiny_params


def test_the_operations_listed_are_those_of_the_step():
    params = tiny_params()
    found = traced(params, 4)
    forward = [one for one in found if one.function == torch.ops.aten.convolution.default]
    backward = [one for one in found if one.function == torch.ops.aten.convolution_backward.default]
    convolutions = sum(isinstance(part, torch.nn.Conv2d) for part in network(params).modules())
    assert len(forward) == len(backward) == convolutions


def test_an_operation_is_called_with_numbers_of_its_shapes():
    shape = Shape((2, 3), (1, 2), torch.float32)
    _, structure = torch.utils._pytree.tree_flatten(((0, 0), {}))
    add = Operation(torch.ops.aten.add.Tensor, (shape, shape), structure)
    made = add.ready(Pool([add]))()
    assert made.shape == (2, 3)
    assert made.stride() == (1, 2)
    assert ((made > 0.2) & (made < 1.8)).all()


def test_expanded_tensors_and_indices_are_filled():
    expanded = Shape((4, 2), (0, 1), torch.float32).filled()
    assert expanded.untyped_storage().nbytes() == 8
    assert not Shape((3,), (1,), torch.int64).filled().any()


def test_the_ratio_is_of_the_same_turn():
    measured = Measured(1, [10.0, 20.0, 40.0], [11.0, 22.0, 44.0], {}, 1)
    assert abs(measured.ratio - 1.1) < 1e-9


def test_a_step_is_measured_beside_what_its_operations_take():
    found = measure(tiny_params(), 4, seconds=1.0)
    assert len(found.measured) == len(found.predicted) >= 3
    assert all(rate > 0 for rate in (*found.measured, *found.predicted))
    assert {"convolutions, products", "normalisation", "optimiser, clipping"} <= set(found.kinds)
