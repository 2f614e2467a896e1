"""What an audit says of itself: what was asked and answered, what was not and why, and of which files."""

from collections.abc import Mapping
from typing import Any

from diffchest.audit.command.answers import PER_DIMENSION, Answers, Settings
from diffchest.audit.command.films import Films
from diffchest.audit.command.generator import Generator
from diffchest.audit.command.label_table import PATIENT, Labelled
from diffchest.contracts.classifier import Classifier
from diffchest.params.counterfactuals import PictureParams


def record_of(
    name: str,
    classifier: Classifier,
    films: Films,
    labelled: Labelled,
    generator: Generator,
    answers: Answers,
    settings: Settings,
    sha256: Mapping[str, str],
) -> dict[str, Any]:
    """What `audit.json` holds, besides the two tables; sha256: of the files that were read."""
    pairs, drawn = answers.pairs, answers.drawn
    return {
        "audit_of": name,
        "outputs": answers.outputs,
        "unchecked": answers.unchecked,
        "left_out": [output for output in classifier.outputs if output not in set(answers.outputs)],
        "radiographs": {
            "number": len(films.names),
            "patients": int(labelled.rows[PATIENT].nunique()) if labelled.patients_known else None,
            "square": films.squares.shape[-1],
            "gates_square": films.fine.shape[-1],
            "changed": len(drawn.image_id),
            "moved": answers.towards,
            "rejected": films.rejected,
        },
        "findings": {"put_in": drawn.findings, "by_labels": answers.labelled},
        "generator": {
            "fitted_on": {"dataset": generator.moves.trained_on[0], "radiographs": int(generator.moves.trained_on[1])},
            "fitted_here": generator.fitted,
        },
        "pairs": {
            "number": len(pairs),
            "rises": int((pairs["responds"] == "rises").sum()),
            "falls": int((pairs["responds"] == "falls").sum()),
            "appear": int(pairs["appears"].sum()),
            "flagged": int(pairs["flagged"].sum()),
        },
        "answered": said(labelled, generator, answers, settings),
        "sha256": {**sha256, "classifier": classifier.sha256, "radiographs": films.sha256},
        "settings": {
            "findings": settings.findings,
            "positives_above": settings.positives_above,
            "interventions": settings.interventions.model_dump(),
            "pictures": settings.explain.model_dump(include=set(PictureParams.model_fields)),
            "confounders": settings.audit.model_dump(),
        },
    }


def said(labelled: Labelled, generator: Generator, answers: Answers, settings: Settings) -> list[str]:
    """A sentence for each thing that could be answered, or could not, and why."""
    d, most = generator.head.mean.size, settings.positives_above
    told = []
    if labelled.labels is None:
        told.append(
            "No labels were given: no gate could check that it finds what it says (order, polarity, AUC), and no pair "
            "is flagged."
        )
        told.append(
            "What a score responds to is answered by pictures alone. They lose what the network cannot draw; labels "
            "answer it better."
        )
    elif not answers.labelled:
        told.append(f"No finding has more than {most} radiographs with it, and without: pictures alone answer.")
    else:
        without = len([finding for finding in answers.drawn.findings if finding not in set(answers.labelled)])
        told.append(
            f"What a score responds to is answered by labels for {len(answers.labelled)} findings"
            + (f", by pictures alone for {without} more." if without else ".")
        )
    if answers.unchecked:
        told.append(
            f"Too few labels to check that it finds {_some(answers.unchecked)}: audited all the same, unchecked, and "
            "never flagged."
        )
    if answers.towards:
        told.append(f"What goes with a finding: {answers.towards} radiographs were moved along its own directions.")
    else:
        told.append(
            f"What goes with a finding could not be asked, nor what of a score z carries: z has {d} numbers, which "
            f"takes radiographs of {PER_DIMENSION * d} patients; there are {labelled.rows[PATIENT].nunique()}."
        )
    if not labelled.patients_known:
        told.append("No patients are known, each radiograph is one: intervals are too narrow if one has several.")
    if generator.hidden:
        told.append(
            "The network was trained on phantoms, and says nothing of radiographs of patients; left out are "
            f"{len(generator.hidden)} findings that phantoms do not show."
        )
    if generator.fitted:
        told.append(
            f"{' and '.join(generator.fitted)} of z were fitted to the labels of these radiographs, since there were "
            "none in files."
        )
    return told


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} others" if len(names) > most else "")
