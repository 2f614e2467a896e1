"""Which row of a label table is of which radiograph, and what its cells say."""

import numpy as np
import pytest

from diffchest.audit.command.label_table import read_labels, without_labels
from diffchest.errors import DataError

NAMES = ["a/1.png", "a/2.png", "b/3.dcm", "0.zip::deep/4.png"]


def written(folder, text):
    (folder / "labels.csv").write_text(text)
    return folder / "labels.csv"


def test_a_row_is_found_by_path_by_file_name_and_by_an_id_that_ends_in_it(tmp_path):
    text = "image_id,goiter\n4,1\na/2.png,0\npadchest/3.dcm,\n1.png,-1\n"
    labelled = read_labels(written(tmp_path, text), NAMES)
    assert labelled.rows["image_id"].tolist() == NAMES
    np.testing.assert_array_equal(labelled.labels["goiter"], [np.nan, 0, np.nan, 1])
    assert not labelled.patients_known
    assert labelled.rows["patient_id"].tolist() == NAMES


def test_what_is_no_finding_goes_to_the_rows(tmp_path, capsys):
    text = (
        "file;patient_id;view;sex;age;No Finding;goiter\n2.png;p;AP;female;70;1;0\n1.png;p;PA;M;;0;1\n9.png;q;;;;1;0\n"
    )
    labelled = read_labels(written(tmp_path, text), NAMES)
    assert labelled.rows.to_dict("list") == {
        "image_id": ["a/1.png", "a/2.png"], "patient_id": ["p", "p"], "view": ["PA", "AP"], "sex": ["M", "F"],
        "age": [pytest.approx(np.nan, nan_ok=True), 70.0],
    }  # fmt: skip
    assert list(labelled.labels) == ["No Finding", "goiter"]
    assert list(labelled.named) == ["goiter"]
    assert "1 rows without a radiograph, 2 radiographs without a row" in capsys.readouterr().err


def test_a_finding_is_frequent_with_more_on_either_side(tmp_path):
    rows = "".join(f"{n}.png,{int(n < 3)},{int(n < 2)},1\n" for n in range(6))
    labelled = read_labels(written(tmp_path, f"image,b,a,always\n{rows}"), [f"{n}.png" for n in range(6)])
    assert labelled.frequent(2) == ["b"]
    assert labelled.frequent(1) == ["a", "b"]
    assert labelled.of(["5.png", "0.png"]).labels["b"].tolist() == [0, 1]
    assert labelled.without(["b"]).frequent(1) == ["a"]
    assert without_labels(["x"]).frequent(0) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_id,goiter\n7.png,1\n", "none of its 1 rows names one of the 4 radiographs: it has '7.png'"),
        ("name,goiter\n1.png,1\n", "no column image_id or image or file or path"),
        ("image_id,age\n1.png,1\n", "no column is a finding"),
        (
            "image_id,goiter\n1.png,maybe\n",
            "expected 1, 0, -1, .* found 'maybe'; a column that is no finding has to go",
        ),
        ("image_id,goiter\n1.png,1\na/1.png,0\n", "rows 2 and 3 are both of a/1.png"),
        ("image_id,goiter,patient_id\n1.png,1,\n", "patient_id is empty"),
        ("image_id,goiter,goiter\n1.png,1,0\n", r"labels.csv: expected each column once, found 'goiter' \(2 times\)"),
        ("image_id;goiter; goiter ;a;a\n1.png;1;0;1;1\n", r"found 'goiter' \(2 times\), 'a' \(2 times\); keep one"),
        ("image,image \n1.png,1\n", r"found 'image' \(2 times\)"),
        ("image_id,goiter,goiter.1\n1.png,1,0\n", "found 'goiter' and 'goiter.1', which is what pandas calls"),
        ("image_id,goiter,Goiter\n1.png,1,0\n", r"1 findings .*'goiter' \(1\), 'Goiter' \(0\)"),
        ("image_id,goiter,patient_id\n1.png,1,NULL\n", "patient_id is empty or a word for nobody in 1 rows, .*'NULL'"),
        ("image_id,goiter\n1.png,1\n\na/1.png,0\n", "rows 2 and 4 are both of a/1.png"),
    ],
)
def test_a_table_that_does_not_fit_is_told(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_labels(written(tmp_path, text), NAMES)


def test_ages_and_sexes_are_read_as_everywhere_and_row_numbers_are_no_finding(tmp_path, capsys):
    text = ",image_id,age,sex,goiter\n0,1.png,018M,weiblich,1\n\n1,a/2.png,?!,x,0\n"
    labelled = read_labels(written(tmp_path, text), NAMES)
    assert list(labelled.labels) == ["goiter"]
    assert labelled.rows["sex"].tolist() == ["F", ""]
    np.testing.assert_array_equal(labelled.rows["age"], [1.5, np.nan])
    said = capsys.readouterr().err
    assert "column 'age': 1 of 2 cells are not understood as age, such as '?!'" in said
    assert "column 'sex': 1 of 2 cells are not understood as sex, such as 'x'" in said


def test_a_name_that_several_radiographs_have_is_told(tmp_path):
    with pytest.raises(DataError, match=r"row 2: several radiographs are called '1.png'; give their paths"):
        read_labels(written(tmp_path, "image_id,goiter\n1.png,1\n"), ["a/1.png", "b/1.png"])
    labelled = read_labels(written(tmp_path, "image_id,goiter\nb/1.png,1\n"), ["a/1.png", "b/1.png"])
    assert labelled.rows["image_id"].tolist() == ["b/1.png"]


def test_a_table_that_is_none_is_told(tmp_path):
    with pytest.raises(DataError, match="no such file; --labels takes a CSV"):
        read_labels(tmp_path / "none.csv", NAMES)
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"bytes.csv: line 1 holds NUL bytes.* \(--labels takes a CSV"):
        read_labels(tmp_path / "bytes.csv", NAMES)
