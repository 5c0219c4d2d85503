"""Sparse weights with their zeros, against what TFLite's own DENSIFY makes of them, and a converter's own file."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given, settings
from hypothesis import strategies as st

import odd_files
from helpers.base.tf import keras, tf
from helpers.tflite import edit, from_keras, inspect, sparse
from helpers.tflite.errors import Unreadable

FORMS = {"rows": odd_files.sparse_rows, "blocks": odd_files.sparse_blocks}


def unfolded(content: bytes, index: int) -> np.ndarray:
    """Return a tensor of a model as TFLite computes it."""
    ready = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    ready.allocate_tensors()
    ready.invoke()
    return ready.get_tensor(index)


def alone(values, where, shape, dtype, scale=None) -> bytes:
    """Return a model that unfolds one sparse tensor."""
    stored = odd_files.tensor(shape, dtype, values, scale, sparsity=where)
    whole = odd_files.tensor(shape, dtype, scale=scale)
    return edit.packed(
        odd_files.model(odd_files.graph([stored, whole], [odd_files.step("DENSIFY", [0], [1], "Densify")], [], [1]))
    )


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(FORMS)),
    st.sampled_from(["float32", "float16", "int8"]),
    st.integers(1, 6),
    st.sampled_from([4, 8, 16]),
    st.integers(0, 10_000),
)
def test_the_zeros_are_where_tflite_puts_them(form, dtype, rows, columns, seed):
    dense = odd_files.sparse_matrix(rows, columns, seed, dtype)
    values, where = FORMS[form](dense)
    found = sparse.densify(values, dense.shape, where)
    np.testing.assert_array_equal(found, dense)
    assert found.dtype == dense.dtype
    if len(values):  # without, it is no sparse tensor to TFLite
        content = alone(values, where, dense.shape, dtype, 0.5 if dtype == "int8" else None)
        np.testing.assert_array_equal(unfolded(content, 1), found)


def test_values_may_stand_column_by_column():
    dense = odd_files.sparse_matrix(6, 8)
    values, where = odd_files.sparse_rows(dense.T)
    where.traversalOrder = np.int32([1, 0])
    np.testing.assert_array_equal(sparse.densify(values, dense.shape, where), dense)


def test_all_values_may_be_zero():
    dense = np.zeros((4, 8), np.float32)
    for form in FORMS.values():
        np.testing.assert_array_equal(sparse.densify(*[form(dense)[0], dense.shape, form(dense)[1]]), dense)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_a_file_gives_its_weights_with_their_zeros(dtype, tmp_path):
    path = tmp_path / "sparse.tflite"
    path.write_bytes(odd_files.content(lambda: odd_files.sparse(dtype=dtype)))
    tensors = inspect.tensors(path)
    np.testing.assert_array_equal(tensors[1].data, odd_files.sparse_matrix(dtype=dtype))
    assert [t.role for t in tensors][:2] == ["input", "weights"]
    assert tensors[1].nbytes == 20 * tensors[1].data.itemsize < tensors[1].data.nbytes
    assert inspect.bytes_by_purpose(path)["weights"] == tensors[1].nbytes
    (weights,) = inspect.layer_weights(path).values()
    np.testing.assert_array_equal(weights, tensors[1].data.astype(np.float32) * (0.5 if dtype == "int8" else 1))


def test_what_the_converter_makes_sparse_is_read(tmp_path):
    """Its dense weights come from the same network, converted without."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(32, use_bias=False)])
    kernel = model.layers[0].get_weights()[0]
    kept = np.repeat(np.random.default_rng(1).random((16, 32)) < 0.1, 4, axis=0)
    model.layers[0].set_weights([kernel * kept])
    (tmp_path / "dense.tflite").write_bytes(from_keras.float32(model))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([from_keras.frozen(model, 1).get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    (tmp_path / "sparse.tflite").write_bytes(converter.convert())
    whole, found = (
        next(t for t in inspect.tensors(tmp_path / name) if t.role == "weights")
        for name in ("dense.tflite", "sparse.tflite")
    )
    assert found.stored == found.nbytes < whole.nbytes / 4
    np.testing.assert_array_equal(found.data, whole.data)


@pytest.mark.parametrize(
    ("part", "value", "why"),
    [
        ("traversalOrder", [0, 0, 2], r"describes 3 levels .* that do not fit its shape \(8, 8\)"),
        ("traversalOrder", [0, 1], "describes 3 levels"),
        ("blockMap", [5], "describes 3 levels"),
        ("dimMetadata", [odd_files.level(8)], "describes 1 levels"),
        ("dimMetadata", [odd_files.level(2**31 - 1)] * 3, "describes more sparse values than its shape has"),
        ("dimMetadata", [odd_files.level(8), odd_files.level(0, [0, 2], [0, 1]), odd_files.level(4)], "too few"),
        (
            "dimMetadata",
            [odd_files.level(1), odd_files.level(0, [0, 5], [0, 1, 2, 3, 9]), odd_files.level(4)],
            r"has sparse values outside its shape \(8, 8\)",
        ),
        (
            "dimMetadata",
            [odd_files.level(1), odd_files.level(0, [0, 9], [0, 1, 0, 1, 0]), odd_files.level(4)],
            "segments on a sparse level that lie outside it",
        ),
    ],
)
def test_a_description_that_does_not_fit_is_refused(part, value, why):
    dense = odd_files.sparse_matrix()
    values, where = odd_files.sparse_blocks(dense)
    assert len(values) == 20
    setattr(where, part, value)
    with pytest.raises(Unreadable, match=why):
        sparse.densify(values, dense.shape, where)


def test_a_shape_that_is_far_too_large_is_refused():
    values, where = odd_files.sparse_blocks(odd_files.sparse_matrix())
    with pytest.raises(Unreadable, match=r"has the shape \(2000000, 8\) and stores 20 values only"):
        sparse.densify(values, (2_000_000, 8), where)
