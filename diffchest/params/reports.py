"""`reports`: whether they may be committed."""

from diffchest.params.base import Section


class ReportsParams(Section):
    """`reports`: public: whether reports of radiographs that are no phantoms may be committed; changes no result."""

    public: bool
