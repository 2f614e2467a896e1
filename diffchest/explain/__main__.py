"""Explain one radiograph: what would it look like with a finding, and what else does the classifier see then?

    python -m diffchest.explain film.dcm --finding "pleural effusion" --out folder

Writes pictures, a page and JSON to the folder. Needs the trained model, its head and its moves, and no data.
"""

import argparse
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from diffchest import paths
from diffchest.compute.device import set_up
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.pictures import check_same_model
from diffchest.errors import DataError
from diffchest.explain.case import Case, cases_of, explain_one
from diffchest.explain.folder import PAGE, check_folder, record_of, write_folder
from diffchest.explain.pictures import picture_files
from diffchest.explain.radiograph import read_radiograph
from diffchest.explain.trained_on import UNLIKE, trained_on
from diffchest.model.autoencoder import load_autoencoder
from diffchest.params.base import PARAMS_FILE, Key, StageParams
from diffchest.params.counterfactuals import ExplainParams, Towards, check_steps
from diffchest.params.runtime import RuntimeParams
from diffchest.progress import notice, run, summary


class Params(StageParams):
    """What the command reads of params.yaml."""

    explain: ExplainParams
    runtime: RuntimeParams
    codec: Annotated[Literal["raw", "png", "jpeg"], Key("images.codec")]


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m diffchest.explain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "radiograph",
        help="a PNG, JPEG or DICOM file, a member of a zip (archive.zip::film.png), or the id of a radiograph of the "
        "image store",
    )
    parser.add_argument("--finding", action="append", help="may be given several times; default: explain.targets")
    parser.add_argument(
        "--towards",
        choices=["presence", "absence"],
        help="default: explain.towards; the other way, explain.to_probability is 1 minus what it is",
    )
    parser.add_argument("--out", type=Path, default=Path("explanation"), help="folder to write to")
    for name, path in (("model", paths.AUTOENCODER), ("head", paths.HEAD), ("moves", paths.MOVES)):
        parser.add_argument(f"--{name}", type=Path, default=path, help=f"default: {path}")
    parser.add_argument("--params", type=Path, default=PARAMS_FILE, help="whose sections `explain` and `runtime` count")
    parser.add_argument(
        "--bits-stored", type=int, choices=range(8, 17), metavar="8..16", help="of a PNG of 16 bits; DICOM says it"
    )
    parser.add_argument(
        "--inverted", action="store_true", help="a PNG or JPEG whose low values are white; DICOM says it"
    )
    return parser.parse_args()


def main() -> None:
    """Read, move, draw, write."""
    asked = options()
    params = Params.load(asked.params)
    settings = params.explain.turned(asked.towards or params.explain.towards)
    model = load_autoencoder(asked.model, set_up(params.runtime))
    head, moves = Head.load(asked.head), Moves.load(asked.moves)
    check_same_model(model, head, moves)
    if settings.picture == "decode":  # differences need neither
        for key in ("encode_steps", "decode_steps"):
            steps, solver = getattr(settings, key), settings.solver
            check_steps(f"explain.{key}", steps, solver=solver, timesteps=model.schedule.timesteps)
    findings = _findings(asked.finding, head, settings)
    check_folder(asked.out, asked.radiograph, findings)
    radiograph = read_radiograph(
        asked.radiograph,
        paths.IMAGES,
        size=model.image_size,
        codec=params.codec,
        bits_stored=asked.bits_stored,
        inverted=asked.inverted,
    )
    explained = explain_one(radiograph, findings, model=model, head=head, moves=moves, settings=settings)
    cases = cases_of(explained, head, moves, towards=settings.towards)
    pictures = picture_files(explained, changes_the_original=settings.changes_the_original)
    known = trained_on(radiograph, model, head, moves)
    if known.unlike:
        notice(UNLIKE)
    files = {name: sha256(getattr(asked, name).read_bytes()).hexdigest() for name in ("model", "head", "moves")}
    write_folder(asked.out, record_of(radiograph, known, cases, pictures, settings, files), cases, pictures)
    summary("explain", f"{asked.out / PAGE}: {'; '.join(_told(case, settings.towards) for case in cases)}")


def _told(case: Case, towards: Towards) -> str:
    """A finding's part of the line on the terminal."""
    already = " (seen there already)" if towards == "presence" else " (not seen there before)"
    return (
        f"{case.finding} {case.before.probability:.2f} -> {case.seen.probability:.2f}{already if case.already else ''}"
    )


def _findings(named: list[str] | None, head: Head, settings: ExplainParams) -> list[str]:
    """Those named, each of which the head must know; else those of `explain.targets` that it could be fitted for."""
    if not named:
        return head.choose_fitted(settings.targets, key="explain.targets")
    try:
        head.rows(named)
    except DataError as error:
        raise DataError(f"--finding: {error}") from None
    return list(dict.fromkeys(named))


if __name__ == "__main__":
    run(main)
