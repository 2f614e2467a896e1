"""The manifest (one row per image) and what reading a cohort gives: the contract every later stage relies on.

Columns of a manifest:

image_id     `<dataset>/<native id>`, unique, at most 511 bytes (the longest key of the image store)
dataset      name of the cohort in `params.yaml`
patient_id   `<dataset>/<native id>`
study_id     native id, "" where the dataset has none
source       path inside the cohort's root; a zip member is `archive.zip::member.png`; "" (cohorts only): not present
view         PA | AP | AP_horizontal | ... | "" (not known)
sex          M | F | ""
age          years, NaN where not known
role         pretrain | finetune | test; in a cohort, before the split, `probe` too: finetune or test by patient
bits_stored  bits a 16-bit pixel uses; 0: not known
inverted     whether white means low values (MONOCHROME1)

A cohort has one more column, `origin`: the table its patients come from, so that cohorts sharing one are compared.
"""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class Cohort:
    """One dataset as ingested.

    `images`: `COHORT_COLUMNS`, sorted by image_id, images that are not present included (source ""), so that the split
    does not depend on what was downloaded. `labels`: index image_id (present images), one float32 column per finding,
    1, 0, -1 (uncertain), NaN (blank). `blank_is_negative`: whether blank means 0 (report-mined labels) or not
    assessed. `flow`: step, images, patients. `rejected`: `REJECTED_COLUMNS`.
    """

    images: pd.DataFrame
    labels: pd.DataFrame
    flow: pd.DataFrame
    rejected: pd.DataFrame
    blank_is_negative: bool = False
