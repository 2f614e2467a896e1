"""Draw every figure of `figures.names`, in one process: starting one costs more than drawing."""

from diffchest import paths
from diffchest.figures.registry import check_names, save_figure
from diffchest.params.whole import load_params
from diffchest.progress import progress, run, summary


def main() -> None:
    """Write `reports/figures/<name>.png` for each name."""
    params = load_params()
    names = params.figures.names
    check_names(names)
    for name in progress(names, desc="draw", unit="figures"):
        save_figure(name, params, paths.FIGURES / f"{name}.png")
    summary("figures", f"{len(names)} figures in {paths.FIGURES}")


if __name__ == "__main__":
    run(main)
