/**
 * A .tflite file, read without a package: its tensors and operators, as `helpers/tflite/inspect.py` has them.
 *
 * The file is a FlatBuffer (https://flatbuffers.dev/internals/): tables whose fields are found by their number.  The
 * numbers are those of TensorFlow Lite's schema (tensorflow/compiler/mlir/lite/schema/schema.fbs).
 */

const OPERATORS = {
  0: "ADD", 1: "AVERAGE_POOL_2D", 2: "CONCATENATION", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 6: "DEQUANTIZE",
  9: "FULLY_CONNECTED", 17: "MAX_POOL_2D", 18: "MUL", 19: "RELU", 21: "RELU6", 22: "RESHAPE", 25: "SOFTMAX", 34: "PAD",
  40: "MEAN", 45: "STRIDED_SLICE", 60: "PADV2", 77: "SHAPE", 83: "PACK", 114: "QUANTIZE",
};
const TYPES = { 0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 7: "int16", 9: "int8", 17: "int4" };
const ACTIVATIONS = { 0: "NONE", 1: "RELU", 3: "RELU6" };
const PADDINGS = { 0: "SAME", 1: "VALID" };

// Settings of each operator: [number of the field, type, what it is if the file leaves it out].
const strides = (first) => ({ stride_w: [first, "int32", 1], stride_h: [first + 1, "int32", 1] });
const POOL = { padding: [0, "int8", 0], ...strides(1), filter_width: [3, "int32", 0], filter_height: [4, "int32", 0],
               fused_activation_function: [5, "int8", 0] };
const OPTIONS = {
  ADD: { fused_activation_function: [0, "int8", 0] },
  AVERAGE_POOL_2D: POOL,
  CONCATENATION: { axis: [0, "int32", 0], fused_activation_function: [1, "int8", 0] },
  CONV_2D: { padding: [0, "int8", 0], ...strides(1), fused_activation_function: [3, "int8", 0],
             dilation_w_factor: [4, "int32", 1], dilation_h_factor: [5, "int32", 1] },
  DEPTHWISE_CONV_2D: { padding: [0, "int8", 0], ...strides(1), depth_multiplier: [3, "int32", 1],
                       fused_activation_function: [4, "int8", 0], dilation_w_factor: [5, "int32", 1],
                       dilation_h_factor: [6, "int32", 1] },
  FULLY_CONNECTED: { fused_activation_function: [0, "int8", 0] },
  MAX_POOL_2D: POOL,
  MEAN: { keep_dims: [0, "int8", 0] },
  MUL: { fused_activation_function: [0, "int8", 0] },
  PACK: { axis: [1, "int32", 0] },
  SOFTMAX: { beta: [0, "float32", 0] },
  STRIDED_SLICE: { begin_mask: [0, "int32", 0], end_mask: [1, "int32", 0], ellipsis_mask: [2, "int32", 0],
                   new_axis_mask: [3, "int32", 0], shrink_axis_mask: [4, "int32", 0] },
};

/** Tables, vectors and numbers of a FlatBuffer. */
class Reader {
  constructor(buffer) {
    this.view = new DataView(buffer);
  }
  uint(at) { return this.view.getUint32(at, true); }
  int(at) { return this.view.getInt32(at, true); }
  follow(at) { return at + this.uint(at); }

  /** Where a field of a table is; 0 if the file leaves it out. */
  field(table, number) {
    const vtable = table - this.int(table), entry = 4 + 2 * number;
    const offset = entry < this.view.getUint16(vtable, true) ? this.view.getUint16(vtable + entry, true) : 0;
    return offset && table + offset;
  }
  number(table, number, type, otherwise = 0) {
    const at = this.field(table, number);
    if (!at) return otherwise;
    if (type === "float32") return this.view.getFloat32(at, true);
    return type === "int8" ? this.view.getInt8(at) : this.int(at);
  }
  table(table, number) {
    const at = this.field(table, number);
    return at && this.follow(at);
  }
  /** Where the elements of a vector begin, and how many there are. */
  vector(table, number) {
    const at = this.field(table, number);
    if (!at) return { start: 0, length: 0 };
    const vector = this.follow(at);
    return { start: vector + 4, length: this.uint(vector) };
  }
  list(table, number, read, bytes) {
    const { start, length } = this.vector(table, number);
    return Array.from({ length }, (_, i) => read(start + bytes * i));
  }
  tables(table, number) { return this.list(table, number, (at) => this.follow(at), 4); }
  ints(table, number) { return this.list(table, number, (at) => this.int(at), 4); }
  text(table, number) {
    const { start, length } = this.vector(table, number);
    return new TextDecoder().decode(new Uint8Array(this.view.buffer, start, length));
  }
}

/** The values of a constant, in an array of its type. */
function values(buffer, start, length, type, count) {
  const bytes = buffer.slice(start, start + length);
  if (type === "int8") return new Int8Array(bytes);
  if (type === "int32") return new Int32Array(bytes);
  if (type === "float32") return new Float32Array(bytes);
  if (type === "int4") { // two in a byte, the first in its lower half
    const packed = new Int8Array(bytes);
    return Int8Array.from({ length: count }, (_, i) => (i % 2 ? packed[i >> 1] >> 4 : (packed[i >> 1] << 28) >> 28));
  }
  return new Uint8Array(bytes);
}

/**
 * @typedef {object} Tensor
 * @property {number} index
 * @property {string} name
 * @property {number[]} shape
 * @property {string} dtype
 * @property {number[]} scale one, or one for each channel; none for a tensor of real numbers
 * @property {number[]} zeroPoint
 * @property {Int8Array|Int32Array|Float32Array|null} data null unless it is constant
 *
 * @typedef {object} Operator
 * @property {string} name
 * @property {number[]} inputs tensors; -1 for one left out
 * @property {number[]} outputs
 * @property {object} options
 *
 * @typedef {object} Model
 * @property {Tensor[]} tensors
 * @property {Operator[]} operators in the order in which they run
 * @property {number} input
 * @property {number} output
 */

/**
 * Read a file.
 *
 * @param {ArrayBuffer} buffer its bytes
 * @returns {Model}
 * @throws {RangeError} it is no .tflite file, or has an operator or a number type that is not known here
 */
export function read(buffer) {
  const mark = buffer.byteLength < 8 ? "" : String.fromCharCode(...new Uint8Array(buffer, 4, 4));
  if (mark !== "TFL3") throw new RangeError("This is no .tflite file: TFL3 should stand in its bytes 4 to 7.");
  const file = new Reader(buffer), model = file.follow(0);
  const codes = file.tables(model, 1).map((t) => Math.max(file.number(t, 0, "int8"), file.number(t, 3, "int32")));
  const buffers = file.tables(model, 4).map((table) => file.vector(table, 0));
  const graph = file.tables(model, 2)[0];
  const tensors = file.tables(graph, 0).map((table, index) => tensor(file, table, index, buffers));
  const operators = file.tables(graph, 3).map((table) => operator(file, table, codes));
  return { tensors, operators, input: file.ints(graph, 1)[0], output: file.ints(graph, 2)[0] };
}

function tensor(file, table, index, buffers) {
  const shape = file.ints(table, 0), type = file.number(table, 1, "int8"), dtype = TYPES[type];
  if (!dtype) throw new RangeError(`Tensor ${index} has a number type that is not known here (${type}).`);
  const quantization = file.table(table, 4);
  const scale = quantization ? file.list(quantization, 2, (at) => file.view.getFloat32(at, true), 4) : [];
  const zeroPoint = quantization ? file.list(quantization, 3, (at) => Number(file.view.getBigInt64(at, true)), 8) : [];
  const { start, length } = buffers[file.number(table, 2, "int32")] ?? { length: 0 };
  const count = shape.reduce((product, side) => product * side, 1);
  const data = length ? values(file.view.buffer, start, length, dtype, count) : null;
  return { index, name: file.text(table, 3), shape, dtype, scale, zeroPoint, data };
}

function operator(file, table, codes) {
  const code = codes[file.number(table, 0, "int32")], name = OPERATORS[code];
  if (!name) throw new RangeError(`The operator with the number ${code} is not known here.`);
  const settings = file.table(table, 4), options = {};
  for (const [key, [number, type, otherwise]] of Object.entries(OPTIONS[name] ?? {})) {
    options[key] = settings ? file.number(settings, number, type, otherwise) : otherwise;
  }
  if ("padding" in options) options.padding = PADDINGS[options.padding];
  if ("fused_activation_function" in options) {
    options.fused_activation_function = ACTIVATIONS[options.fused_activation_function] ?? "another";
  }
  return { name, inputs: file.ints(table, 1), outputs: file.ints(table, 2), options };
}
