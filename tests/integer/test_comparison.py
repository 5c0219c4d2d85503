"""What is counted when the integer network is held against other kernels: nothing where both round alike."""

import platform

import numpy as np
import pytest

from helpers.integer import comparison, operators
from helpers.integer.network import load_network
from helpers.integer.rounding import MICRO, ROUNDINGS
from helpers.networks import plans
from helpers.tflite import micro
from needs import MEASURED_HERE, needs_micro
from whole_networks import codes_of, every_picture, reference_tensors

pytest_plugins = ["small"]


def differing(found: list[comparison.Difference]) -> int:
    return sum(difference.differing for difference in found)


@pytest.mark.parametrize("alone", [False, True], ids=["together", "alone"])
def test_nothing_differs_from_the_reference(small, alone):
    network = load_network(small.files["int8"])
    codes = codes_of(network, every_picture(small)[:3])
    found = comparison.compare(small.files["int8"], codes, "reference", alone)
    assert differing(found) == 0
    assert [d.operator for d in found] == [operator.name for operator, _ in network.steps]
    expected = [v.size for i, v in network.tensors(codes).items() if i != network.input.index]
    assert [d.values for d in found] == expected


@MEASURED_HERE
@pytest.mark.parametrize("alone", [False, True], ids=["together", "alone"])
@pytest.mark.parametrize("kernels", ["built-in", "XNNPACK"])
def test_rounding_explains_what_differs(small, mobilenet, kernels, alone):
    """The residual network differs from both; with the kernels' own rounding, nothing does, in any of the networks."""
    images = every_picture(small)[:4]
    codes = codes_of(load_network(plans.PRETRAINED_INT8), images)
    found = comparison.compare(plans.PRETRAINED_INT8, codes, kernels, alone)
    assert differing(found) > 0
    assert differing(comparison.compare(plans.PRETRAINED_INT8, codes, kernels, alone, rounding=kernels)) == 0
    if alone:
        assert max(d.largest for d in found) == 1
        guilty = {d.operator for d in found if d.differing}
        assert guilty <= set(ROUNDINGS[kernels])
    for path, pictures in ((small.files["int8"], images), (mobilenet[0], mobilenet[1][:4])):
        codes = codes_of(load_network(path), pictures)
        assert differing(comparison.compare(path, codes, kernels, alone, rounding=kernels)) == 0


@needs_micro
def test_tensorflow_lite_micro_computes_the_same(small):
    codes = codes_of(load_network(plans.PRETRAINED_INT8), every_picture(small)[:3])
    found = comparison.compare(plans.PRETRAINED_INT8, codes, MICRO, rounding=MICRO)
    assert len(found) == 29 and differing(found) == 0


def test_a_difference_is_counted(small, monkeypatch):
    """A network that is wrong by one code in each output of its softmax."""
    right = operators.OPERATORS["SOFTMAX"]
    monkeypatch.setitem(operators.OPERATORS, "SOFTMAX", lambda step: lambda codes: right(step)(codes) ^ np.int8(1))
    codes = codes_of(load_network(small.files["int8"]), every_picture(small)[:3])
    *others, last = comparison.compare(small.files["int8"], codes)
    assert differing(others) == 0
    assert (last.operator, last.values, last.differing, last.largest) == ("SOFTMAX", 6, 6, 1)


def test_the_table_of_differences(small, monkeypatch):
    """One line for each set of kernels, counted as `compare` does; without the package the last line is empty."""
    codes = codes_of(load_network(small.files["int8"]), every_picture(small)[:5])
    table = comparison.difference_table(small.files["int8"], codes)
    assert [row[0] for row in table.rows] == ["reference", "built-in", "XNNPACK", MICRO]
    for kernels, values, different, _, _, again in table.rows[:3]:
        found = comparison.compare(small.files["int8"], codes, kernels)
        assert values == f"{sum(d.values for d in found):,}"
        assert different == f"{differing(found):,}"
        if kernels == "reference" or platform.machine() in ("x86_64", "AMD64"):
            assert again == "0"
    assert table.rows[0][2] == "0" and table.rows[2][2] != "0"
    monkeypatch.setattr(micro, "run", lambda path, codes: (_ for _ in ()).throw(NotImplementedError))
    assert comparison.difference_table(small.files["int8"], codes[:1]).rows[-1] == [MICRO, *"–––––"]


def test_kernel_tensors_are_those_of_the_interpreter(small):
    network = load_network(small.files["int8"])
    codes = codes_of(network, every_picture(small)[:3])
    found = comparison.kernel_tensors(small.files["int8"], codes)
    expected = reference_tensors(small.files["int8"], codes, network)
    assert found.keys() == expected.keys()
    for index, values in expected.items():
        np.testing.assert_array_equal(found[index], values)


def test_kernels_that_do_not_exist(small):
    codes = codes_of(load_network(small.files["int8"]), every_picture(small)[:1])
    with pytest.raises(KeyError, match="Expected one of reference, built-in, XNNPACK, TensorFlow Lite Micro"):
        load_network(small.files["int8"], rounding="fast")
    with pytest.raises(KeyError, match="Expected one of XNNPACK, built-in, reference, TensorFlow Lite Micro"):
        comparison.compare(small.files["int8"], codes, "fast")
