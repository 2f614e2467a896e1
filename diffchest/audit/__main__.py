"""Audit a classifier on any radiographs: what does its score respond to, and what goes with a finding?

    python -m diffchest.audit --classifier model.onnx --radiographs folder --labels labels.csv --out audit

Writes a page, tables and JSON to the folder. Needs a trained network, and its head and moves or labels to fit them to.
"""

import argparse
import time
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from diffchest import paths
from diffchest.audit.command.answers import PER_DIMENSION, Settings, answer
from diffchest.audit.command.films import Films, find_radiographs, read_radiographs
from diffchest.audit.command.folder import PAGE, check_folder, write_folder
from diffchest.audit.command.generator import Loaded, check_can_be_moved, load_beside, make_generator
from diffchest.audit.command.label_table import Labelled, read_labels, without_labels
from diffchest.audit.command.page import build_page
from diffchest.audit.command.record import record_of
from diffchest.audit.command.shown import strongest
from diffchest.audit.opened import open_audited
from diffchest.compute.device import set_up
from diffchest.compute.parts import Parts
from diffchest.contracts.classifier import known_outputs
from diffchest.counterfactuals.pictures import encode_latents
from diffchest.findings.disease_free import choose_one_per_patient
from diffchest.model.autoencoder import load_autoencoder
from diffchest.options import whole_number
from diffchest.params.audit import ConfoundersParams
from diffchest.params.base import PARAMS_FILE, Fraction, Key, StageParams
from diffchest.params.classifiers import read_descriptor
from diffchest.params.counterfactuals import ExplainParams, check_steps
from diffchest.params.interventions import InterventionsParams
from diffchest.params.probe import HeadFitParams
from diffchest.params.runtime import RuntimeParams
from diffchest.progress import notice, run, summary

GATE_RADIOGRAPHS = 3000  # of different patients; more where z has many numbers


class Params(StageParams):
    """What the command reads of params.yaml."""

    explain: ExplainParams
    interventions: InterventionsParams
    confounders: ConfoundersParams
    probe: HeadFitParams
    runtime: RuntimeParams
    codec: Annotated[Literal["raw", "png", "jpeg"], Key("images.codec")]
    most_rejected: Annotated[Fraction, Key("cohorts.max_rejected_fraction")]


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m diffchest.audit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--classifier", type=Path, help="a file, .onnx or a program of torch; else the descriptor's")
    parser.add_argument("--descriptor", type=Path, help="a YAML file (docs/classifiers.md); else what the file says")
    parser.add_argument(
        "--radiographs", type=Path, required=True, help="a folder (zip files in it, too), or a CSV that names files"
    )
    parser.add_argument("--labels", type=Path, help="CSV: image, and a column per finding; patient_id, view, sex, age")
    parser.add_argument("--model", type=Path, default=paths.AUTOENCODER, help=f"default: {paths.AUTOENCODER}")
    parser.add_argument("--head", type=Path, help="default: beside the model, else fitted to the labels")
    parser.add_argument("--moves", type=Path, help="default: beside the model, else fitted to the labels")
    parser.add_argument("--out", type=Path, default=Path("audit"), help="folder to write to")
    parser.add_argument("--findings", nargs="+", help="that are put in, or held by labels; default: all that can be")
    parser.add_argument("--number", type=whole_number(4), default=64, help="radiographs that are changed; default: 64")
    parser.add_argument("--seed", type=whole_number(0), default=0, help="which")
    parser.add_argument(
        "--positives-above",
        type=whole_number(0),
        default=10,
        help="a finding has a response by labels with more; default: 10",
    )
    parser.add_argument("--params", type=Path, default=PARAMS_FILE, help="whose sections count, such as `confounders`")
    parser.add_argument("--bits-stored", type=int, choices=range(8, 17), metavar="8..16", help="of PNG of 16 bits")
    parser.add_argument("--inverted", action="store_true", help="PNG or JPEG whose low values are white")
    asked = parser.parse_args()
    if asked.classifier is None and asked.descriptor is None:
        parser.error("give --classifier, --descriptor or both")
    return asked


def main() -> None:
    """Open, read, ask, write."""
    asked, began = options(), time.monotonic()
    params = Params.load(asked.params)
    check_folder(asked.out, asked.radiographs)
    model = load_autoencoder(asked.model, set_up(params.runtime))
    loaded = load_beside(model, asked.model, asked.head, asked.moves)
    check_can_be_moved(loaded, asked.model, labelled=asked.labels is not None)
    settings = _settings(asked, params, loaded)
    source = str(asked.descriptor or asked.classifier)
    descriptor = read_descriptor(asked.descriptor, file=asked.classifier)
    classifier = open_audited(
        source, descriptor, model=model, head=loaded.head, moves=loaded.moves, threads=params.runtime.threads
    )
    labelled, films = _radiographs(asked, params, loaded)
    ours = {*labelled.named.columns, *([] if loaded.moves is None else loaded.moves.findings)}
    known_outputs(classifier.outputs, sorted(ours), source=source)
    z = encode_latents(model, films.squares)
    generator = make_generator(
        loaded, z, labelled, positives_above=asked.positives_above, probe=params.probe, kinds=params.explain.kinds
    )
    labelled = labelled.without(generator.hidden)
    name = (asked.classifier or asked.descriptor).stem
    parts = Parts(asked.out.with_name(f"{asked.out.name}.parts"))
    answers = answer(classifier, name, films, labelled, z, generator, settings, parts)
    files = {**loaded.files, **{key: getattr(asked, key) for key in ("labels", "descriptor") if getattr(asked, key)}}
    sums = {key: sha256(path.read_bytes()).hexdigest() for key, path in files.items()}
    record = record_of(name, classifier, films, labelled, generator, answers, settings, sums)
    record["seconds"] = round(time.monotonic() - began)
    page = build_page(record, answers, strongest(answers))
    write_folder(asked.out, record, page, answers.pairs, answers.gates)
    parts.discard()
    for sentence in record["answered"]:
        notice(sentence)
    counts = record["pairs"]
    summary(
        "audit",
        f"{asked.out / PAGE}: {len(answers.outputs)} outputs; of {counts['number']} pairs {counts['rises']} rise and "
        f"{counts['falls']} fall with the other finding alone, {counts['flagged']} flagged; {record['seconds']} s",
    )


def _settings(asked: argparse.Namespace, params: Params, loaded: Loaded) -> Settings:
    """The sections of params.yaml, with what the command line says; `DataError` for steps that do not fit."""
    steps = [(f"confounders.{key}", getattr(params.confounders, key)) for key in ("encode_steps", "decode_steps")]
    if params.explain.picture == "decode":
        steps += [(f"explain.{key}", getattr(params.explain, key)) for key in ("encode_steps", "decode_steps")]
    for key, number in steps:
        check_steps(key, number, solver=params.explain.solver, timesteps=loaded.model.schedule.timesteps)
    return Settings(
        findings=asked.findings,
        positives_above=asked.positives_above,
        explain=params.explain,
        interventions=params.interventions.model_copy(update={"radiographs": asked.number, "seed": asked.seed}),
        audit=params.confounders.model_copy(update={"seed": asked.seed}),
    )


def _radiographs(asked: argparse.Namespace, params: Params, loaded: Loaded) -> tuple[Labelled, Films]:
    """The radiographs, those with a row where there are labels, and their rows in the same order."""
    found = find_radiographs(asked.radiographs)
    names = list(found.sources)
    labelled = read_labels(asked.labels, names) if asked.labels else without_labels(names)
    number = max(GATE_RADIOGRAPHS, PER_DIMENSION * loaded.model.latent_dim)
    films = read_radiographs(
        found.of(labelled.rows["image_id"]),
        size=loaded.model.image_size,
        codec=params.codec,
        fine=choose_one_per_patient(labelled.rows, number=number, seed=0),
        most_rejected=params.most_rejected,
        bits_stored=asked.bits_stored,
        inverted=asked.inverted,
    )
    return labelled.of(films.names), films


if __name__ == "__main__":
    run(main)
