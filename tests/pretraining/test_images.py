"""Who is trained on and who is held out."""

import numpy as np
import pytest
import torch

from diffchest.errors import DataError
from diffchest.images.squares import to_model_range
from diffchest.pretraining.images import Images, held_out_images, held_out_patients, pretraining_images, shown_on
from tests.helpers.tiny import FakeStore, fake_manifest, tiny_params


def test_validation_patients_are_never_trained_on():
    store = FakeStore()
    manifest = fake_manifest(store)
    train, validation = pretraining_images(manifest, store, tiny_params().pretrain)
    patient = manifest.set_index("image_id")["patient_id"]
    role = manifest.set_index("image_id")["role"]
    assert not set(patient[train.image_ids]) & set(patient[validation.image_ids])
    assert len(set(patient[validation.image_ids])) == 3  # a tenth of 30
    assert set(role[train.image_ids]) == {"pretrain"}
    assert len(train) + len(validation) == (role == "pretrain").sum()


def test_held_out_patients_do_not_depend_on_the_order_of_rows():
    patients = [f"p{n % 50}" for n in range(200)]
    drawn = held_out_patients(patients, 0.1, 0)
    assert len(drawn) == 5
    assert held_out_patients(patients[::-1], 0.1, 0) == drawn
    assert held_out_patients(patients, 0.1, 1) != drawn
    assert len(held_out_patients(patients, 0.001, 0)) == 1
    assert held_out_patients(patients, 0.0, 0) == set()


def test_nobody_to_train_on_is_said():
    store = FakeStore(images=30)
    with pytest.raises(DataError, match=r"0 patient\(s\) have a role in pretrain\.roles \['finetune'\]"):
        pretraining_images(fake_manifest(store), store, tiny_params(pretrain={"roles": ["finetune"]}).pretrain)


def test_images_read_from_the_store_equal_those_in_memory(monkeypatch):
    store = FakeStore()
    ids = sorted(store.pixels)
    in_memory = Images(store, ids).batch(np.array([4, 2]))
    monkeypatch.setattr("diffchest.pretraining.images.IN_MEMORY_BYTES", 0)
    assert torch.equal(Images(store, ids).batch(np.array([4, 2])), in_memory)
    assert in_memory.shape == (2, 1, 16, 16)
    assert in_memory.dtype == torch.uint8
    np.testing.assert_array_equal(in_memory[:, 0], [store.pixels[ids[4]], store.pixels[ids[2]]])


def test_every_gray_level_is_shown_to_the_last_bit_as_it_is_to_the_encoder_of_latents():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    shown = shown_on(torch.device("cpu"), torch.from_numpy(levels[:, None]))
    np.testing.assert_array_equal(shown.numpy(), to_model_range(levels))


def test_one_image_of_each_held_out_patient_is_evaluated():
    store = FakeStore()
    manifest, settings = fake_manifest(store), tiny_params().pretrain
    _, validation = pretraining_images(manifest, store, settings)
    images = held_out_images(manifest, settings, number=10)
    patient = manifest.set_index("image_id")["patient_id"]
    assert set(images) <= set(validation.image_ids)
    assert sorted(patient[images]) == sorted(set(patient[validation.image_ids]))
    assert len(held_out_images(manifest, settings, number=2)) == 2
    assert held_out_images(manifest, tiny_params(pretrain={"validation_fraction": 0.0}).pretrain, number=2) == []
