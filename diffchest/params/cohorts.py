"""`cohorts` and `split`: which datasets take part, how each is read, and the split by patient."""

import io
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from diffchest.near_names import did_you_mean
from diffchest.params.base import Fraction, ParamsError, Section, Seed, Uncertain, Words, check_names

TABLES_BESIDE = ("_labels", "_readers")  # what the tables beside `data/cohorts/<name>.parquet` are called


class CohortBase(Section):
    """What every cohort has, whatever its format."""

    root: Words
    images: Literal["all", "present"] = "all"
    uncertain: Uncertain = "zeros"


class PadchestCohort(CohortBase):
    """PadChest as distributed: the label table and the image zips (or the unpacked PNG files)."""

    format: Literal["padchest"]


class ChexpertCohort(CohortBase):
    """CheXpert as distributed, full or `-small`."""

    format: Literal["chexpert"]
    validation: Literal["leave_out", "pretrain"] = "leave_out"


class MimicCxrCohort(CohortBase):
    """MIMIC-CXR-JPG as distributed, or its tables with the DICOM files of MIMIC-CXR."""

    format: Literal["mimic_cxr"]
    use: Literal["pretrain", "probe", "official"] = "pretrain"
    validation: Literal["leave_out", "finetune", "test"] = "leave_out"
    patients: str | None = None


class NihCohort(CohortBase):
    """NIH ChestX-ray14 as distributed, the archives unpacked or as zip files."""

    format: Literal["nih"]
    use: Literal["pretrain", "probe", "official"] = "probe"


class TableCohort(CohortBase):
    """Any CSV or Parquet table with an image path, a patient id and labels.

    bits_stored: of 16-bit PNG, a number for all or a column; None: one rule for the cohort, from what a sample holds.
    inverted: whether low values are white in PNG and JPEG, for all or by a column.
    lateral: what views from the side do. None of a list or mapping means none, for a cohort that takes over another's
    keys.
    """

    format: Literal["table"]
    table: str
    image: str = "image"
    patient: str = "patient_id"
    study: str | None = None
    view: str | None = None
    lateral: Literal["leave_out", "keep"] = "leave_out"
    sex: str | None = None
    age: str | None = None
    labels: list[str] = Field(default_factory=list)
    findings: str | None = None
    separator: Annotated[str, Field(min_length=1)] = "|"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: str = "utf-8"
    zip: str | Annotated[list[str], Field(min_length=1)] | None = None
    bits_stored: Annotated[int, Field(ge=2, le=16)] | Annotated[str, Field(min_length=1)] | None = None
    inverted: bool | Annotated[str, Field(min_length=1)] = False
    indicators: dict[Words, dict[str, Annotated[list[str], Field(min_length=1)]]] = Field(default_factory=dict)
    where: dict[str, list[str]] = Field(default_factory=dict)
    use: Literal["pretrain", "probe"] = "probe"
    split: str | None = None
    roles: dict[str, Literal["pretrain", "finetune", "test", "leave_out"]] = Field(default_factory=dict)

    @field_validator("labels", "indicators", "where", "roles", mode="before")
    @classmethod
    def _null_is_none(cls, value: Any, about: ValidationInfo) -> Any:
        if value is None and about.field_name is not None:
            return cls.model_fields[about.field_name].get_default(call_default_factory=True)
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            io.TextIOWrapper(io.BytesIO(), encoding=name)  # codecs that are none of text, such as base64, fail here
        except (LookupError, ValueError):
            raise ValueError(f"{name!r} is no text encoding that Python knows; try utf-8, latin-1 or cp1252") from None
        return name

    @field_validator("delimiter")
    @classmethod
    def _divides_cells(cls, mark: str | None) -> str | None:
        if mark is not None and (mark in "\"'\r\n." or mark.isalnum()):
            raise ValueError(f"{mark!r} cannot divide cells; expected a mark such as ',', ';' or \"\\t\" (a tab)")
        return mark

    @field_validator("indicators")
    @classmethod
    def _one_column_each(cls, indicators: dict[str, dict[str, list[str]]]) -> dict[str, dict[str, list[str]]]:
        for name, columns in indicators.items():
            if len(columns) != 1:
                raise ValueError(
                    f"{name!r} needs one column with its values, like `{{view: [AP]}}`; found the columns "
                    f"{list(columns)}"
                )
        return indicators

    @model_validator(mode="after")
    def _one_split(self) -> "TableCohort":
        if self.roles and self.split is None:
            raise ValueError(
                "`roles` says what the values of a column mean: name the column in `split`, or write `roles: null`"
            )
        if self.split is not None and not self.roles:
            raise ValueError(
                f"`split: {self.split}` needs `roles`, the role of each value of that column, like "
                "`roles: {train: finetune, val: leave_out, test: test}`"
            )
        if self.split is not None and self.use == "pretrain":
            raise ValueError(
                "give either `use: pretrain` (all rows; then `split: null` and `roles: null`) or `split` with `roles`, "
                "not both"
            )
        return self

    @model_validator(mode="after")
    def _labels_somewhere(self) -> "TableCohort":
        if self.labels and self.findings:
            raise ValueError("give either `labels` (columns) or `findings` (one column with a separator), not both")
        if self.use == "probe" and not self.labels and not self.findings:
            raise ValueError("a cohort with `use: probe` needs `labels` or `findings`")
        if self.indicators and not self.labels and not self.findings:
            raise ValueError(
                "`indicators` stand beside findings; give `labels` or `findings` too, or write `indicators: null`"
            )
        return self


AnyCohort = PadchestCohort | ChexpertCohort | MimicCxrCohort | NihCohort | TableCohort
Cohort = Annotated[AnyCohort, Field(discriminator="format")]


class CohortsParams(BaseModel):
    """`cohorts`: which datasets take part; every further key is one cohort."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, Cohort]

    datasets: Annotated[list[str], Field(min_length=1)]
    max_rejected_fraction: Fraction

    @model_validator(mode="after")
    def _names(self) -> "CohortsParams":
        cohorts = self.__pydantic_extra__
        check_names(cohorts, what="a cohort")
        for name in cohorts:
            for ending in TABLES_BESIDE:
                if f"{name}{ending}" in cohorts:
                    raise ValueError(
                        f"{name + ending!r} cannot be a cohort's name: so a table of {name!r} is called; take another"
                    )
        twice = [name for name in self.datasets if self.datasets.count(name) > 1]
        if twice:
            raise ValueError(f"`datasets` names {twice[0]!r} {self.datasets.count(twice[0])} times; name it once")
        return self

    @model_validator(mode="after")
    def _datasets_defined(self) -> "CohortsParams":
        missing = [name for name in self.datasets if name not in self.__pydantic_extra__]
        if missing:
            raise ValueError(
                f"`datasets` names {missing}, but there is no section `cohorts.{missing[0]}`; "
                f"{did_you_mean(missing[0], self.__pydantic_extra__)}"
            )
        return self

    def __getitem__(self, name: str) -> AnyCohort:
        """Return the section of cohort `name`; `ParamsError` if there is none."""
        if name not in self.__pydantic_extra__:
            known = ", ".join(self.__pydantic_extra__)
            raise ParamsError(f"params.yaml: cohorts.{name} is not defined (defined: {known})")
        return self.__pydantic_extra__[name]


class SplitParams(Section):
    """`split`: patients to fine-tuning and test."""

    test_fraction: Annotated[float, Field(gt=0.0, lt=1.0)]
    seed: Seed
