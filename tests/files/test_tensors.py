"""Checkpoints in the forms that are about: read, or refused by the form's name; what training put into names goes."""

import pickle
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from diffchest.errors import DataError
from diffchest.files.tensors import read_plain, renamed, tensors_by_name

TENSORS = {"a.weight": torch.arange(6.0).view(2, 3), "b": torch.tensor([7])}


def same(found):
    return (
        found is not None and found.keys() == TENSORS.keys() and all(map(torch.equal, found.values(), TENSORS.values()))
    )


@pytest.mark.parametrize("zipped", [True, False])
def test_both_formats_of_torch_are_read(tmp_path, zipped):
    torch.save({"state_dict": TENSORS, "epoch": 3}, tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    loaded = read_plain(tmp_path / "a.pt", expected="a checkpoint")
    assert loaded["epoch"] == 3
    assert same(loaded["state_dict"])


def test_the_old_format_may_hold_no_code_either(tmp_path):
    torch.save({"where": tmp_path}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(
        DataError, match=r"a\.pt: refused, since it holds objects of pathlib\.PosixPath, which could run"
    ):
        read_plain(tmp_path / "a.pt", expected="a checkpoint")


def test_programs_are_told_from_checkpoints(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "script.pt")
    torch.export.save(torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),)), tmp_path / "exported.pt2")
    for name, form in (("script.pt", "TorchScript"), ("exported.pt2", r"torch\.export")):
        with pytest.raises(DataError, match=rf"{name}: a program (in|of) {form}, not a checkpoint.*state_dict"):
            read_plain(tmp_path / name, expected="a checkpoint")
    state = torch.jit.load(tmp_path / "script.pt").state_dict()  # as the message says
    torch.save(state, tmp_path / "state.pt")
    assert tensors_by_name(read_plain(tmp_path / "state.pt", expected="a checkpoint")).keys() == {"weight", "bias"}


def test_any_other_zip_is_no_checkpoint(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("a/readme.txt", "x")
    with pytest.raises(DataError, match=r"a\.pt: a zip file, but no checkpoint; unpack it, and give best\.pt"):
        read_plain(tmp_path / "a.pt", expected="best.pt")


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.module."])
def test_what_training_put_before_names_goes(prefix):
    assert same(tensors_by_name({f"{prefix}{name}": tensor for name, tensor in TENSORS.items()}))


def test_torchs_own_wrappers():
    """Against the names that torch itself gives."""
    plain = torch.nn.Sequential(torch.nn.Linear(2, 2))
    for wrapped in (
        torch.compile(plain),
        torch.nn.DataParallel(plain),
        torch.optim.swa_utils.AveragedModel(plain),
        torch.nn.DataParallel(torch.compile(plain)),
    ):
        state = wrapped.state_dict()
        assert state.keys() != plain.state_dict().keys()
        assert tensors_by_name(state).keys() == plain.state_dict().keys()
    inside = torch.nn.ModuleDict({"net": torch.compile(plain)}).state_dict()
    assert tensors_by_name(inside).keys() == {"net.0.weight", "net.0.bias"}


def test_an_error_says_that_its_names_lack_a_prefix():
    wrapped = {f"module.{name}": tensor for name, tensor in TENSORS.items()}
    for loaded, told in ((wrapped, "missing c\n  (without the prefix"), (TENSORS, "missing c")):
        with pytest.raises(DataError) as caught, renamed(loaded, TENSORS):
            raise DataError("missing c")
        assert str(caught.value).startswith(told)
        assert ("`module.`" in str(caught.value)) == (loaded is wrapped)


def test_a_part_of_a_network_may_be_called_module():
    names = {"module.a": torch.zeros(1), "b": torch.zeros(1)}
    assert tensors_by_name(names).keys() == names.keys()
    for other in ({}, [1], {"a": 1}, {1: torch.zeros(1)}, torch.zeros(1)):
        assert tensors_by_name(other) is None


def test_a_file_is_what_it_holds_not_what_it_is_called(tmp_path):
    save_file(TENSORS, tmp_path / "a.pt")
    loaded = read_plain(tmp_path / "a.pt", expected="a checkpoint")
    assert same({name: loaded.pop(name) for name in TENSORS})
    assert not loaded
    torch.save(TENSORS, tmp_path / "a.safetensors")
    with pytest.raises(DataError, match=r"a checkpoint of `torch\.save`, not of safetensors; rename it to a\.pt"):
        read_plain(tmp_path / "a.safetensors", expected="a checkpoint")


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\n<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "a pointer of Git LFS"),
        (b'{"error": "not found"}', "JSON"),
        (b"Access denied", "text"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"\xff\xfeh\x00i\x00", "no file of `torch.save`"),
        (pickle.dumps({"a": 1}), "a pickle of Python that `torch.save` did not write"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path, name, content, what):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name}: {what}.*not a checkpoint") as caught:
        read_plain(tmp_path / name, expected="best.pt")
    assert str(caught.value).endswith("give best.pt")
