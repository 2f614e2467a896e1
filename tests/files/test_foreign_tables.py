"""Tables of other programs: told by their content, never coerced, refused with what to do."""

import gzip
import io
import tarfile
import zipfile
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffchest.errors import DataError
from diffchest.files.foreign_tables import read_cells, read_lines, read_numbers

TEXT = "id,finding\n007,Ödem\n8, 0.50\n"
ROWS = [["007", "Ödem"], ["8", " 0.50"]]


def put(folder, content, name="t.csv"):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def parquet(frame, **options):
    buffer = io.BytesIO()
    frame.to_parquet(buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (TEXT, "t.csv"),
        (TEXT.replace("\n", "\r\n"), "t.txt"),
        (TEXT.replace("\n", "\r"), "t.csv"),
        (TEXT.replace(",", "\t"), "t.csv"),
        (TEXT.replace(",", "|"), "t.csv"),
        (TEXT.replace(",", ";"), "t.tsv"),
        ("sep=;\r\n" + TEXT.replace(",", ";"), "t.csv"),
        ("\n\n" + TEXT + ",\n\n  ,  \n", "t.csv"),
        (TEXT.replace("finding", " finding ").replace("\n", ",,\n"), "t.csv"),
        (b"\xef\xbb\xbf" + TEXT.encode(), "t.csv"),
        (TEXT.encode("utf-16"), "t.csv"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "t.csv"),
        (TEXT.encode("utf-32"), "t.csv"),
        (gzip.compress(TEXT.encode(), mtime=0), "t.csv"),
        (TEXT, "t.csv.gz"),
        (parquet(pd.DataFrame(ROWS, columns=["id", "finding"])), "t.csv"),
        (gzip.compress(parquet(pd.DataFrame(ROWS, columns=["id", "finding"])), mtime=0), "t.parquet.gz"),
        (parquet(pd.DataFrame(ROWS, columns=["id", "finding"]).set_index("id")), "t"),
    ],
)
def test_a_table_is_read_whatever_its_form_and_name(tmp_path, content, name):
    path = put(tmp_path, content, name)
    assert read_cells(path, ["id", "finding"]).to_numpy().tolist() == ROWS
    assert read_cells(path, keys=["id"])[["id", "finding"]].to_numpy().tolist() == ROWS


def workbook(*names, mimetype=None):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        if mimetype:
            archive.writestr("mimetype", mimetype)
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (workbook("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook, .*; save its sheet as CSV"),
        (
            workbook("content.xml", mimetype="application/vnd.oasis.opendocument.spreadsheet"),
            r"a workbook \(OpenDocument",
        ),
        (workbook("index.csv"), r"a zip archive \(index.csv\), .*; unpack it"),
        (workbook("a.npy"), "an npz file"),
        (b"PK\x03\x04 and no more", "a zip archive that is cut short"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"a workbook of old Excel \(.xls\)"),
        (b"\n <!DOCTYPE html><html>", "a web page"),
        (b'{"id": 1}', "JSON"),
        (b"$FL2@(#) SPSS DATA FILE", "an SPSS file, .*; save the table as CSV"),
        (bytes(12) + b"\xc2\xea\x81\x60", "a SAS file"),
        (gzip.compress(b"RDX3\nX\n", mtime=0), "gzip of an R data file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS.*git lfs pull"),
        (b"\xfd7zXZ\x00", "packed by xz"),
        (bytes(128) + b"DICM", "a DICOM file"),
        (
            gzip.compress(TEXT.encode() * 2000, mtime=0)[:-30],
            r"cannot be read as a table after line \d+ .*cut short or damaged",
        ),
        (b"PAR1" + bytes(40) + b"PAR1", "cannot be read as a table"),
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"id,finding\n1,a\0b\n", "line 2 holds NUL bytes"),
        (TEXT.encode("utf-16-le"), "line 1 holds NUL bytes: .* UTF-16 without a byte-order mark"),
        (TEXT.encode("latin-1"), "not utf-8 text in or after line 1 .*Ödem.* set the cohort's `encoding`"),
        (b"id,finding\n1,a\n2,b,c\n3,d\n", r"line 3 has 3 cells, the header \(row 1\) 2: it begins '2', 'b', 'c'"),
        (b"id,finding\n1,a\n2\n", "line 3 has 1 cells"),
        (b'id,finding\n1,"a\nb"\n2,"c\n3,d\n', "line 4: a quotation mark is not closed"),
        (b'id,finding\n1,"a" b\n', "line 2: a quotation mark"),
        (b"id,other\n1,2\n", r"column\(s\) \['finding'\] are missing; found \['id', 'other'\]\Z"),
        (b"id,finding,finding \n1,2,3\n", r"expected each column once, found 'finding' \(2 times\)"),
        (b"id,finding,finding.1\n1,2,3\n", "expected .* found 'finding' and 'finding.1', which is what pandas calls"),
    ],
)
def test_what_is_no_table_says_what_it_is_and_what_to_do(tmp_path, content, message):
    path = put(tmp_path, content)
    with pytest.raises(DataError, match=rf"t\.csv: {message}" if content else message) as caught:
        read_cells(path, ["id", "finding"], setting="the cohort's")
    assert str(path) in str(caught.value)


def test_a_separator_that_is_set_is_taken_and_a_wrong_one_named(tmp_path):
    path = put(tmp_path, "id;finding\n1,5;a,b\n")
    assert read_cells(path, delimiter=";").to_numpy().tolist() == [["1,5", "a,b"]]
    with pytest.raises(DataError, match="one column that holds semicolons: set the cohort's `delimiter` to ';'"):
        read_cells(path, ["id"], delimiter=",", setting="the cohort's")


def test_the_separator_is_the_one_that_fits_the_rows(tmp_path, capsys):
    path = put(tmp_path, "id;Effusion, left;Edema\na;0,5;1,5\nb;1;2\n")
    assert read_cells(path).columns.tolist() == ["id", "Effusion, left", "Edema"]
    assert capsys.readouterr().err == f"note: {path}: its cells are separated by semicolons\n"
    assert read_cells(put(tmp_path, "id,found\na,Edema|Mass\nb,x;y;z\n"))["found"].tolist() == ["Edema|Mass", "x;y;z"]


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path):
    rows = read_cells(put(tmp_path, 'id,t\n1,"a\nb"\n\n2,c\n'))
    assert rows.index.tolist() == [0, 2]  # rows 2 and 4: a line end in a cell makes no row, a blank line does


def test_columns_without_a_name_are_left_out_with_a_note(tmp_path, capsys):
    path = put(tmp_path, ",Unnamed: 0,__index_level_0__,id,,f\n0,0,0,a,9,1\n")
    assert read_cells(path).columns.tolist() == ["id", "f"]
    assert "4 column(s) without a name of their own, or an index: '', 'Unnamed: 0'" in capsys.readouterr().err
    assert read_cells(path, ["Unnamed: 0", "id"]).to_numpy().tolist() == [["0", "a"]]
    frame = pd.DataFrame({"id": ["a"]}, index=pd.Index([3], name="patient"))
    path.write_bytes(parquet(frame))
    assert read_cells(path).columns.tolist() == ["id"]
    assert read_cells(path, keys=["patient"])["patient"].tolist() == ["3"]


def test_a_twin_that_nobody_asked_for_does_no_harm(tmp_path):
    path = put(tmp_path, "id,remark,remark,f,v.1\na,x,y,1,2\n")
    assert read_cells(path, ["id", "f"]).to_numpy().tolist() == [["a", "1"]]
    with pytest.raises(DataError, match=r"'remark' \(2 times\)"):
        read_cells(path)
    assert read_cells(put(tmp_path, "id,v.1\na,2\n")).columns.tolist() == ["id", "v.1"]


def test_parquet_columns_become_the_text_that_they_mean(tmp_path):
    table = pa.table(
        {
            "big": pa.array([2**60 + 1, None], pa.int64()),
            "whole": pa.array([3.0, None]),
            "part": pa.array([0.1, 2.0]),
            "small": pa.array([0.5, 0.25], pa.float32()),
            "kind": pa.array(["x", None]).dictionary_encode(),
            "bytes": pa.array(["é".encode(), None]),
            "list": pa.array([["a", "b"], None]),
            "yes": pa.array([True, None]),
            "day": pa.array([date(2015, 1, 2), None]),
        }
    )
    pq.write_table(table, tmp_path / "t")
    rows = read_cells(tmp_path / "t").to_numpy().tolist()
    assert rows[0] == [str(2**60 + 1), "3", "0.1", "0.5", "x", "é", "['a', 'b']", "True", "2015-01-02"]
    assert rows[1] == ["", "", "2.0", "0.25", "", "", "", "", ""]


def test_numbers_are_those_that_python_reads_and_text_stays(tmp_path):
    path = put(tmp_path, " id ;a;b;c;d\n 007 ;0,1;1e-300;x;\n8;-3;.5;2;1\n")
    table = read_numbers(path, "id")
    assert table["id"].tolist() == ["007", "8"]
    assert table["a"].tolist() == [0.1, -3.0]
    assert table["b"].tolist() == [1e-300, 0.5]
    assert table["c"].tolist() == ["x", "2"]
    np.testing.assert_array_equal(table["d"], [np.nan, 1])


@settings(max_examples=25)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=4), st.sampled_from([",", "."]))
def test_every_float_survives(tmp_path_factory, values, point):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_text("id;f\n" + "".join(f"{n};{repr(value).replace('.', point)}\n" for n, value in enumerate(values)))
    assert read_numbers(path, "id")["f"].tolist() == values


def test_a_big_table_is_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("diffchest.files.foreign_tables.CELLS_AT_ONCE", 4)
    path = put(tmp_path, "id,f\n" + "".join(f"{n},{n}.5\n" for n in range(9)))
    assert read_numbers(path, "id")["f"].tolist() == [n + 0.5 for n in range(9)]
    path = put(tmp_path, "id,f\n")
    assert read_numbers(path, "id").shape == (0, 2)


def test_lines_are_cells_without_blanks(tmp_path):
    assert read_lines(put(tmp_path, "\ufeff a.png \r\nb,c.png\n")) == ["a.png", "b,c.png"]
    with pytest.raises(DataError, match=r"none\.txt: no such table"):
        read_lines(tmp_path / "none.txt")


@pytest.mark.parametrize("title", ["Export of 12 March", "Export,,", "Export\n\nby ward;;"])
def test_a_title_above_the_names_is_told_with_both_lines(tmp_path, title):
    path = tmp_path / "t.csv"
    path.write_text(f"{title}\nfile,patient,Edema\na.png,1,0\n")
    line = title.count("\n") + 2
    with pytest.raises(
        DataError, match=rf"expected the names of columns in line 1, .*'file', 'patient' in line {line};"
    ):
        read_cells(path, ["file", "patient"])


@pytest.mark.parametrize(("kind", "most"), [("float32", 2**24), ("float64", 2**53)])
def test_fractions_too_large_to_be_exact_are_no_ids(tmp_path, kind, most):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"patient": np.array([1, most - 1], kind)}).to_parquet(path)
    assert read_cells(path, ["patient"])["patient"].tolist() == ["1", str(most - 1)]
    pd.DataFrame({"patient": np.array([1, most + 1], kind)}).to_parquet(path)
    with pytest.raises(DataError, match=r"column 'patient' holds numbers such as .* save the column as text"):
        read_cells(path, ["patient"])


def test_a_gzip_of_a_gzip_and_a_tar_are_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(gzip.compress(gzip.compress(b"a,b\n1,2\n")))
    with pytest.raises(DataError, match="gzip of a gzip file, expected a table"):
        read_cells(path)
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.csv"))
    with pytest.raises(DataError, match="gzip of a tar archive, expected a table"):
        read_cells(path)
