"""Time and memory of table S1 and the head at the paper's size, beside loops over scikit-learn; Markdown tables.

    python -m benchmarks.speed.statistics_speed

Each run has a process of its own. Times depend on what else the machine does; ratios, taken within one run, much less.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.measuring import in_child, markdown, provenance
from diffchest.probe.logistic import fit_logistic
from diffchest.stats import bootstrap_auc, delong_test, permutation_test

IMAGES, FINDINGS, MODELS = 7943, 73, 2
REDRAWS, PERMUTATIONS = 1000, 10_000
LATENTS, DIMENSIONS, HEADS = 18_489, 512, 193
REPETITIONS = 3
SAMPLED_CALLS = 40  # of the loop over scikit-learn
SAMPLED_HEADS = 5
EXACT = "Newton-Cholesky to 1e-10"
SOLVERS: dict[str, dict[str, Any]] = {
    "its defaults": {},
    EXACT: {"solver": "newton-cholesky", "tol": 1e-10},
}


def main() -> None:
    """Print both tables."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(provenance())
    test_set = f"{IMAGES:,} images x {FINDINGS} findings x {MODELS} models"
    for title, measure in (
        (f"{test_set}, {REDRAWS:,} redraws, {PERMUTATIONS:,} permutations", measure_statistics),
        (f"head, {LATENTS:,} latents of {DIMENSIONS} numbers x {HEADS} findings", measure_head),
    ):
        print(f"\n{title}\n\n{markdown(measure())}", flush=True)


def measure_statistics() -> list[list[str]]:
    """Ours in full, the loop by a sample of its turns; alternating runs, so that both meet the same machine."""
    ours, loops = zip(*[(in_child(_our_statistics), in_child(_sklearn_loop)) for _ in range(REPETITIONS)], strict=True)
    rows = [["", "ours, s", "scikit-learn loop, s (scaled)", "ratio, its range", "goal"]]
    for part in ("bootstrap", "permutation", "DeLong", "together"):
        seconds = [run[part] for run in ours]
        if part == "DeLong":
            rows.append([part, f"{statistics.median(seconds):.2f}", "", "", ""])
            continue
        theirs = [run[part] for run in loops]
        goal = "500 times, 10 s" if part == "together" else ""
        rows.append([part, f"{statistics.median(seconds):.2f}", f"{statistics.median(theirs):,.0f}",
                     _ratios(theirs, seconds), goal])  # fmt: skip
    peak = max(run["peak"] for run in ours)
    return [*rows, ["peak memory, MB", f"{peak / 1e6:.0f}", "", "", "2000"]]


def measure_head() -> list[list[str]]:
    """All findings at once, against one scikit-learn regression after the other, a sample of them."""
    runs = [
        (in_child(_our_head), *(in_child(_sklearn_heads, solver) for solver in SOLVERS)) for _ in range(REPETITIONS)
    ]
    ours, *loops = zip(*runs, strict=True)
    exact = loops[-1][0]["weight"]
    seconds = [run["seconds"] for run in ours]
    rows = [["", "seconds (loops scaled)", "times ours, its range", "largest relative error", "peak memory, MB"]]
    peak = max(run["peak"] for run in ours) / 1e6
    rows.append(["ours", f"{statistics.median(seconds):.1f}", "1", _error(ours[0]["weight"], exact), f"{peak:.0f}"])
    for solver, loop in zip(SOLVERS, loops, strict=True):
        theirs = [run["seconds"] for run in loop]
        error = _error(loop[0]["weight"], exact) if solver != EXACT else ""
        rows.append(
            [f"scikit-learn, {solver}", f"{statistics.median(theirs):,.0f}", _ratios(theirs, seconds), error, ""]
        )
    return [*rows, ["goal", "30", "", "1e-03", ""]]


def _error(weight: np.ndarray, exact: np.ndarray) -> str:
    return f"{(np.linalg.norm(weight - exact, axis=1) / np.linalg.norm(exact, axis=1)).max():.0e}"


def _ratios(theirs: list[float], ours: list[float]) -> str:
    ratios = [slow / fast for slow, fast in zip(theirs, ours, strict=True)]
    return f"{statistics.median(ratios):,.0f} ({min(ratios):,.0f} to {max(ratios):,.0f})"


def _seconds(function: Callable[..., Any], *arguments: Any, **options: Any) -> float:
    begun = time.perf_counter()
    function(*arguments, **options)
    return time.perf_counter() - begun


def _peak() -> int:
    """Bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _test_set() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels of 0.5 to 20 % prevalence, two models' scores, patients of about 1.1 images as in PadChest."""
    rng = np.random.default_rng(0)
    y = (rng.random((IMAGES, FINDINGS)) < np.geomspace(0.005, 0.2, FINDINGS)).astype(np.float64)
    a, b = rng.normal(size=(MODELS, IMAGES, FINDINGS)) + y
    patients = np.sort(rng.integers(int(IMAGES * 2.5), size=IMAGES))
    return y, a, b, patients


def _our_statistics() -> dict[str, float]:
    y, a, b, patients = _test_set()
    parts = {
        "bootstrap": sum(
            _seconds(bootstrap_auc, y, score, groups=patients, resamples=REDRAWS, seed=0) for score in (a, b)
        ),
        "permutation": _seconds(permutation_test, y, a, b, groups=patients, resamples=PERMUTATIONS, seed=0),
        "DeLong": _seconds(delong_test, y, a, b),
    }
    return {**parts, "together": parts["bootstrap"] + parts["permutation"], "peak": _peak()}


def _sklearn_loop() -> dict[str, float]:
    """The first turns of the loops one would write, scaled to all of them; rows instead of patients, as is cheaper."""
    y, a, b, _ = _test_set()
    rng = np.random.default_rng(0)
    label, left, right = y[:, FINDINGS // 2], a[:, FINDINGS // 2], b[:, FINDINGS // 2]

    def redraw() -> None:
        for _ in range(SAMPLED_CALLS):
            rows = rng.integers(IMAGES, size=IMAGES)
            roc_auc_score(label[rows], left[rows])

    def permute() -> None:
        for _ in range(SAMPLED_CALLS):
            swap = rng.random(IMAGES) < 0.5
            roc_auc_score(label, np.where(swap, right, left)) - roc_auc_score(label, np.where(swap, left, right))

    redraw()  # warm
    bootstrap = _seconds(redraw) / SAMPLED_CALLS * REDRAWS * FINDINGS * MODELS
    permutation = _seconds(permute) / SAMPLED_CALLS * PERMUTATIONS * FINDINGS
    return {"bootstrap": bootstrap, "permutation": permutation, "together": bootstrap + permutation}


def _latents() -> tuple[np.ndarray, np.ndarray]:
    """Correlated latents, standardised, and findings of 0.05 to 30 % prevalence that depend on them."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(LATENTS, DIMENSIONS)) @ rng.normal(size=(DIMENSIONS, DIMENSIONS)) / np.sqrt(DIMENSIONS)
    drive = z @ rng.normal(size=(DIMENSIONS, HEADS)) / np.sqrt(DIMENSIONS) + rng.logistic(size=(LATENTS, HEADS))
    thresholds = [np.quantile(drive[:, f], 1 - share) for f, share in enumerate(np.geomspace(5e-4, 0.3, HEADS))]
    return (z - z.mean(axis=0)) / z.std(axis=0), (drive > thresholds).astype(np.float64)


def _sampled_heads() -> np.ndarray:
    return np.linspace(0, HEADS - 1, SAMPLED_HEADS).astype(int)


def _our_head() -> dict[str, Any]:
    x, y = _latents()
    begun = time.perf_counter()
    weight, _ = fit_logistic(x, y, l2=1.0)
    return {"seconds": time.perf_counter() - begun, "weight": weight[_sampled_heads()], "peak": _peak()}


def _sklearn_heads(solver: str) -> dict[str, Any]:
    """One regression after the other."""
    x, y = _latents()
    options = SOLVERS[solver]
    begun = time.perf_counter()
    models = [LogisticRegression(C=1.0, max_iter=10_000, **options).fit(x, y[:, f]) for f in _sampled_heads()]
    seconds = (time.perf_counter() - begun) / SAMPLED_HEADS * HEADS
    return {"seconds": seconds, "weight": np.vstack([model.coef_ for model in models])}


if __name__ == "__main__":
    main()
