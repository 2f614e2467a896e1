"""The answers of an audit of some radiographs: gates, what the scores respond to, what goes with a finding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from diffchest.audit.choosing import choose_mixed
from diffchest.audit.command.films import Films
from diffchest.audit.command.generator import Generator
from diffchest.audit.command.label_table import PATIENT, Labelled
from diffchest.audit.command.pairs import pairs_of
from diffchest.audit.direction import own_direction
from diffchest.audit.interventions import intervene
from diffchest.audit.pairs import audit
from diffchest.audit.responses import respond
from diffchest.audit.scoring import classify
from diffchest.classifiers.gates import check_gates, gate_table
from diffchest.classifiers.trial import Evidence
from diffchest.compute.parts import Parts
from diffchest.contracts.classified import Classified
from diffchest.contracts.classifier import Classifier
from diffchest.contracts.interventions import Interventions
from diffchest.errors import DataError
from diffchest.findings.disease_free import choose_disease_free, choose_one_per_patient, disease_free, normal_finding
from diffchest.near_names import did_you_mean
from diffchest.params.audit import ConfoundersParams
from diffchest.params.counterfactuals import ExplainParams, PictureParams
from diffchest.params.interventions import InterventionsParams
from diffchest.progress import notice

Drawn = TypeVar("Drawn")
PER_DIMENSION = 4  # radiographs for each number of z, from which on it can be told what of a score z carries


@dataclass(frozen=True)
class Settings:
    """What is asked: `findings` to be put in (None: all), and the sections of params.yaml that say how.

    positives_above: a finding of the labels has a response with more radiographs with it, and without.
    """

    findings: list[str] | None
    positives_above: int
    explain: ExplainParams
    interventions: InterventionsParams
    audit: ConfoundersParams


@dataclass(frozen=True, eq=False)
class Answers:
    """What came out.

    * gates: `gates.COLUMNS`; outputs: those that are audited; unchecked: those of them whose AUC labels could not tell
    * pairs: see `command.pairs`
    * labelled: the findings whose response the labels tell; drawn: radiographs that were changed, and the pictures
    * towards: radiographs that were moved towards the classifier's findings; 0 where that was not asked
    """

    gates: pd.DataFrame
    outputs: list[str]
    unchecked: list[str]
    pairs: pd.DataFrame
    labelled: list[str]
    drawn: Interventions
    classified: Classified
    towards: int


def answer(
    classifier: Classifier,
    name: str,
    films: Films,
    labelled: Labelled,
    z: np.ndarray,
    generator: Generator,
    settings: Settings,
    parts: Parts,
) -> Answers:
    """Audit a classifier; labelled: of the radiographs, in their order; z: their latents, unnormalised [N, d].

    Raises `DataError` where a hard gate fails, no output is left, or a finding of the settings is unknown.
    """
    put_in, held = _asked(generator.findings, labelled, settings)
    enough = len(set(labelled.rows[PATIENT])) >= PER_DIMENSION * z.shape[1]
    gates = gate_table(classifier, name, _evidence(films, labelled, generator, z if enough else None))
    untold = (gates["gate"] == "auc_originals") & gates["value"].isna() & ~gates["hard"]
    outputs = check_gates(gates[~untold])
    drawn = _put_in(films, labelled, put_in, generator, settings, parts)
    scores = classifier.logits(films.squares)
    scored = classify(
        classifier,
        outputs,
        drawn,
        finetune_id=films.names,
        logits_finetune=scores,
        z=z,
        gates=gates,
        head=generator.head,
    )
    towards = _towards(labelled.rows, labelled, settings) if enough else []
    goes_with = _goes_with(classifier, scored, films, towards, z, generator, settings, parts) if enough else None
    explain = settings.explain
    unchecked = [name for name in outputs if name in set(gates.loc[untold, "output"])]
    pairs = pairs_of(
        scored, drawn, generator.moves, goes_with, held, labelled, kinds=explain.kinds, rule=settings.audit
    )
    return Answers(gates, outputs, unchecked, pairs, held, drawn, scored, len(towards))


def _asked(movable: list[str], labelled: Labelled, settings: Settings) -> tuple[list[str], list[str]]:
    """The findings that are put in, and those whose response the labels tell."""
    held = labelled.frequent(settings.positives_above)
    if settings.findings is None:
        return movable, held
    known = sorted({*movable, *held})
    for finding in settings.findings:
        if finding not in known:
            raise DataError(
                f"--findings: {finding!r} can neither be put in nor is it a finding of the labels with more than "
                f"{settings.positives_above} radiographs with it, and without; {did_you_mean(finding, known)}"
            )
    put_in = [finding for finding in movable if finding in settings.findings]
    if not put_in:
        raise DataError(
            f"--findings: none of {settings.findings} has a move of z, so no picture can show it; add one of "
            f"{', '.join(movable[:10])}"
        )
    return put_in, [finding for finding in held if finding in settings.findings]


def _evidence(films: Films, labelled: Labelled, generator: Generator, z: np.ndarray | None) -> Evidence:
    """What the gates try the classifier on: the larger pictures, and all that is known of them."""
    rows, labels = films.fine_rows, labelled.named
    findings = sorted({*generator.moves.findings, *labels.columns}.difference(generator.hidden))
    findings = [finding for finding in findings if finding != normal_finding(findings)]  # whatever appears removes it
    told = None if labelled.labels is None else labels.reindex(columns=findings).to_numpy(np.float64)[rows]
    return Evidence(
        pictures=films.fine,
        size=films.squares.shape[-1],
        findings=findings,
        labels=told,
        patients=labelled.rows[PATIENT].to_numpy()[rows],
        z=None if z is None else z[rows],
    )


def _put_in(
    films: Films, labelled: Labelled, findings: list[str], generator: Generator, settings: Settings, parts: Parts
) -> Interventions:
    """Radiographs with each of `findings` put in, or taken out where the labels say that it is there."""
    number, seed, rows = settings.interventions.radiographs, settings.interventions.seed, labelled.rows
    labels = labelled.all
    if disease_free(labels).any():
        held = [finding for finding in findings if finding in labels]
        chosen = choose_mixed(rows, labels, labels, held, number=number, seed=seed)
    else:
        chosen = choose_one_per_patient(rows, number=number, seed=seed)
    if len(chosen) < number:
        notice(
            f"--number: {number} radiographs were to be changed, {len(chosen)} are: one per patient, and where labels "
            "are given, disease-free or with a finding that is put in"
        )
    where = films.rows(chosen)
    drawn = intervene(
        generator.model,
        generator.head,
        generator.moves,
        chosen,
        films.squares[where],
        (labels.reindex(columns=findings).iloc[where] == 1).to_numpy(),
        findings,
        settings=PictureParams.model_validate(settings.explain.model_dump()),
        random_directions=settings.interventions.random_directions,
        seed=seed,
        parts=parts,
    )
    return _alone(drawn)


def _towards(rows: pd.DataFrame, labelled: Labelled, settings: Settings) -> list[str]:
    """Names of the radiographs that are moved: disease-free ones, where labels tell."""
    number, seed, labels = settings.audit.images, settings.audit.seed, labelled.all
    if disease_free(labels).any():
        return choose_disease_free(rows, labels, number=number, seed=seed, asked_by="confounders.images")
    return choose_one_per_patient(rows, number=number, seed=seed)


def _goes_with(
    classifier: Classifier,
    scored: Classified,
    films: Films,
    names: Sequence[str],
    z: np.ndarray,
    generator: Generator,
    settings: Settings,
    parts: Parts,
) -> pd.DataFrame:
    """What appears when radiographs are moved along the classifier's own directions; see `audit.pairs`."""
    direction, fitted = own_direction(scored, z, generator.head, generator.moves)
    responses = respond(
        generator.model,
        direction,
        names,
        films.squares[films.rows(names)],
        classifier=classifier,
        targets=scored.outputs,
        fitted=fitted,
        solver=settings.explain.solver,
        settings=settings.audit,
        parts=parts,
    )
    return audit(_alone(responses), scored, settings.audit)


def _alone(drawn: Drawn | None) -> Drawn:
    if drawn is None:
        raise DataError("an audit of a folder is the work of one process; run the command without torchrun")
    return drawn
