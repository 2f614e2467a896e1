"""Draw radiographs from real labels, in each dataset's native layout."""

from diffchest.findings.vocabulary import DRAWN
from diffchest.params.base import StageParams
from diffchest.params.phantom import PhantomDataset, PhantomParams
from diffchest.params.runtime import RuntimeParams
from diffchest.paths import PHANTOM, PUBLIC_TABLES
from diffchest.phantom.layouts.chexpert import write_chexpert
from diffchest.phantom.layouts.mimic_cxr import write_mimic_cxr
from diffchest.phantom.layouts.padchest import write_padchest
from diffchest.phantom.public_labels import CHEXPERT_TABLE, PADCHEST_TABLE
from diffchest.progress import run, summary

NOT_DRAWN = "No phantoms are drawn: phantom.datasets is empty in params.yaml.\n"


class Params(StageParams):
    """What `phantom` reads of params.yaml."""

    phantom: PhantomParams
    runtime: RuntimeParams


def main() -> None:
    """Draw every dataset of `phantom.datasets`, or say in a README that there is none."""
    params = Params.load()
    PHANTOM.mkdir(parents=True, exist_ok=True)
    if not params.phantom.datasets:
        (PHANTOM / "README.txt").write_text(NOT_DRAWN, encoding="utf-8")
        summary("phantom", "none to draw")
        return
    images = sum(draw_dataset(name, params) for name in params.phantom.datasets)
    summary(
        "phantom", f"{images:,} radiographs of {len(params.phantom.datasets)} datasets, {len(DRAWN)} findings drawn"
    )


def draw_dataset(name: PhantomDataset, params: Params) -> int:
    """Draw one dataset; returns its number of radiographs."""
    phantom = params.phantom
    common = {
        "confounding": phantom.confounding,
        "size": phantom.size,
        "seed": phantom.seed,
        "workers": params.runtime.workers,
    }
    pretrain, root = phantom.pretrain_images.get(name, 0), PHANTOM / name
    if name == "padchest":
        table = PUBLIC_TABLES / PADCHEST_TABLE
        return write_padchest(table, root, labelled=phantom.labelled_images, pretrain=pretrain, **common)
    table = PUBLIC_TABLES / CHEXPERT_TABLE
    if name == "chexpert":
        studies = phantom.chexpert_test_studies
        return write_chexpert(table, root, pretrain=pretrain, test_studies=studies, **common)
    return write_mimic_cxr(table, root, pretrain=pretrain, **common)


if __name__ == "__main__":
    run(main)
