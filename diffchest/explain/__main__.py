"""Explain one radiograph: what would it look like with a finding, and what else does the classifier see then?

    python -m diffchest.explain film.dcm --finding "pleural effusion" --out folder

Writes pictures, a page and JSON to the folder. Needs the trained model, its head and its moves, and no data.
"""

import argparse
from pathlib import Path

from diffchest import paths
from diffchest.compute.device import set_up
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.pictures import check_same_model
from diffchest.explain.case import explain_one, facts, read_radiograph
from diffchest.explain.page import GENERATED, write_case
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.base import PARAMS_FILE, StageParams
from diffchest.params.counterfactuals import ExplainParams
from diffchest.params.runtime import RuntimeParams
from diffchest.progress import run, summary


class Params(StageParams):
    """What the command reads of params.yaml."""

    explain: ExplainParams
    runtime: RuntimeParams


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m diffchest.explain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("radiograph", help="a PNG, JPEG or DICOM file, or the id of a radiograph of the image store")
    parser.add_argument("--finding", action="append", help="may be given several times; default: explain.targets")
    parser.add_argument("--towards", choices=["presence", "absence"], help="default: explain.towards")
    parser.add_argument("--out", type=Path, default=Path("explanation"), help="folder to write to")
    parser.add_argument("--model", type=Path, default=paths.AUTOENCODER)
    parser.add_argument("--head", type=Path, default=paths.HEAD)
    parser.add_argument("--moves", type=Path, default=paths.MOVES)
    parser.add_argument("--params", type=Path, default=PARAMS_FILE, help="whose sections `explain` and `runtime` count")
    return parser.parse_args()


def main() -> None:
    """Read, move, draw, write."""
    asked = options()
    params = Params.load(asked.params)
    settings = params.explain
    if asked.towards:
        settings = settings.model_copy(update={"towards": asked.towards})
    model = load_autoencoder(asked.model, set_up(params.runtime))
    head, moves = Head.load(asked.head), Moves.load(asked.moves)
    check_same_model(model, head, moves)
    findings = list(dict.fromkeys(asked.finding or settings.targets))
    findings = head.choose_fitted(findings, key="--finding" if asked.finding else "explain.targets")
    radiograph = read_radiograph(asked.radiograph, size=model.image_size, store=paths.IMAGES)
    explained = explain_one(radiograph, findings, model=model, head=head, moves=moves, settings=settings)
    told = facts(explained, head, moves)
    about = {
        "name": radiograph.name,
        "towards": settings.towards,
        "pictures": GENERATED,
        "decoded_height_width": radiograph.decoded,
        "size": model.image_size,
        "model_sha256": model.sha256,
        "settings": settings.model_dump(),
    }
    write_case(asked.out, explained, told, about)
    seen = "; ".join(
        f"{case['finding']} {case['before']['probability']:.2f} -> {case['seen']['probability']:.2f}" for case in told
    )
    summary("explain", f"{asked.out / 'index.html'}: {seen}")


if __name__ == "__main__":
    run(main)
