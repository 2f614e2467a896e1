"""Profiles are merged into the committed params.yaml, never into each other, and never over what was changed by hand."""

import shutil
import subprocess
import sys

import pytest
from ruamel.yaml import YAML

from diffchest.errors import DataError
from diffchest.params.whole import Params
from diffchest.profiles import apply_profiles, by_hand
from tests.helpers.repository import ROOT

COMMITTED = (ROOT / "params.yaml").read_text(encoding="utf-8")
PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))
ONE, TWO = "probe: {fraction: 0.25}\nfigures: {dpi: 99}\n", "probe: {l2: 2.0}\nfigures: {dpi: 77}\n"


def git(*arguments, cwd):
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=cwd, check=True, capture_output=True)


@pytest.fixture
def unpacked(tmp_path):
    """A folder with the committed params.yaml and two small profiles, without git."""
    (tmp_path / "params.yaml").write_text(COMMITTED, encoding="utf-8")
    for name, text in (("one", ONE), ("two", TWO)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def checkout(unpacked):
    """The same with git."""
    git("init", "--quiet", cwd=unpacked)
    git("add", "params.yaml", cwd=unpacked)
    git("commit", "--quiet", "--message", "start", cwd=unpacked)
    return unpacked


def put(checkout, *names, own="refuse"):
    apply_profiles([checkout / f"{name}.yaml" for name in names], checkout / "params.yaml", own=own)
    return values(checkout)


def values(checkout):
    params = Params.load(checkout / "params.yaml")
    return params.probe.fraction, params.probe.l2, params.figures.dpi


def values_of(text, checkout):
    (checkout / "committed.yaml").write_text(text, encoding="utf-8")
    params = Params.load(checkout / "committed.yaml")
    return params.probe.fraction, params.probe.l2, params.figures.dpi


def change(checkout, before, after):
    text = (checkout / "params.yaml").read_text(encoding="utf-8")
    assert text.count(before) == 1
    (checkout / "params.yaml").write_text(text.replace(before, after), encoding="utf-8")


@pytest.mark.parametrize("kind", ["checkout", "unpacked"])
def test_profiles_do_not_stack_unless_named_together(kind, request):
    checkout = request.getfixturevalue(kind)
    assert values(checkout) == (1.0, 1.0, 150)
    assert put(checkout, "one") == (0.25, 1.0, 99)
    assert put(checkout, "two") == (1.0, 2.0, 77)
    assert put(checkout, "one", "two") == (0.25, 2.0, 77)
    assert put(checkout, "two", "one") == (0.25, 2.0, 99)
    (checkout / "one.yaml").write_text("probe: {l2: 3.0}\n", encoding="utf-8")  # a profile that is being written
    assert put(checkout, "one") == (1.0, 3.0, 150)
    assert (checkout / "params.yaml").read_text(encoding="utf-8").startswith("# Values of profile one;")
    assert put(checkout) == (1.0, 1.0, 150)
    assert (checkout / "params.yaml").read_text(encoding="utf-8") == COMMITTED


def test_a_profile_that_is_committed_is_no_base(checkout):
    """A run on a branch of its own is committed with its profile: that can still be changed, and taken back."""
    put(checkout, "one")
    git("commit", "--quiet", "--all", "--message", "a run", cwd=checkout)
    fraction, l2, dpi = values_of(COMMITTED, checkout)
    (checkout / "one.yaml").write_text("figures: {dpi: 99}\n", encoding="utf-8")
    assert put(checkout, "one") == (fraction, l2, 99)
    assert (checkout / "params.yaml").read_text(encoding="utf-8").count("# Values of profile") == 1
    git("commit", "--quiet", "--all", "--message", "another", cwd=checkout)
    assert put(checkout) == (fraction, l2, dpi)
    assert (checkout / "params.yaml").read_text(encoding="utf-8") == COMMITTED


def test_what_was_changed_by_hand_is_told_and_kept_or_dropped_as_asked(checkout):
    put(checkout, "one")
    assert by_hand(checkout / "params.yaml") == []
    change(checkout, "test_fraction: 0.3", "test_fraction: 0.2")
    change(checkout, "dpi: 99", "dpi: 100")
    before = (checkout / "params.yaml").read_bytes()
    told = r"2 value\(s\).*by hand.*\n  split.test_fraction: 0.2, instead of 0.3\n  figures.dpi: 100, instead of 99\n"
    for names in (["two"], []):
        with pytest.raises(DataError, match=told):
            put(checkout, *names)
    assert (checkout / "params.yaml").read_bytes() == before
    assert put(checkout, "two", own="keep") == (1.0, 2.0, 100)
    assert Params.load(checkout / "params.yaml").split.test_fraction == 0.2
    assert by_hand(checkout / "params.yaml") == ["split.test_fraction", "figures.dpi"]
    assert put(checkout, "one", own="discard") == (0.25, 1.0, 99)
    assert Params.load(checkout / "params.yaml").split.test_fraction == 0.3


def test_sections_added_and_taken_away_by_hand(checkout):
    put(checkout, "one")
    change(checkout, "  kinds: {} ", "  kinds: {goiter: [struma]} ")
    change(checkout, "  mimic_cxr:\n    format: mimic_cxr\n", "  other:\n    format: mimic_cxr\n")
    change(checkout, "datasets: [padchest, chexpert, mimic_cxr]  # the", "datasets: [padchest, chexpert]  # the")
    with pytest.raises(DataError, match=r"cohorts\.mimic_cxr\.format: \(removed\), instead of 'mimic_cxr'"):
        put(checkout, "two")
    put(checkout, "two", own="keep")
    params = Params.load(checkout / "params.yaml")
    assert params.explain.kinds == {"goiter": ["struma"]}
    assert params.cohorts["other"].format == "mimic_cxr"
    assert not hasattr(params.cohorts, "mimic_cxr")


def test_without_git_a_profile_whose_base_is_lost_is_no_base(unpacked):
    put(unpacked, "one")
    shutil.rmtree(unpacked / "runs")
    with pytest.raises(DataError, match=r"holds a profile already \(Values of profile one"):
        put(unpacked, "one")


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_profiles_apply_and_keep_comments(path, tmp_path):
    target = tmp_path / "params.yaml"
    target.write_text(COMMITTED, encoding="utf-8")
    apply_profiles([path], target)
    Params.load(target)
    assert "# fold k x k pixels into channels" in target.read_text(encoding="utf-8")


def test_a_bad_profile_changes_nothing(checkout):
    (checkout / "bad.yaml").write_text("probe: {fraction: 7.0}\n", encoding="utf-8")
    (checkout / "tab.yaml").write_text("probe:\n\tfraction: 0.5\n", encoding="utf-8")
    for name, message in (
        ("bad", r"params\.yaml.* with .*bad\.yaml: 1 problem\(s\)\n  probe\.fraction"),
        ("tab", r"tab\.yaml, line 2, column 1: .*a tab"),
        ("none", r"no such profile \(there are: bad, one, params, tab, two\)"),
    ):
        with pytest.raises(DataError, match=message):
            put(checkout, name)
    assert (checkout / "params.yaml").read_text(encoding="utf-8") == COMMITTED


def test_the_command_where_the_locale_is_ascii(tmp_path):
    """The text of a profile is UTF-8 whatever the locale, and what is printed needs none."""
    (tmp_path / "params.yaml").write_text(COMMITTED, encoding="utf-8")
    (tmp_path / "profiles").mkdir()
    profile = "# Neumotórax\nsmall_cnn: {findings: [Neumotórax]}\n"
    (tmp_path / "profiles" / "accents.yaml").write_text(profile, encoding="utf-8")
    environment = {
        "PYTHONPATH": str(ROOT),
        "LC_ALL": "POSIX",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
        "PATH": "",
    }

    def command(*arguments):
        words = [sys.executable, "-m", "diffchest.profiles", *arguments]
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, check=False)

    assert rb"accents      Neumot\xf3rax" in command().stdout
    assert command("accents").returncode == 0
    written = YAML(typ="safe").load((tmp_path / "params.yaml").read_text(encoding="utf-8"))
    assert written["small_cnn"]["findings"] == ["Neumotórax"]
    refused = command("default", "accents")
    assert (refused.returncode, refused.stderr.count(b"\n")) == (1, 1)
    assert b"`default` takes every profile back; name it alone" in refused.stderr
