"""The three pages: model card, datasheet, checklists."""

from diffchest.cards.checklists import fill
from diffchest.cards.cohorts import read_cohorts
from diffchest.cards.model import read_model
from diffchest.cards.report_page import read_report
from diffchest.cards.sentences import limits, sentences
from diffchest.cards.settings import CardParams
from diffchest.files.html import page_environment

FRAME = "frame.html"
PAGES = ("model_card.html", "datasheet.html", "checklists.html")


def build_pages(params: CardParams) -> dict[str, str]:
    """The pages by file name, from the tables, metrics, model files and report that are there; equal files, equal text.

    Raises `DataError` for what a stage before has not written.
    """
    cohorts, model = read_cohorts(params), read_model(params)
    said = sentences(params, cohorts, model)
    evaluated = next(cohort for cohort in cohorts if cohort.evaluated)
    environment = page_environment("diffchest.cards")
    return {
        name: environment.get_template(name).render(
            frame=environment.get_template(FRAME),
            params=params,
            cohorts=cohorts,
            model=model,
            said=said,
            limits=limits(params, cohorts, evaluated, model),
            checklists=fill(read_report(), said),
        )
        for name in PAGES
    }
