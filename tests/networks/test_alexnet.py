"""The AlexNet-shaped network: its checkpoints are those of their cards, and how they are made."""

import json

import numpy as np
import pytest

from helpers.base import artifacts, data
from helpers.methods import pruning
from helpers.networks import alexnet, checkpoints, models, training
from helpers.networks.weights import load_checkpoint
from helpers.pictures import datasets
from helpers.pictures.photographs import prepared
from helpers.pruning import main
from made_up import tiny

pytest_plugins = ["made_up"]

SOURCES = sorted(alexnet.CHECKPOINTS)
README = (data.project() / "data" / "checkpoints" / "README.md").read_text()


def card(source):
    return json.loads(alexnet.CHECKPOINTS[source].with_suffix(".json").read_text())


@pytest.mark.parametrize("source", SOURCES)
def test_a_checkpoint_is_that_of_its_card(source):
    path, said = alexnet.CHECKPOINTS[source], card(source)
    assert path.stat().st_size < 2_400_000
    assert said["sha256"] == artifacts.sha256(path)
    assert said["command"] == f"python -m helpers.pruning --data {source}"
    assert said["parameters"] == models.alexnet().count_params()
    with np.load(path, allow_pickle=False) as saved:
        assert {saved[name].dtype for name in saved} == {np.dtype("float16")}
    plan = alexnet.PLANS[source]
    assert (said["seed"], said["epochs"], said["learning_rate"]) == (training.SEED, plan.epochs, plan.learning_rate)


@pytest.mark.parametrize("source", SOURCES)
def test_the_readme_repeats_the_card(source):
    said = [card(source)["sha256"], f"{card(source)['parameters']:,}", card(source)["command"]]
    said += [f"{found['accuracy']:.2%}" for found in card(source)["results"].values()]
    assert [words for words in said if words not in README] == []


@pytest.mark.parametrize(("source", "weights"), [("drawn", "drawn"), ("folder-12345678", "photographs")])
def test_a_folder_of_ones_own_gets_the_weights_of_the_photographs(source, weights):
    model = alexnet.trained(datasets.Pets(source, "", {}, None))
    with np.load(alexnet.CHECKPOINTS[weights]) as saved:
        np.testing.assert_array_equal(pruning.layer_weights(model)["dense6"], saved["dense6/kernel"])
    assert pruning.layer_weights(model)["dense6"].dtype == np.float32


def test_other_weights_are_refused(tmp_path, monkeypatch):
    path, described = tmp_path / "alexnet_drawn.npz", json.dumps(card("drawn"))
    monkeypatch.setitem(alexnet.CHECKPOINTS, "drawn", path)
    drawn = datasets.Pets("drawn", "", {}, None)
    with pytest.raises(FileNotFoundError, match="no weights in .*alexnet_drawn.npz.*from scratch"):
        alexnet.trained(drawn)
    path.write_bytes(b"other")
    path.with_suffix(".json").write_text(described)
    with pytest.raises(ValueError, match="SHA-256 differs"):
        alexnet.trained(drawn)


def test_the_card_is_true_on_the_drawn_pets(pets):
    found = checkpoints.score(alexnet.trained(pets), *pets.arrays("test"))
    promised = card("drawn")["results"]["test"]
    assert len(found.labels) == promised["pictures"]
    assert abs(found.correct.sum() - promised["right"]) <= 2, "other machines add in another order"


@pytest.mark.photographs
@pytest.mark.skipif(not prepared(), reason="the photographs are not prepared: make photos")
def test_the_card_is_true_on_the_photographs():
    photographs = datasets.load("photographs", verbose=False)
    found = checkpoints.score(alexnet.trained(photographs), *photographs.arrays("test"))
    promised = card("photographs")["results"]["test"]
    assert len(found.labels) != promised["pictures"] or abs(found.correct.sum() - promised["right"]) <= 2


def test_training_keeps_float16_weights_with_a_card(few, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(models, "alexnet", tiny)
    made = alexnet.train(few, tmp_path, training.TrainingPlan(1, batch_size=16), "python -m helpers.pruning --data few")
    assert made == json.loads((tmp_path / "alexnet_few.json").read_text())
    assert made["results"]["test"]["pictures"] == 32
    again = tiny()
    load_checkpoint(again, tmp_path / "alexnet_few.npz")
    assert checkpoints.score(again, *few.arrays("test")).accuracy == pytest.approx(made["results"]["test"]["accuracy"])
    alexnet.train(few, tmp_path, training.TrainingPlan(1, batch_size=16), "again")
    assert "tiny has been trained on few pets already" in capsys.readouterr().out


def test_the_command_wants_a_data_set(capsys):
    with pytest.raises(SystemExit):
        main(["--data", "birds"])
    assert "drawn" in capsys.readouterr().err
