"""Where tensors live: `runtime.device` and `runtime.threads`."""

import torch

from diffchest.params import ParamsError, RuntimeParams


def set_up(runtime: RuntimeParams) -> torch.device:
    """Set the number of threads and return the device; `auto` is the first of CUDA, MPS and the CPU that is there.

    Raises `ParamsError` if the device that `runtime.device` names is not a device or not on this machine.
    """
    if runtime.threads is not None:
        torch.set_num_threads(runtime.threads)
    if runtime.device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
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
