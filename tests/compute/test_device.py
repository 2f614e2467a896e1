"""What is set where there is a GPU, and nothing where there is none."""

import pytest
import torch

from diffchest.compute.device import set_up
from tests.helpers.tiny import tiny_params


@pytest.fixture
def settings():
    """Whether cuDNN tries its convolutions, whether they round to TF32, and how matrix products do; put back after."""

    def now() -> tuple[bool, bool, str]:
        cudnn = torch.backends.cudnn
        return cudnn.benchmark, cudnn.allow_tf32, torch.get_float32_matmul_precision()

    benchmark, tf32, products = now()
    yield now
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = benchmark, tf32
    torch.set_float32_matmul_precision(products)


@pytest.mark.parametrize(
    ("precision", "expected"), [("tf32", (True, True, "high")), ("fp32", (True, False, "highest"))]
)
def test_a_gpu_tries_convolutions_and_rounds_as_asked(settings, monkeypatch, precision, expected):
    taken = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setenv("LOCAL_RANK", "3")
    device = set_up(tiny_params().runtime.model_copy(update={"device": "auto", "precision": precision}))
    assert [device] == taken == [torch.device("cuda", 3)]
    assert settings() == expected


def test_on_a_cpu_nothing_changes(settings, monkeypatch):
    before = settings()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert set_up(tiny_params().runtime.model_copy(update={"device": "cpu"})) == torch.device("cpu")
    assert settings() == before
