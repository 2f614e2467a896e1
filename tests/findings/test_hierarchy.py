"""What a label says along with it is what its words mean."""

from diffchest.findings.hierarchy import KINDS, generic, related


def test_chains_are_followed_and_own_kinds_join_them():
    assert generic("Pneumonia") == ["Lung Opacity", "Consolidation"]  # Irvin et al. 2019, figure 1
    assert generic("dual chamber device") == ["pacemaker"]
    assert generic("pacemaker") == generic("never heard of") == []
    assert generic("left", {"effusion": ["left"], "fluid": ["effusion"]}) == ["effusion", "fluid"]
    assert generic("lobar pneumonia", {"Pneumonia": ["lobar pneumonia"]}) == [
        "Pneumonia",
        "Lung Opacity",
        "Consolidation",
    ]


def test_kinds_of_each_other_end():
    assert generic("a", {"b": ["a"], "a": ["b"]}) == ["b"]


def test_what_is_only_seen_together_is_no_kind():
    assert "sternotomy" not in KINDS
    assert generic("artificial heart valve") == []


def test_relations_hold_both_ways_and_siblings_have_none():
    assert related("pacemaker", "dai")
    assert related("Pneumonia", "Lung Opacity")
    assert not related("dai", "dual chamber device")
    assert related("a", "b", {"a": ["b"]})
