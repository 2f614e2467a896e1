"""Images/s, model FLOP utilisation and peak memory of a training step, and images/s of the loader.

    python -m benchmarks.speed.train_step_speed [--network NAME ...] [--reference CHECKOUT] [--compile]

Prints Markdown tables. Steps take turns, together with a large matrix product, the ceiling of the utilisation; ratios
are of neighbouring turns, since times depend on what else the machine does. --compile adds `pretrain.compile`, which
on CPUs compiles for minutes. --reference takes a checkout of the authors' code; the goal is 1.3 times its speed.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measuring import in_child, markdown, processor, provenance
from benchmarks.speed.train_steps import Step, our_step, plain_step, reference_step
from diffchest.compute.read_ahead import read_ahead
from diffchest.contracts.image_store import ImageStore
from diffchest.files.yaml import read_mapping
from diffchest.images.building import build_store
from diffchest.images.preparing import StoreRow
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.base import PARAMS_FILE
from diffchest.params.whole import Params
from diffchest.pretraining import images as pretrain_data
from diffchest.pretraining.images import Images
from diffchest.pretraining.order import Order, batches, micro_batches
from diffchest.profiles import PROFILES, merge

# The default network, one in the authors' geometry with 2,273,315 parameters, and the paper's: changes to params.yaml.
SMALL: dict[str, Any] = {
    "images": {"size": 32},
    "model": {
        "channels": 3,
        "space_to_depth": 1,
        "position_frequencies": 0,
        "base_channels": 32,
        "channel_multipliers": [1, 2, 2],
        "residual_blocks": 2,
        "attention_resolutions": [16],
        "dropout": 0.1,
        "norm_groups": 32,
        "time_dim": 64,
        "latent_dim": 64,
        "encoder": {
            "channel_multipliers": [1, 2, 2, 2],
            "residual_blocks": 2,
            "attention_resolutions": [16],
            "block": "single",
            "pool": "average",
        },
    },
    "diffusion": {"prediction": "epsilon"},
    "pretrain": {"batch_size": 32},
}
NETWORKS = ("default", "small", "paper")
TURNS, FEWEST_TURNS = 12, 3
WARM_UP = 2  # steps
CEILING = {"cpu": 2048, "cuda": 8192}  # rows of the square matrices
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
LOADED_IMAGES = 1000
GOAL = 1.3  # times the authors' code


@dataclass
class Contender:
    """One kind of step, its precision, and the seconds of each of its turns of `steps` steps."""

    name: str
    build: Callable[..., Step]
    arguments: tuple[Any, ...]
    precision: str
    steps: int = 1
    seconds: list[float] = field(default_factory=list)

    def rates(self) -> np.ndarray:
        """Steps per second of each turn."""
        return self.steps / np.array(self.seconds)


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cuda = torch.cuda.is_available()
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=NETWORKS if cuda else NETWORKS[:2])
    parser.add_argument("--reference", type=Path, metavar="CHECKOUT", help="folder of the authors' code")
    parser.add_argument("--compile", action="store_true", default=cuda, help="also with `pretrain.compile`")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each kind of step (default 10)")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="of torch (default: its choice)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if cuda else "cpu")
    where = torch.cuda.get_device_name() if cuda else f"{processor()}, threads: {options.threads}"
    print(provenance(f"{where}, torch {torch.__version__}"), end="\n\n")
    speed = [["network", "step", "images/s", "times plain", "times the authors'", "utilisation", "peak memory, MB"]]
    loader = [["network", "images from", "images/s", "times the fastest step"]]
    for name in options.network:
        params = parameters(name)
        rows, fastest = measure_steps(name, params, device, options)
        speed += rows
        loader += measure_loader(name, params, fastest, options.seconds)
    memory = "allocated on the GPU" if cuda else "resident set of a fresh process, above that before its first step"
    print(
        "utilisation: FLOP/s of the network's forward and backward pass over those of a large matrix product of the "
        f"same precision in the neighbouring turn; medians and ranges of up to {TURNS} turns; peak memory: {memory}\n"
    )
    print(markdown(speed), markdown(loader), sep="\n\n")


def parameters(network: str) -> Params:
    """`params.yaml` with the changes that make `network`."""
    raw = read_mapping(PARAMS_FILE)
    changes = {"default": {}, "small": SMALL}
    merge(raw, changes[network] if network in changes else read_mapping(PROFILES / f"{network}.yaml"))
    return Params.parse(raw, source=network)


def measure_steps(
    network: str, params: Params, device: torch.device, options: argparse.Namespace
) -> tuple[list[list[str]], float]:
    """Rows of the table of steps, and the images/s of the fastest of ours."""
    ours = _ours(params, device, compiled=options.compile)
    plain = Contender("plain", plain_step, (params, device), "fp32")
    theirs = Contender(
        "authors'", reference_step, (params, device, options.reference), "fp16" if device.type == "cuda" else "fp32"
    )
    contenders = [*ours, plain]
    if options.reference and network != "default":  # not in the authors' geometry
        contenders.append(theirs)
    ceilings = {
        precision: Contender(precision, _product, (precision, device), precision)
        for precision in dict.fromkeys(contender.precision for contender in contenders)
    }
    take_turns([*contenders, *ceilings.values()], options.seconds, device)
    images, flops = params.pretrain.batch_size, flops_per_image(params)
    product = 2 * CEILING[device.type] ** 3
    title = f"{network}, {flops / 1e9:.2f} GFLOP/image"
    rows = []
    for contender in contenders:
        rates = contender.rates()
        achieved = rates * images * flops / (ceilings[contender.precision].rates() * product)
        against = [_ratios(contender, plain), _ratios(contender, theirs) if theirs in contenders else ""]
        memory = in_child(peak_memory, contender.build, contender.arguments, options.threads)
        speed = f"{statistics.median(rates * images):,.1f}"
        used = f"{statistics.median(achieved):.2f} ({min(achieved):.2f} to {max(achieved):.2f})"
        rows.append([title, contender.name, speed, *against, used, f"{memory / 1e6:,.0f}"])
        title = ""
    for precision, ceiling in ceilings.items():
        rate = statistics.median(ceiling.rates()) * product
        rows.append(["", f"matrix product, {precision}: {rate / 1e9:,.0f} GFLOP/s", "", "", "", "1", ""])
    if theirs in contenders:
        rows.append(["", "goal", "", "", f"{GOAL}", "", ""])
    return rows, max(statistics.median(contender.rates() * images) for contender in ours)


def _ours(params: Params, device: torch.device, *, compiled: bool) -> list[Contender]:
    """Our step in fp32 and bf16 (on CUDA only the latter), eager and, if asked, compiled."""
    contenders = []
    for precision in ("bf16",) if device.type == "cuda" else ("fp32", "bf16"):
        for compiling in (False, True) if compiled else (False,):
            settings = params.pretrain.model_copy(update={"precision": precision, "compile": compiling})
            changed = params.model_copy(update={"pretrain": settings})
            name = f"ours, {precision}{', compiled' if compiling else ''}"
            contenders.append(Contender(name, our_step, (changed, device), precision))
    return contenders


def take_turns(contenders: list[Contender], seconds: float, device: torch.device) -> None:
    """Let each of `contenders` work for about `seconds`, in turns, after a warm-up; fewer turns on a busy machine."""
    work = [contender.build(*contender.arguments) for contender in contenders]
    for contender, step in zip(contenders, work, strict=True):
        once = min(_timed(step, 1, device) for _ in range(WARM_UP))
        contender.steps = max(1, round(seconds / TURNS / once))
    begun = time.perf_counter()
    for turn in range(TURNS):
        if turn >= FEWEST_TURNS and time.perf_counter() - begun > seconds * len(contenders):
            break
        for contender, step in zip(contenders, work, strict=True):
            contender.seconds.append(_timed(step, contender.steps, device))


def _timed(step: Step, times: int, device: torch.device) -> float:
    begun = time.perf_counter()
    for _ in range(times):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def _product(precision: str, device: torch.device) -> Step:
    """A large square matrix product, on CUDA with TF32 as convolutions have it."""
    torch.backends.cuda.matmul.allow_tf32 = True
    side = CEILING[device.type]
    left, right, product = torch.randn(3, side, side, device=device).to(DTYPES[precision])
    return lambda: torch.mm(left, right, out=product)  # pyright: ignore[reportReturnType]: what it returns is dropped


def _ratios(contender: Contender, other: Contender) -> str:
    """Ratio of the medians, and the range of those of neighbouring turns."""
    ratios = contender.rates() / other.rates()
    middle = statistics.median(contender.rates()) / statistics.median(other.rates())
    return f"{middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if contender is not other else "1"


def flops_per_image(params: Params) -> float:
    """FLOPs of convolutions and matrix products of one forward and backward pass, counted without computing them."""
    size, number = params.images.size, 2
    with torch.device("meta"):
        model = DiffusionAutoencoder(params.model, params.diffusion, size)
        x, t = torch.zeros(number, params.model.channels, size, size), torch.zeros(number, dtype=torch.int64)
        # the fused attention of CPUs is not counted
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            model(x, x, t).sum().backward()
    return counter.get_total_flops() / number


def peak_memory(build: Callable[..., Step], arguments: tuple[Any, ...], threads: int) -> int:
    """Bytes a few steps take above what was there before the first one; call it in a fresh process."""
    torch.set_num_threads(threads)
    step = build(*arguments)
    if torch.cuda.is_available():
        step()  # with compiling and the choice of algorithms, which take memory once
        torch.cuda.reset_peak_memory_stats()
        _timed(step, 2, torch.device("cuda"))
        return torch.cuda.max_memory_allocated()
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forgets the peak of the imports
    before = _status("VmRSS")
    _timed(step, 3, torch.device("cpu"))
    return _status("VmHWM") - before


def _status(name: str) -> int:
    lines = (line.split() for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return next(int(words[1]) * 1024 for words in lines if words[0] == f"{name}:")


def measure_loader(network: str, params: Params, step: float, seconds: float) -> list[list[str]]:
    """Images/s of batches read ahead as `pretrain` reads them, from memory and from a raw store."""
    rows = []
    with TemporaryDirectory() as folder:
        store = _random_store(Path(folder), params.images.size)
        for source, limit in (("memory", pretrain_data.IN_MEMORY_BYTES), ("a raw store, cached", 0)):
            with patch.object(pretrain_data, "IN_MEMORY_BYTES", limit):
                images = Images(store, store.ids())
            rate = _loaded_per_second(images, params, seconds / 2)
            rows.append([network, source, f"{rate:,.0f}", f"{rate / step:,.0f}"])
    return rows


def _random_store(folder: Path, size: int) -> ImageStore:
    rng = np.random.default_rng(0)
    rows = [StoreRow(f"{number:05d}", str(folder), f"{number:05d}.png", 0, False) for number in range(LOADED_IMAGES)]
    for row in rows:
        pixels = rng.integers(0, 256, (size, size), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / row.source, compress_level=0)
    build_store(rows, folder / "store", size=size, codec="raw", workers=1)
    return ImageStore(folder / "store")


def _loaded_per_second(images: Images, params: Params, seconds: float) -> float:
    settings = params.pretrain.model_copy(update={"images_shown": 10**9})
    order = Order(len(images), settings.seed)

    def read(batch: range) -> list[tuple[range, torch.Tensor]]:
        parts = micro_batches(batch, settings.micro_batch, rank=0, processes=1)
        return [(part, images.batch(order.take(part))) for part in parts]

    loaded, begun = 0, time.perf_counter()
    for batch, _ in read_ahead(read, batches(0, settings)):
        loaded += len(batch)
        if time.perf_counter() - begun > seconds:
            break
    return loaded / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
