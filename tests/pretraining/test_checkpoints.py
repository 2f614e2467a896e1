"""Checkpoints: which are used, which are kept."""

import torch

from diffchest.pretraining.checkpoints import Checkpoints


def test_damaged_and_foreign_checkpoints_are_refused_by_name(tmp_path, capsys):
    ours = Checkpoints(tmp_path, "ours")
    assert ours.newest(10**9) is None
    ours.save(100, {"value": torch.ones(1000)})
    newest = ours.save(200, {"value": torch.ones(1000)})
    newest.write_bytes(newest.read_bytes()[:1500])
    state = ours.newest(10**9)
    assert state is not None
    assert state["value"].sum() == 1000
    assert f"{newest}: not used: truncated or damaged" in capsys.readouterr().err

    Checkpoints(tmp_path, "theirs").save(300, {})
    ours.newest(10**9)
    assert "000000000300.pt: not used: it belongs to run theirs, not ours" in capsys.readouterr().err


def test_a_new_checkpoint_outlives_refused_ones_of_higher_number(tmp_path):
    checkpoints = Checkpoints(tmp_path, "key")
    for images in (1000, 1100):
        (tmp_path / f"{images:012d}.pt").write_bytes(b"damaged")
    for images in (200, 300, 400):
        assert checkpoints.save(images, {"shown": images}).exists()
    assert sorted(int(path.stem) for path in tmp_path.glob("*.pt")) == [300, 400, 1000, 1100]


def test_the_newest_of_at_most_so_many_images_is_used_and_those_beyond_stay(tmp_path):
    checkpoints = Checkpoints(tmp_path, "key")
    for images in (100, 200, 300):
        checkpoints.save(images, {"shown": images})
    assert (checkpoints.newest(299) or {})["shown"] == 200
    assert checkpoints.newest(199) is None  # 100 was dropped for 300
    for images in (50, 80, 100):
        checkpoints.save(images, {"shown": images})
    assert (checkpoints.newest(10**9) or {})["shown"] == 300
    assert sorted(int(path.stem) for path in tmp_path.glob("*.pt")) == [80, 100, 200, 300]
