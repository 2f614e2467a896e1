"""Time and peak memory of the PCA baseline on a store of radiographs, against scikit-learn's on an array; Markdown.

    python -m benchmarks.speed.pca_memory [--images FOLDER]

Each in a process of its own that begins with the store; `captured`: share of the variance in the components.
"""

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.decomposition import PCA

from benchmarks.measuring import RADIOGRAPHS, in_child, markdown, provenance, radiographs_in
from diffchest.baselines.pca import StoredImages, pca_features
from diffchest.contracts.image_store import ImageStore
from diffchest.images.building import build_store
from diffchest.images.preparing import StoreRow
from diffchest.params.baselines import PcaParams

SIZE = 256  # px
PARAMS = PcaParams(components=64, seed=0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=RADIOGRAPHS, help="folder of JPEG radiographs (%(default)s)")
    images = radiographs_in(parser.parse_args().images)
    rows = [["", "radiographs", "seconds", "peak memory, MB", "before it, MB", "captured"]]
    with TemporaryDirectory() as folder:
        store = Path(folder) / "images.lmdb"
        names = sorted(path.name for path in images.glob("*.jpg"))
        records = [StoreRow(name, str(images), name, 0, False) for name in names]
        in_child(build_store_whole, records, store)
        for name, method in (("ours", ours), ("scikit-learn, randomised", theirs)):
            seconds, before, peak, captured = in_child(measured, method, store, names)
            memory = [f"{value / 1e6:,.0f}" for value in (peak, before)]
            rows.append([name, f"{len(names):,}", f"{seconds:.0f}", *memory, f"{captured:.4f}"])
    print(f"{provenance()}\n\n{markdown(rows)}")


def build_store_whole(records: list[StoreRow], store: Path) -> None:
    """The store, in this process alone."""
    build_store(records, store, size=SIZE, codec="raw", workers=1)


def measured(
    method: Callable[[StoredImages], np.ndarray], store: Path, names: list[str]
) -> tuple[float, int, int, float]:
    """Seconds, peak memory in bytes before and after, and the share of the variance in the projections."""
    images = StoredImages(ImageStore(store), names)
    total = _variance(images)
    before = _peak()
    begun = time.perf_counter()
    projected = method(images)
    return time.perf_counter() - begun, before, _peak(), float(projected.var(axis=0, dtype=np.float64).sum() / total)


def ours(images: StoredImages) -> np.ndarray:
    """The baseline's projections [N, components]."""
    return pca_features(images, images, params=PARAMS)[0]


def theirs(images: StoredImages) -> np.ndarray:
    """Scikit-learn's, of all pixels as one array."""
    pixels = images[: len(images)].reshape(len(images), -1).astype(np.float32) / 255
    found = PCA(PARAMS.components, svd_solver="randomized", random_state=0)  # 7 iterations, as ours
    return found.fit_transform(pixels)


def _variance(images: StoredImages) -> float:
    """Sum of the pixels' variances on the [0, 1] scale."""
    total, squares, step = np.zeros(SIZE * SIZE), np.zeros(SIZE * SIZE), 256
    for start in range(0, len(images), step):
        rows = images[start : start + step].reshape(-1, SIZE * SIZE) / 255.0
        total, squares = total + rows.sum(axis=0), squares + (rows**2).sum(axis=0)
    return float((squares / len(images) - (total / len(images)) ** 2).sum())


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
