"""Published costs with their sources, counts held against the Keras model, and estimates added up by hand."""

import pytest

from helpers.measure import energy
from helpers.networks import models
from helpers.networks.costs import _size, layer_costs
from helpers.tflite import convert

pytest_plugins = ["tiny"]

# Horowitz 2014 in pJ and Hennessy and Patterson 2017 in µm², typed a second time.
PUBLISHED = {
    "add": {"int8": (0.03, 36), "int32": (0.1, 137), "float16": (0.4, 1360), "float32": (0.9, 4184)},
    "multiply": {"int8": (0.2, 282), "int32": (3.1, 3495), "float16": (1.1, 1640), "float32": (3.7, 7700)},
}
READS = {"8 KB cache": 10, "32 KB cache": 20, "1 MB cache": 100, "DRAM": 1950}
HEAD = "operation,of,quantity,low,high,unit,source,year"


# --- the table -------------------------------------------------------------------------------------------------------


def test_the_table_says_what_was_published():
    for operation, costs in PUBLISHED.items():
        for of, (picojoules, square_micrometres) in costs.items():
            assert energy.energy(operation, of) == picojoules
            assert energy.area(operation, of) == square_micrometres
    for memory, picojoules in READS.items():
        assert energy.energy("read 64 bits", memory) == picojoules
    assert energy.energy("instruction", "overhead") == 70
    assert len(energy.costs()) == 8 + 8 + 4 + 1


def test_every_number_has_its_source_and_year():
    for (quantity, _, _), cost in energy.costs().items():
        assert len(cost.source) > 20 and "45 nm" in cost.source
        assert cost.year == {"energy": 2014, "area": 2017}[quantity]
        assert cost.unit == energy.UNITS[quantity]
        assert ("10.1109/ISSCC.2014.6757323" in cost.source) == (quantity == "energy")


@pytest.mark.parametrize(
    "line",
    [
        "add,int8,energy,much,1,pJ,somebody,2014",
        "add,int8,energy,2,1,pJ,somebody,2014",
        "add,int8,energy,0,1,pJ,somebody,2014",
        "add,int8,energy,1,inf,pJ,somebody,2014",
        "add,int8,energy,1,1,µm²,somebody,2014",
        "add,int8,heat,1,1,pJ,somebody,2014",
        "add,int8,energy,1,1,pJ,,2014",
        "add,int8,energy,1,1,pJ,somebody",
    ],
)
def test_a_bad_line_is_shown(line, tmp_path):
    (tmp_path / "energy.csv").write_text(f"{HEAD}\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"A line of energy.csv needs operation .* Found .*int8"):
        energy.costs(tmp_path / "energy.csv")


def test_what_is_not_in_the_table_is_named():
    with pytest.raises(KeyError, match="no energy of divide float32; it has .*multiply float32"):
        energy.energy("divide", "float32")
    with pytest.raises(KeyError, match="no area of read 64 bits DRAM"):
        energy.area("read 64 bits", "DRAM")


def test_a_multiply_accumulate_is_a_product_and_a_sum():
    assert energy.multiply_accumulate("float32") == pytest.approx(3.7 + 0.9)
    assert energy.multiply_accumulate("int8") == pytest.approx(0.2 + 0.1)  # added up in int32
    with pytest.raises(ValueError, match="float32 and int8; found 'float16'"):
        energy.multiply_accumulate("float16")


# --- what a file asks for --------------------------------------------------------------------------------------------

PICTURE, CONVOLVED = 96 * 96 * 3, 24 * 24 * 48  # values of the tiny network's input and of its convolution


@pytest.mark.parametrize("kind, width", [("float32", 4), ("int8", 1)])
def test_the_tiny_network_is_counted_by_hand(tiny, kind, width):
    asked = energy.work(tiny[kind])
    assert asked.kind == kind
    assert asked.macs == CONVOLVED * 3 * 3 * 3 + 48 * 2
    assert asked.outputs == CONVOLVED + 2
    # convolution (in, out), average (in, out), dense (in, out), softmax (in, out)
    assert asked.activation_bytes == width * (PICTURE + CONVOLVED + CONVOLVED + 48 + 48 + 2 + 2 + 2)
    assert asked.weight_bytes == width * (48 * 27 + 48 * 2) + 4 * (48 + 2)  # biases have 4 bytes in either file


@pytest.fixture(scope="module")
def compact(tmp_path_factory):
    """The compact network, not trained, as a float32 file."""

    folder, model = tmp_path_factory.mktemp("compact"), models.compact_cnn()
    model.layers[-2].bias.assign([1, -1])  # the converter leaves out a bias of zeros
    model.export(folder / "saved_model", verbose=False)
    content = convert.convert("float32", folder / "saved_model", None)
    return model, convert.write(content, folder / "compact.tflite")


def test_the_counts_are_those_of_the_keras_model(compact):
    """`costs.layer_costs` counts the same on the layers; batch normalisation has been folded into the file."""
    model, path = compact
    costs, asked = layer_costs(model), energy.work(path)
    assert asked.macs == sum(cost.macs for cost in costs)
    weighed = [cost for cost in costs if cost.macs]
    assert asked.outputs == sum(_size(cost.shape) for cost in weighed)
    channels = sum(cost.shape[-1] for cost in weighed)
    kernels = sum(w.numpy().size for w in model.trainable_weights if w.path.endswith("kernel"))
    assert asked.weight_bytes == 4 * (kernels + channels)


def test_other_files_are_refused(tiny):
    with pytest.raises(ValueError, match=r"of dynamic_range.tflite cannot be .* float32, int8; the estimate takes"):
        energy.work(tiny["dynamic range"])
    with pytest.raises(FileNotFoundError, match="no model file"):
        energy.work(tiny["int8"].parent / "none.tflite")


# --- the estimate ----------------------------------------------------------------------------------------------------


def test_a_circuit_of_its_own(tiny):
    asked, found = energy.work(tiny["int8"]), energy.estimate(tiny["int8"])
    assert found.arithmetic == pytest.approx(1e-6 * (asked.macs * 0.3 + asked.outputs * 3.2))
    assert found.instructions == 0
    assert found.weights == pytest.approx(1e-6 * asked.weight_bytes / 8 * 100)
    assert found.activations == pytest.approx(1e-6 * asked.activation_bytes / 8 * 100)
    assert found.total == pytest.approx(found.arithmetic + found.weights + found.activations)
    assert energy.estimate(tiny["float32"]).arithmetic == pytest.approx(1e-6 * asked.macs * 4.6)


@pytest.mark.parametrize("per_mac", [1, 1 / 8])
def test_every_instruction_costs_seventy_picojoules(tiny, per_mac):
    found = energy.estimate(tiny["float32"], per_mac)
    assert found.instructions == pytest.approx(1e-6 * energy.work(tiny["float32"]).macs * per_mac * 70)
    assert found.arithmetic == energy.estimate(tiny["float32"]).arithmetic


def test_a_processor_does_not_get_what_the_multiplier_saves(tiny):
    """3.7 pJ over 0.2 pJ is 18.5; with one instruction for each product, less than a tenth of that is left."""
    circuit, scalar = ([energy.estimate(tiny[k], per_mac) for k in energy.KINDS] for per_mac in (0, 1))
    assert 5 < circuit[0].total / circuit[1].total < 18.5
    assert 1 < scalar[0].total / scalar[1].total < 1.85


def test_memory_far_away_costs_more(tiny):
    near, far = (energy.estimate(tiny["int8"], weights_from=memory) for memory in ("32 KB cache", "DRAM"))
    assert far.weights / near.weights == pytest.approx(1950 / 20)
    assert far.activations == near.activations
    moved = energy.estimate(tiny["int8"], activations_from="8 KB cache")
    assert moved.activations == pytest.approx(near.activations / 10)


def test_what_is_no_machine(tiny):
    with pytest.raises(ValueError, match="8 KB cache, 32 KB cache, 1 MB cache, DRAM; found 'flash'"):
        energy.estimate(tiny["int8"], weights_from="flash")
    for wrong in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="0 or more; found"):
            energy.estimate(tiny["int8"], wrong)
