"""The family of MobileNets: the design, the checkpoints that come with the suite, and the command that made them."""

import json

import numpy as np
import pytest

from helpers import family
from helpers.measure import accuracy, picture_input
from helpers.networks import checkpoints, mobilenet, models, training, weights
from helpers.networks.costs import layer_costs
from helpers.pictures import datasets
from helpers.pictures.photographs import prepared

pytest_plugins = ["small"]

LARGEST = 8_000_000  # bytes, all checkpoints together
SHIPPED = [(source, member) for source in mobilenet.SOURCES for member in mobilenet.MEMBERS]


def card(source: str, member: mobilenet.Member) -> dict:
    return json.loads(member.checkpoint(source).with_suffix(".json").read_text())


# --- the networks -------------------------------------------------------------------------------------------------


def test_full_width_is_the_published_network():
    """Howard et al., table 8: 4.2 million parameters and 569 million multiply-accumulates for 1,000 classes."""
    model = models.mobilenet_v1(224, 1.0, classes=1000)
    costs = layer_costs(model)
    assert model.count_params() == pytest.approx(4.2e6, rel=0.02)
    assert sum(cost.macs for cost in costs) == pytest.approx(569e6, rel=0.005)


@pytest.mark.parametrize("member", mobilenet.MEMBERS, ids=lambda member: member.name)
def test_members_differ_in_width_and_size_only(member):
    model = member.network()
    assert model.input_shape == (None, member.size, member.size, 3)
    assert model.get_layer("conv14").filters == int(1024 * member.width)
    assert model.get_layer("conv14").output.shape[1] == -(-member.size // 32)


@pytest.mark.parametrize(("size", "width"), [(16, 1.0), (96, 0.01)])
def test_there_must_be_something_left(size, width):
    with pytest.raises(ValueError, match="Expected a width of at least 1/32 and pictures of 32 pixels"):
        models.mobilenet_v1(size, width)


# --- what comes with the suite ------------------------------------------------------------------------------------


def test_there_are_three_widths_and_three_resolutions():
    assert len(set(mobilenet.WIDTHS)) >= 3
    assert len(set(mobilenet.SIZES)) >= 3
    assert len(mobilenet.MEMBERS) == len(mobilenet.WIDTHS) * len(mobilenet.SIZES)


def test_they_stay_small():
    assert sum(path.stat().st_size for path in mobilenet.FOLDER.glob("*.npz")) <= LARGEST
    assert {path.stem for path in mobilenet.FOLDER.glob("*.npz")} == {m.checkpoint(s).stem for s, m in SHIPPED}


@pytest.mark.parametrize(("source", "member"), SHIPPED, ids=lambda value: getattr(value, "name", value))
def test_each_has_a_card(source, member):
    found = card(source, member)
    assert found["sha256"] == checkpoints.artifacts.sha256(member.checkpoint(source))
    assert found["dtype"] == "float16"
    assert found["command"] == f"python -m helpers.family --data {source}"
    assert (found["width"], found["size"]) == (member.width, member.size)
    assert found["parameters"] == member.network().count_params()
    assert found["epochs"] == mobilenet.PLANS[source][member.size].epochs


@pytest.mark.parametrize("member", [mobilenet.MEMBERS[0], mobilenet.MEMBERS[-1]], ids=lambda member: member.name)
def test_the_card_is_true_on_the_drawn_pets(pets, member):
    found = checkpoints.score(mobilenet.trained(pets, member), *pets.arrays("test", size=member.size))
    promised = card("drawn", member)["results"]["test"]
    assert len(found.labels) == promised["pictures"]
    assert abs(found.correct.sum() - promised["right"]) <= 2, "other machines add in another order"


@pytest.mark.photographs
@pytest.mark.skipif(not prepared(), reason="the photographs are not prepared: make photos")
@pytest.mark.parametrize("member", mobilenet.MEMBERS, ids=lambda member: member.name)
def test_the_card_is_true_on_the_photographs(member):
    photographs = datasets.load("photographs", verbose=False)
    found = checkpoints.score(mobilenet.trained(photographs, member), *photographs.arrays("test", size=member.size))
    promised = card("photographs", member)["results"]["test"]
    assert len(found.labels) != promised["pictures"] or abs(found.correct.sum() - promised["right"]) <= 2


def test_pictures_of_ones_own_share_the_weights_of_the_photographs():
    member = mobilenet.MEMBERS[0]
    assert member.checkpoint("folder-12345678") == member.checkpoint("photographs") != member.checkpoint("drawn")


# --- training and converting --------------------------------------------------------------------------------------

PLANS = {48: training.TrainingPlan(1, batch_size=16), 64: training.TrainingPlan(1, batch_size=16)}


@pytest.mark.slow
def test_one_command_trains_the_family(small_folder, tmp_path, capsys):
    """In processes of their own, as the command does it, on a few pictures; a resolution begins with the one before."""
    widths, first = (0.125, 0.1875), {48: PLANS[48]}
    made = mobilenet.train_all(str(small_folder), tmp_path, 2, "the command", widths=widths, plans=first)
    assert sorted(found["weights"] for found in made) == [f"photographs_{width}_48.npz" for width in widths]
    assert mobilenet.epochs_done(tmp_path) == 2
    pets = datasets.load(str(small_folder), verbose=False)
    cards = mobilenet.train(pets, widths[0], tmp_path, PLANS, "the command, stopped after one resolution")
    assert capsys.readouterr().out.count("has been trained on") == 1
    names = [card["weights"] for card in cards]
    assert names == ["photographs_0.125_48.npz", "photographs_0.125_64.npz"]
    models_made = [models.mobilenet_v1(size, 0.125) for size in (48, 64)]
    for model, name in zip(models_made, names, strict=False):
        weights.load_checkpoint(model, tmp_path / name)
    pairs = zip(*(model.get_weights() for model in models_made), strict=True)
    moved = [np.abs(a - b).mean() / np.abs(a).mean() for a, b in pairs]
    assert 0 < np.median(moved) < 0.7, "one short epoch changes weights a little; random ones would be elsewhere"
    assert mobilenet.epochs_done(tmp_path) == 3


def test_the_command_wants_a_data_set(capsys):
    with pytest.raises(SystemExit):
        family.main(["--data", "birds"])
    assert "drawn" in capsys.readouterr().err


def test_files_are_made_once_and_again_when_the_weights_change(pets, tmp_path, monkeypatch):

    monkeypatch.setenv("PTQ_ARTIFACTS", str(tmp_path))
    monkeypatch.setattr(mobilenet, "MEMBERS", mobilenet.MEMBERS[:1])
    member = mobilenet.MEMBERS[0]
    pair = mobilenet.files(pets)[member]
    stamps = [path.stat().st_mtime_ns for path in pair.values()]
    assert [picture_input.size(path) for path in pair.values()] == [48, 48]
    assert [path.stat().st_mtime_ns for path in mobilenet.files(pets)[member].values()] == stamps
    images, labels = pets.arrays("test", 500, size=48)
    whole, codes = (accuracy.score(path, images, labels) for path in pair.values())
    assert (whole.predictions == codes.predictions).mean() > 0.95
    newer = tmp_path / "drawn_0.125_48.npz"
    newer.write_bytes(member.checkpoint("drawn").read_bytes())
    newer.with_suffix(".json").write_bytes(member.checkpoint("drawn").with_suffix(".json").read_bytes())
    monkeypatch.setattr(mobilenet, "FOLDER", tmp_path)
    assert [path.stat().st_mtime_ns for path in mobilenet.files(pets)[member].values()] != stamps
