"""Files that a converter of this course does not make and that exist: variables, control flow, sparse weights, texts.

Each is as small as it can be and written straight as a FlatBuffer; `FILES` has them all, {situation: bytes}.
"""

import functools

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from helpers.tflite.edit import packed

TYPES = {name.lower(): number for name, number in vars(schema.TensorType).items() if not name.startswith("_")}


def tensor(shape, dtype="float32", data=None, scale=None, zero_point=0, axis=0, **fields) -> schema.TensorT:
    """Return a tensor; `data` are the bytes or the numbers of a constant."""
    one = schema.TensorT()
    one.shape, one.type, one.hasRank = list(shape), TYPES.get(dtype, dtype), True
    if scale is not None:
        scales = np.atleast_1d(np.float32(scale)).tolist()
        one.quantization = schema.QuantizationParametersT()
        one.quantization.scale, one.quantization.quantizedDimension = scales, axis
        one.quantization.zeroPoint = [zero_point] * len(scales)
    one.data = None if data is None else data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()
    for name, value in fields.items():
        setattr(one, name, value)
    return one


def step(operator: str, inputs, outputs, options: str = "", **settings) -> schema.OperatorT:
    """Return an operator; `options` names its table of settings; custom kinds begin with "CUSTOM"."""
    one = schema.OperatorT()
    one.inputs, one.outputs, one.kind = list(inputs), list(outputs), operator
    if options:
        one.builtinOptionsType = getattr(schema.BuiltinOptions, f"{options}Options")
        one.builtinOptions = getattr(schema, f"{options}OptionsT")()
        for name, value in settings.items():
            assert hasattr(one.builtinOptions, name), name
            setattr(one.builtinOptions, name, value)
    return one


def graph(tensors, steps, inputs, outputs) -> schema.SubGraphT:
    """Return a graph; its tensors are called t0, t1, ..."""
    one = schema.SubGraphT()
    one.tensors, one.operators, one.inputs, one.outputs = list(tensors), list(steps), list(inputs), list(outputs)
    for number, part in enumerate(one.tensors):
        part.name = part.name or f"t{number}"
    return one


def model(*graphs: schema.SubGraphT, notes: dict[str, bytes] | None = None) -> schema.ModelT:
    """Return a model with these graphs, the main one first; `notes` are its metadata."""
    one = schema.ModelT()
    one.version, one.subgraphs, one.buffers, one.operatorCodes, one.metadata = 3, list(graphs), [buffer(b"")], [], []
    for part in (part for each in graphs for part in each.tensors):
        if part.data is not None:
            part.buffer = len(one.buffers)
            one.buffers.append(buffer(part.data))
    for operator in (operator for each in graphs for operator in each.operators):
        operator.opcodeIndex = len(one.operatorCodes)
        one.operatorCodes.append(code(operator.kind))
    for name, data in (notes or {}).items():
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, len(one.buffers)
        one.buffers.append(buffer(data))
        one.metadata.append(entry)
    return one


def buffer(data: bytes) -> schema.BufferT:
    one = schema.BufferT()
    one.data = np.frombuffer(data, np.uint8) if data else None
    return one


def code(kind: str) -> schema.OperatorCodeT:
    one = schema.OperatorCodeT()
    name, _, custom = kind.partition(" ")
    one.builtinCode = getattr(schema.BuiltinOperator, name)
    one.deprecatedBuiltinCode, one.version, one.customCode = min(one.builtinCode, 127), 1, custom or None
    return one


def int8(*shape: int, **fields) -> schema.TensorT:
    return tensor(shape, "int8", scale=0.5, **fields)


# --- what networks with a memory have ---------------------------------------------------------------------------------


def streaming(dtype: str = "float32") -> schema.ModelT:
    """A running sum: the variable is set to zero once, and to the sum with the input at every run."""
    scale = None if dtype == "float32" else 0.5
    zeros = tensor([1, 4], dtype, np.zeros(4, dtype), scale)
    kept, given, total = (tensor([1, 4], dtype, scale=scale) for _ in range(3))
    handle = {"container": "", "sharedName": "state"}
    main = graph(
        [given, tensor([], "resource"), kept, total],
        [
            step("CALL_ONCE", [], [], "CallOnce", initSubgraphIndex=1),
            step("VAR_HANDLE", [], [1], "VarHandle", **handle),
            step("READ_VARIABLE", [1], [2], "ReadVariable"),
            step("ADD", [2, 0], [3], "Add"),
            step("ASSIGN_VARIABLE", [1, 3], [], "AssignVariable"),
        ],
        [0],
        [3],
    )
    start = graph(
        [tensor([], "resource"), zeros],
        [
            step("VAR_HANDLE", [], [0], "VarHandle", **handle),
            step("ASSIGN_VARIABLE", [0, 1], [], "AssignVariable"),
        ],
        [],
        [],
    )
    return model(main, start)


def svdf(dtype: str = "int8") -> schema.ModelT:
    """A filter over time with its state in a variable tensor: 8 filters of 3 inputs, of rank 2, over 5 steps."""
    filters, features, times = 8, 3, 5
    if dtype == "float32":
        weights = [tensor([filters, n], data=np.ones((filters, n), np.float32)) for n in (features, times)]
        ends = [tensor([1, features]), tensor([1, 4])]
        bias, state = tensor([4], data=np.zeros(4, np.float32)), tensor([1, filters * times], isVariable=True)
    else:
        weights = [
            tensor([filters, n], kind, np.ones((filters, n), kind), 0.5)
            for n, kind in ((features, "int8"), (times, "int16"))
        ]
        ends = [int8(1, features), int8(1, 4)]
        bias = tensor([4], "int32", np.zeros(4, np.int32), 0.25)
        state = tensor([1, filters * times], "int16", scale=0.5, isVariable=True)
    run = step("SVDF", [0, 1, 2, 3, 4], [5], "SVDF", rank=2, fusedActivationFunction=1)
    return model(graph([ends[0], *weights, bias, state, ends[1]], [run], [0], [5]))


def lstm() -> schema.ModelT:
    """A float LSTM over 3 steps of 2 inputs with 4 units."""
    data = lambda *shape: tensor(shape, data=np.full(shape, 0.1, np.float32))  # noqa: E731
    states = [tensor([1, 4], isVariable=True) for _ in range(2)]
    parts = [
        tensor([1, 3, 2]),
        *[data(4, 2) for _ in range(4)],
        *[data(4, 4) for _ in range(4)],
        *[data(4) for _ in range(4)],
    ]
    places = [*range(9), -1, -1, -1, *range(9, 13), -1, -1, 13, 14, -1, -1, -1, -1]
    settings = {"fusedActivationFunction": schema.ActivationFunctionType.TANH, "timeMajor": False}
    run = step("UNIDIRECTIONAL_SEQUENCE_LSTM", places, [15], "UnidirectionalSequenceLSTM", **settings)
    return model(graph([*parts, *states, tensor([1, 3, 4])], [run], [0], [15]))


# --- control flow -----------------------------------------------------------------------------------------------------


def loop() -> schema.ModelT:
    """While a counter is below 3: add one to it, and add the numbers to themselves."""
    limit, one = (tensor([1], "int32", np.int32([n])) for n in (3, 1))
    main = graph(
        [tensor([1], "int32"), tensor([1, 4]), tensor([1], "int32"), tensor([1, 4])],
        [step("WHILE", [0, 1], [2, 3], "While", condSubgraphIndex=1, bodySubgraphIndex=2)],
        [0, 1],
        [3],
    )
    condition = graph(
        [tensor([1], "int32"), tensor([1, 4]), limit, tensor([1], "bool")],
        [step("LESS", [0, 2], [3], "Less")],
        [0, 1],
        [3],
    )
    body = graph(
        [tensor([1], "int32"), tensor([1, 4]), one, tensor([1], "int32"), tensor([1, 4])],
        [step("ADD", [0, 2], [3], "Add"), step("ADD", [1, 1], [4], "Add")],
        [0, 1],
        [3, 4],
    )
    return model(main, condition, body)


def choice() -> schema.ModelT:
    """Double the numbers or square them, as a truth value says."""
    main = graph(
        [tensor([1], "bool"), tensor([1, 4]), tensor([1, 4])],
        [step("IF", [0, 1], [2], "If", thenSubgraphIndex=1, elseSubgraphIndex=2)],
        [0, 1],
        [2],
    )
    branches = [
        graph([tensor([1, 4]), tensor([1, 4])], [step(kind, [0, 0], [1], name)], [0], [1])
        for kind, name in (("ADD", "Add"), ("MUL", "Mul"))
    ]
    return model(main, *branches)


def circle() -> schema.ModelT:
    """A loop whose body is the graph that it stands in."""
    whole = loop()
    whole.subgraphs[0].operators[0].builtinOptions.bodySubgraphIndex = 0
    return whole


# --- sparse weights ---------------------------------------------------------------------------------------------------


def level(size: int = 0, segments=None, indices=None) -> schema.DimensionMetadataT:
    """Return a level of a sparse tensor: dense, or compressed with its segments and indices."""
    one = schema.DimensionMetadataT()
    one.denseSize = size
    if segments is not None:
        one.format = schema.DimensionType.SPARSE_CSR
        for name, values in (("Segments", segments), ("Indices", indices)):
            vector = schema.Uint8VectorT()
            vector.values = np.uint8(values)
            setattr(one, f"array{name}", vector)
            setattr(one, f"array{name}Type", schema.SparseIndexVector.Uint8Vector)
    return one


def sparsity(levels, order, blocks=None) -> schema.SparsityParametersT:
    one = schema.SparsityParametersT()
    one.dimMetadata, one.traversalOrder, one.blockMap = list(levels), np.int32(order), blocks and np.int32(blocks)
    return one


def sparse_rows(dense: np.ndarray) -> tuple[np.ndarray, schema.SparsityParametersT]:
    """Return the values of a matrix that are not zero, row by row, and where they belong."""
    places = [np.flatnonzero(row) for row in dense]
    ends = np.cumsum([0, *map(len, places)])
    found = sparsity([level(len(dense)), level(0, ends, np.concatenate(places))], [0, 1])
    return dense[dense != 0], found


def sparse_blocks(dense: np.ndarray, width: int = 4) -> tuple[np.ndarray, schema.SparsityParametersT]:
    """Return the blocks of a matrix, 1 by `width`, that are not all zero, and where they belong."""
    blocks = dense.reshape(len(dense), -1, width)
    places = [np.flatnonzero(row.any(axis=-1)) for row in blocks]
    ends = np.cumsum([0, *map(len, places)])
    levels = [level(len(dense)), level(0, ends, np.concatenate(places)), level(width)]
    return blocks[blocks.any(axis=-1)].ravel(), sparsity(levels, [0, 1, 2], [1])


def sparse_matrix(rows: int = 8, columns: int = 8, seed: int = 1, dtype=np.float32) -> np.ndarray:
    """Return a matrix of which most blocks of four are zero."""
    rng = np.random.default_rng(seed)
    kept = np.repeat(rng.random((rows, columns // 4)) < 0.4, 4, axis=1)
    return (rng.integers(1, 9, (rows, columns)) * kept).astype(dtype)


def sparse(form=sparse_blocks, dtype: str = "float32") -> schema.ModelT:
    """A dense layer with sparse weights, which are unfolded first, in float16 also made float32."""
    dense = sparse_matrix(dtype=dtype)
    values, where = form(dense)
    scale = 0.5 if dtype == "int8" else None
    stored = tensor(dense.shape, dtype, values, scale, sparsity=where)
    unfolded, floats = tensor(dense.shape, dtype, scale=scale), tensor(dense.shape)
    ends = [int8(1, 8), int8(1, 8)] if dtype == "int8" else [tensor([1, 8]), tensor([1, 8])]
    steps, weights = [step("DENSIFY", [1], [2], "Densify")], 2
    if dtype == "float16":
        steps, weights = [*steps, step("DEQUANTIZE", [2], [3], "Dequantize")], 3
    steps.append(step("FULLY_CONNECTED", [0, weights, -1], [4], "FullyConnected"))
    return model(graph([ends[0], stored, unfolded, floats, ends[1]], steps, [0], [4]))


# --- unusual ends -----------------------------------------------------------------------------------------------------


def doubled(shape, **fields) -> schema.ModelT:
    """Numbers added to themselves."""
    ends = [tensor(shape, **fields) for _ in range(2)]
    return model(graph(ends, [step("ADD", [0, 0], [1], "Add")], [0], [1]))


def spelled(texts: list[bytes]) -> bytes:
    """Return texts as a file stores them."""
    ends = np.cumsum([4 * (len(texts) + 2), *map(len, texts)]).astype(np.int32)
    return np.int32(len(texts)).tobytes() + ends.tobytes() + b"".join(texts)


def texts() -> schema.ModelT:
    """Names of classes, looked up by their number."""
    names = tensor([3], "string", spelled([b"cat", b"", b"dog"]))
    main = graph(
        [tensor([1], "int32"), names, tensor([1], "string")], [step("GATHER", [1, 0], [2], "Gather")], [0], [2]
    )
    return model(main)


def halves() -> schema.ModelT:
    """A dense layer with float16 weights and bias, made float32 at every run."""
    weights, bias = (tensor(shape, "float16", np.ones(shape, np.float16)) for shape in ([3, 4], [3]))
    parts = [tensor([1, 4]), weights, bias, tensor([3, 4]), tensor([3]), tensor([1, 3])]
    steps = [step("DEQUANTIZE", [i], [i + 2], "Dequantize") for i in (1, 2)]
    return model(graph(parts, [*steps, step("FULLY_CONNECTED", [0, 3, 4], [5], "FullyConnected")], [0], [5]))


def in_blocks(details=None) -> schema.ModelT:
    """A dense layer of int4 weights with a scale for each block of 32."""
    codes = tensor([2, 64], "int4", bytes([0x21] * 64))
    details = details or schema.BlockwiseQuantizationT()
    details.scales, details.zeroPoints, details.blockSize = 2, -1, 32
    codes.quantization = schema.QuantizationParametersT()
    codes.quantization.details = details
    codes.quantization.detailsType = getattr(schema.QuantizationDetails, type(details).__name__[:-1])
    scales = tensor([2, 2], "float16", np.float16([[1, 2], [3, 4]]))
    main = graph(
        [tensor([1, 64]), codes, scales, tensor([1, 2])],
        [step("FULLY_CONNECTED", [0, 1, -1], [3], "FullyConnected")],
        [0],
        [3],
    )
    return model(main)


def small() -> schema.ModelT:
    """An int8 network of a convolution, a mean and a dense layer with softmax: what most files are made of."""
    codes = np.arange(-36, 36, dtype=np.int8)
    filters = tensor([4, 3, 3, 2], "int8", codes.reshape(4, 3, 3, 2), np.full(4, 0.02), axis=0)
    biases = [tensor([n], "int32", np.zeros(n, np.int32), scale) for n, scale in ((4, np.full(4, 0.01)), (3, 0.25))]
    axes, dense = tensor([2], "int32", np.int32([1, 2])), int8(3, 4, data=codes[:12])
    parts = [int8(1, 6, 6, 2), filters, biases[0], int8(1, 3, 3, 4), axes, int8(1, 4), dense, biases[1], int8(1, 3)]
    parts.append(tensor([1, 3], "int8", scale=1 / 256, zero_point=-128))
    same = {"padding": schema.Padding.SAME, "fusedActivationFunction": schema.ActivationFunctionType.RELU}
    steps = [
        step("CONV_2D", [0, 1, 2], [3], "Conv2D", **same, **dict.fromkeys(("strideW", "strideH"), 2)),
        step("MEAN", [3, 4], [5], "Reducer"),
        step("FULLY_CONNECTED", [5, 6, 7], [8], "FullyConnected"),
        step("SOFTMAX", [8], [9], "Softmax", beta=1.0),
    ]
    return model(graph(parts, steps, [0], [9]))


def transposed(dtype: str = "int8") -> schema.ModelT:
    """A transposed convolution of 4 by 4 pixels to 8 by 8."""
    weights = tensor([5, 3, 3, 2], "int8", np.ones((5, 3, 3, 2), np.int8), np.full(5, 0.1))
    size = tensor([4], "int32", np.int32([1, 8, 8, 5]))
    ends = [tensor(shape, dtype, scale=0.5) for shape in ([1, 4, 4, 2], [1, 8, 8, 5])]
    settings = {"padding": schema.Padding.SAME, "strideW": 2, "strideH": 2}
    return model(
        graph([size, weights, *ends], [step("TRANSPOSE_CONV", [0, 1, 2], [3], "TransposeConv", **settings)], [2], [3])
    )


def custom() -> schema.ModelT:
    """An operator that is not in the schema."""
    anchors = tensor([4, 4], data=np.ones((4, 4), np.float32))
    return model(
        graph([tensor([1, 4, 4]), anchors, tensor([1, 2])], [step("CUSTOM Some_PostProcess", [0, 1], [2])], [0], [2])
    )


def every_type() -> schema.ModelT:
    """Constants of all number types that have a size, and one operator that reads none of them."""
    kinds = [name for name in TYPES if name not in ("string", "resource", "variant")]
    bits = {"int4": 4, "uint4": 4, "int2": 2, "int16": 16, "uint16": 16, "float16": 16, "bfloat16": 16}
    bits |= dict.fromkeys(("bool", "int8", "uint8", "float8_e4m3fn", "float8_e5m2"), 8)
    bits |= dict.fromkeys(("int64", "uint64", "float64", "complex64"), 64) | {"complex128": 128}
    held = [tensor([3], name, bytes(-(-3 * bits.get(name, 32) // 8))) for name in kinds]
    ends = [tensor([1, 4]), tensor([1, 4])]
    return model(graph([*ends, *held], [step("ADD", [0, 0], [1], "Add")], [0], [1]))


def variants() -> schema.ModelT:
    """A list of tensors as a value."""
    parts = [tensor([], "int32"), tensor([], "variant"), tensor([1], "int32", np.int32([2]))]
    return model(graph(parts, [step("CUSTOM TensorListReserve", [2, 0], [1])], [0], [1]))


def split() -> schema.ModelT:
    """One operator with two outputs."""
    axis = tensor([], "int32", np.int32(1))
    parts = [int8(1, 8), axis, int8(1, 4), int8(1, 4)]
    return model(graph(parts, [step("SPLIT", [1, 0], [2, 3], "Split", numSplits=2)], [0], [2, 3]))


def several_graphs() -> schema.ModelT:
    """Two signatures: two graphs that have nothing to do with each other, with weights in both."""
    graphs = []
    for rows in (3, 5):
        weights = tensor([rows, 4], data=np.ones((rows, 4), np.float32))
        run = step("FULLY_CONNECTED", [0, 1, -1], [2], "FullyConnected")
        graphs.append(graph([tensor([1, 4]), weights, tensor([1, rows])], [run], [0], [2]))
    return model(*graphs)


READ = {  # what every reader takes
    "variables (streaming)": streaming,
    "variables (streaming), int8": functools.partial(streaming, "int8"),
    "state in a variable tensor (SVDF)": svdf,
    "state in variable tensors (LSTM)": lstm,
    "WHILE": loop,
    "IF": choice,
    "several signatures": several_graphs,
    "sparse float32": sparse,
    "sparse float16 behind DENSIFY and DEQUANTIZE": functools.partial(sparse, sparse_blocks, "float16"),
    "sparse int8, rows": functools.partial(sparse, sparse_rows, "int8"),
    "texts": texts,
    "variants": variants,
    "every number type": every_type,
    "input [16000]": functools.partial(doubled, [16000]),
    "input a single number": functools.partial(doubled, []),
    "open batch": functools.partial(doubled, [1, 4], shapeSignature=[-1, 4]),
    "no length": functools.partial(doubled, [1, 0]),
    "custom operator": custom,
    "float16 behind DEQUANTIZE": halves,
    "scales in blocks": in_blocks,
    "two outputs": split,
    "transposed convolution": transposed,
    "metadata": lambda: model(*doubled([1, 4]).subgraphs, notes={"OfflineMemoryAllocation": bytes(20)}),
    "no operators": lambda: model(graph([tensor([1, 4])], [], [0], [0])),
    "tensor that nothing makes": lambda: model(
        graph([tensor([1, 4]), tensor([1, 4]), tensor([1, 4])], [step("ADD", [0, 1], [2], "Add")], [0], [2])
    ),
}


# --- what cannot be right ---------------------------------------------------------------------------------------------


def changed(what, name: str, value, base=halves):
    """Return a function that makes a model with one number changed; `what` picks the part that has it."""

    def build() -> schema.ModelT:
        whole = base()
        setattr(what(whole, whole.subgraphs[0]), name, value)
        return whole

    return build


def cut(by: int) -> schema.ModelT:
    """Return a model whose weights have fewer or more bytes than their shape needs."""
    whole = halves()
    held = whole.buffers[whole.subgraphs[0].tensors[1].buffer]
    held.data = np.resize(held.data, len(held.data) + by)
    return whole


def weights(_, main):
    return main.tensors[1]


def last(_, main):
    return main.operators[-1]


REFUSED = {  # what no reader takes, and what it says
    "scales along two axes": (
        functools.partial(in_blocks, schema.MultiAxisQuantizationT()),
        r"tensor 1, 't1', has scales along several axes",
    ),
    "values in another file": (
        changed(weights, "externalBuffer", 7),
        r"tensor 1, 't1', has its values in another file \(external buffer 7\)",
    ),
    "a shorter buffer": (functools.partial(cut, -2), r"'t1', has 22 bytes where float16 \[3, 4\] needs 24"),
    "a longer buffer": (functools.partial(cut, 2), r"'t1', has 26 bytes where float16 \[3, 4\] needs 24"),
    "a buffer that is not there": (changed(weights, "buffer", 99), r"'t1', has its values in buffer 99; there are 3"),
    "a negative length": (changed(weights, "shape", [3, -4]), r"'t1', has the shape \(3, -4\)"),
    "an unknown number type": (changed(weights, "type", 99), r"'t1', has the number type 99, which is not known here"),
    "an unknown operator": (
        changed(lambda whole, main: whole.operatorCodes[0], "builtinCode", 999),
        r"operator 0 is of kind 999 in schema.fbs, which is not known here",
    ),
    "an operator of no kind": (changed(last, "opcodeIndex", 9), r"operator 2 is of kind 9 in the file; there are 3"),
    "an input that is not there": (
        changed(last, "inputs", [0, 77, -1]),
        r"operator 2, FULLY_CONNECTED, reads tensor 77; there are 6",
    ),
    "an output that is not there": (
        changed(lambda whole, main: main, "outputs", [-1]),
        r"it gives tensor -1; there are 6",
    ),
    "a layer without weights": (
        changed(last, "inputs", [0]),
        r"operator 2, FULLY_CONNECTED, needs data, weights of 2 axes and an output",
    ),
    "a graph that is not there": (
        changed(lambda whole, main: main.operators[0].builtinOptions, "condSubgraphIndex", 8, loop),
        r"operator 0, WHILE, calls graph 8; there are 3",
    ),
    "scales without zero points": (
        changed(lambda whole, main: main.tensors[1].quantization, "zeroPoint", [], transposed),
        r"tensor 1, 't1', has 5 scales and 0 zero points",
    ),
    "scales for another axis": (
        changed(lambda whole, main: main.tensors[1].quantization, "quantizedDimension", 1, transposed),
        r"has 5 scales; expected one, or one for each channel of axis 1",
    ),
    "scales for no axis": (
        changed(lambda whole, main: main.tensors[1].quantization, "quantizedDimension", 9, transposed),
        r"has its channels on axis 9",
    ),
    "another version": (changed(lambda whole, main: whole, "version", 2), r"it is of version 2; expected version 3"),
    "no graph": (changed(lambda whole, main: whole, "subgraphs", []), r"it has no graph"),
    "blocks of no length": (
        changed(lambda whole, main: main.tensors[1].quantization.details, "blockSize", 0, in_blocks),
        r"has \(2, 2\) scales for blocks of 0",
    ),
    "texts that end outside": (
        changed(
            lambda whole, main: whole.buffers[1],
            "data",
            np.frombuffer(spelled([b"cat", b"", b"dog"])[:-1], np.uint8),
            texts,
        ),
        r"tensor 1, 't1', has texts that lie outside of it",
    ),
}
UNDENSE = (  # read, but for the values, which are asked for later
    changed(lambda whole, main: main.tensors[1].sparsity.dimMetadata[0], "denseSize", 3, sparse),
    r"tensor 1, 't1', says where \d+ values belong and stores \d+",
)


def content(build) -> bytes:
    """Return a model as the bytes of a file."""
    return packed(build())
