"""What a run of pretraining writes beside its checkpoints, to be looked at while it trains."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from diffchest.files.whole import whole


def write_log(folder: Path, history: Sequence[dict[str, float]], pictures: dict[int, Tensor]) -> None:
    """Write `log.jsonl`, a line per checkpoint, and the newest `pictures_<images>.png`.

    A picture has a radiograph a row: original, reconstruction, and a sample of the same z.
    """
    finite = ({name: value if math.isfinite(value) else None for name, value in row.items()} for row in history)
    with whole(folder / "log.jsonl") as partial:
        partial.write_text("".join(json.dumps(row) + "\n" for row in finite), encoding="utf-8")
    if pictures:
        shown = max(pictures)
        rows = np.concatenate(list(pictures[shown].numpy().swapaxes(0, 1)), axis=1)  # [3, K * H, W]
        with whole(folder / f"pictures_{shown:012d}.png") as partial:
            Image.fromarray(np.concatenate(list(rows), axis=1)).save(partial)
