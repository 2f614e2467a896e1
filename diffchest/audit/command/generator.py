"""What an audit draws with: the network, and how z is moved in it, out of files or fitted to the radiographs given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diffchest import paths
from diffchest.audit.command.label_table import PATIENT, Labelled
from diffchest.contracts.head import Head
from diffchest.contracts.moves import Moves
from diffchest.counterfactuals.fitting import fit_moves
from diffchest.counterfactuals.pictures import check_same_model
from diffchest.errors import DataError
from diffchest.findings.vocabulary import visible_findings
from diffchest.model.autoencoder import DiffusionAutoencoder
from diffchest.params.probe import HeadFitParams
from diffchest.probe.fit import fit_head

FITTED = "the radiographs of this audit"


@dataclass(frozen=True, eq=False)
class Generator:
    """Network, head and moves.

    * findings: those that z can be moved towards; fitted: which of the two were fitted here
    * hidden: findings that the phantoms it was trained on do not show, whatever they are labelled with

    The head says in which space z is moved, and how strongly a change is drawn; it is not what is audited.
    """

    model: DiffusionAutoencoder
    head: Head
    moves: Moves
    findings: list[str]
    fitted: list[str]
    hidden: list[str]


@dataclass(frozen=True, eq=False)
class Loaded:
    """What was found in files: the network, and head and moves where there are any; files: those that were read."""

    model: DiffusionAutoencoder
    head: Head | None
    moves: Moves | None
    files: Mapping[str, Path]


def load_beside(model: DiffusionAutoencoder, file: Path, head: Path | None, moves: Path | None) -> Loaded:
    """Head and moves out of the files named; where none is named, out of those beside `file`, the network's, if any.

    Raises `DataError` for those of another network, and for moves without the head in whose space they are.
    """
    beside = {"head": file.parent / paths.HEAD.name, "moves": file.parent / paths.MOVES.name}
    named = {"head": head, "moves": moves}
    files = {name: named[name] or path for name, path in beside.items() if named[name] or path.is_file()}
    read_head = Head.load(files["head"]) if "head" in files else None
    read_moves = Moves.load(files["moves"]) if "moves" in files else None
    if read_moves is not None and read_head is None:
        raise DataError(f"{files['moves']}: these moves go with a head, and there is none; name its file with --head")
    if read_head is not None and read_moves is not None:
        check_same_model(model, read_head, read_moves)
    elif read_head is not None and read_head.model_sha256 != model.sha256:
        raise DataError(f"{files['head']}: fitted on latents of another network than {file}; name its own with --head")
    return Loaded(model, read_head, read_moves, {"model": file, **files})


def check_can_be_moved(loaded: Loaded, file: Path, *, labelled: bool) -> None:
    """Raise `DataError` where neither moves nor labels say how z is moved; before anything is computed."""
    if loaded.moves is None and not labelled:
        raise DataError(
            f"nothing says how z of {file} is moved towards a finding: no {file.parent / paths.MOVES.name}, and no "
            "--labels to fit moves to; give --moves with --head (`dvc repro fit_moves`), or --labels"
        )


def make_generator(
    loaded: Loaded,
    z: np.ndarray,
    labelled: Labelled,
    *,
    positives_above: int,
    probe: HeadFitParams,
    kinds: Mapping[str, Sequence[str]],
) -> Generator:
    """The loaded files, and what they lack fitted to latents z [N, d] and labels of the radiographs given.

    Moves that are fitted here are for findings with more than `positives_above` radiographs with and without. Raises
    `DataError` where there is none.
    """
    head, moves, fitted = loaded.head, loaded.moves, []
    if moves is None:
        findings, rows = labelled.frequent(positives_above), labelled.rows
        if not findings:
            raise DataError(
                f"no finding of the labels has more than {positives_above} radiographs with it, and without, to fit a "
                "move to; give more radiographs, or --moves"
            )
        if head is None:
            y = labelled.named[findings].to_numpy()
            sha256 = loaded.model.sha256
            head, _ = fit_head(z, y, rows[PATIENT], params=probe, findings=findings, model_sha256=sha256)
            fitted.append("head")
        else:
            findings = [finding for finding in findings if finding in set(head.fitted)]
        moves = fit_moves(z, labelled.named, rows, head, name=FITTED, kinds=kinds)
        fitted.append("moves")
    else:
        findings = moves.findings
    assert head is not None, "moves have a head"
    on_phantoms = moves.trained_on[0].startswith("phantoms of ")
    seen = visible_findings(moves.findings, on_phantoms=on_phantoms)
    movable = sorted(set(moves.with_alone(findings)).intersection(seen))
    return Generator(loaded.model, head, moves, movable, fitted, sorted(set(moves.findings).difference(seen)))
