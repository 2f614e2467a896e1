"""`reports`: whether they may be committed, and whether they are of a tour."""

from diffchest.params.base import Section


class ReportsParams(Section):
    """`reports`: what is said of the reports; changes no result.

    * public: whether reports of radiographs that are no phantoms may be committed
    * tour: whether the page says that it is of a tour, whose numbers mean nothing
    """

    public: bool
    tour: bool
