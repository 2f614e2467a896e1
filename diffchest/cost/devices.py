"""GPUs by their makers' data sheets: what they could do at best."""

from dataclasses import dataclass

from diffchest.params.pretraining import Precision

UTILISATION = 0.4  # fraction of the peak that convolutions and all else reach together: assumed, see docs/cost.md
CALL_SECONDS = 10e-6  # that an operation takes at least when Python starts it: assumed
CONTEXT_BYTES = 1e9  # CUDA context, cuDNN's workspaces, fragments between blocks: assumed


@dataclass(frozen=True)
class Gpu:
    """Peak FLOP/s of matrix products without sparsity: `half` (bf16, fp16, summed in fp32) and `single` (TF32)."""

    name: str
    half: float
    single: float
    memory: float  # bytes
    source: str

    def peak(self, precision: Precision) -> float:
        """FLOP/s at most in this precision; fp32 is TF32, as cuDNN's convolutions have it."""
        return self.single if precision == "fp32" else self.half


GPUS = (
    Gpu("A100 80GB", 312e12, 156e12, 80e9, "NVIDIA A100 Tensor Core GPU, data sheet, 2021"),
    Gpu(
        "H100 SXM",
        989.5e12,
        494.5e12,
        80e9,
        "NVIDIA H100 Tensor Core GPU, data sheet, 2022: half of it 'with sparsity'",
    ),
    Gpu("RTX 4090", 165.2e12, 82.6e12, 24e9, "NVIDIA Ada GPU architecture, white paper, 2022, appendix A"),
    Gpu("RTX A6000", 154.8e12, 77.4e12, 48e9, "NVIDIA RTX A6000, data sheet, 2021: half of it 'with sparsity'"),
)


def seconds(gpu: Gpu, flops: float, calls: float, precision: Precision, utilisation: float) -> float:
    """What `flops` in so many `calls` take: arithmetic at `utilisation` of the peak, or starting the operations."""
    return max(flops / (gpu.peak(precision) * utilisation), calls * CALL_SECONDS)
