"""Where tensors live and how GPUs compute: `runtime.device`, `runtime.threads` and `runtime.precision`."""

import os

import torch

from diffchest.compute.memory import keep_freed_memory
from diffchest.params.base import ParamsError
from diffchest.params.runtime import RuntimeParams


def set_up(runtime: RuntimeParams) -> torch.device:
    """Set the number of threads, keep freed memory, and return the device; `auto`: the first of CUDA, MPS, the CPU.

    Of several processes of a machine, started by `torchrun`, each takes its own GPU. On GPUs, cuDNN tries its
    convolutions before it chooses (all batches of a stage but the last have one shape), and float32 is as
    `runtime.precision` says.

    Raises `ParamsError` if the device that `runtime.device` names is not a device or not on this machine.
    """
    keep_freed_memory()
    if runtime.threads is not None:
        torch.set_num_threads(runtime.threads)
    if runtime.device.startswith(("auto", "cuda")) and torch.cuda.is_available():
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = runtime.precision == "tf32"
        torch.set_float32_matmul_precision("high" if runtime.precision == "tf32" else "highest")
    if runtime.device in ("auto", "cuda") and torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
        return device
    if runtime.device == "auto":
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(runtime.device)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ParamsError(
            f"params.yaml: runtime.device is {runtime.device!r}, which cannot be used here ({reason}); set it to auto"
        ) from None
    return device
