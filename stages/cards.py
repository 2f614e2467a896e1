"""The model card, the datasheet of the cohorts, and where the report answers two reporting checklists."""

from diffchest import paths
from diffchest.cards.pages import build_pages
from diffchest.cards.settings import CardParams as Params
from diffchest.progress import run, summary


def main() -> None:
    """Write `reports/model_card.html`, `datasheet.html` and `checklists.html`."""
    pages = build_pages(Params.load())
    for name, text in pages.items():
        (paths.REPORTS / name).write_text(text, encoding="utf-8")
    summary("cards", f"{', '.join(pages)} in {paths.REPORTS}")


if __name__ == "__main__":
    run(main)
