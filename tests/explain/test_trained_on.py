"""What the model was trained on, and radiographs near to it and far from it."""

import numpy as np
import pytest
import torch

from diffchest.counterfactuals.likeness import distances
from diffchest.explain.radiograph import Radiograph
from diffchest.explain.trained_on import trained_on
from diffchest.images.squares import to_model_range
from tests.helpers.toy_autoencoder import LinearAutoencoder, toy_head, toy_moves, toy_radiographs


@pytest.mark.parametrize(("share", "unlike"), [(0.99, True), (1.01, False)])
def test_a_radiograph_is_unlike_beyond_the_quantile_of_99_percent(share, unlike):
    """The quantile of 99 % is put just below the radiograph's own distance, and just above it."""
    head, model, square = toy_head(), LinearAutoencoder(), toy_radiographs(1)[0]
    z = model.encode(torch.from_numpy(to_model_range(square[None]))).detach().numpy()
    moves = toy_moves(head)
    own = float(distances(z, head, moves)[0])
    moves = toy_moves(head, distance=np.array([0.1, 0.2, share * own, 9 * own]))
    found = trained_on(Radiograph("film.png", square, {}), model, head, moves)  # type: ignore[arg-type]
    assert found.distance == pytest.approx(own)
    assert found.unlike == unlike
    assert (found.dataset, found.radiographs, found.patients) == ("toys", 90, 80)
    assert found.quantiles == pytest.approx({"0.5": 0.1, "0.95": 0.2, "0.99": share * own, "1": 9 * own})
