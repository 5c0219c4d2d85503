/** A full-int8 network in integers, bit for bit what TensorFlow Lite's reference kernels compute: `helpers/integer/network.py`. */

import { KERNELS, refuse } from "./kernels.js";
import { read } from "./tflite.js";

/** A network, ready to run one picture at a time. */
export class Network {
  /**
   * @param {ArrayBuffer} buffer the bytes of a .tflite file
   * @throws {RangeError} it is none, or has an operator or a number type that cannot be done in integers here
   */
  constructor(buffer) {
    const model = read(buffer);
    this.tensors = model.tensors;
    this.input = model.tensors[model.input];
    this.output = model.tensors[model.output];
    this.steps = model.operators.map((operator) => {
      const inputs = operator.inputs.map((index) => (index < 0 ? null : model.tensors[index]));
      const step = { operator, inputs, output: model.tensors[operator.outputs[0]] };
      if (!KERNELS[operator.name]) throw refuse(step, `it knows ${Object.keys(KERNELS).join(", ")}`);
      return { ...step, compute: KERNELS[operator.name](step) };
    });
  }

  /**
   * Run the network and return every tensor that it computes, the input among them.
   *
   * @param {Int8Array|Float32Array|Uint8Array} codes the input in the file's own type: height, width, channels
   * @returns {Map<number, Int8Array|Int32Array|Float32Array>} {index of the tensor: its values}
   */
  run(codes) {
    const expected = this.input.shape.reduce((product, side) => product * side, 1);
    if (codes.length !== expected) throw new RangeError(`The network takes ${expected} numbers; found ${codes.length}.`);
    const values = new Map([[this.input.index, codes]]);
    for (const { inputs, output, compute } of this.steps) {
      values.set(output.index, compute(...inputs.map((tensor) => tensor && (values.get(tensor.index) ?? tensor.data))));
    }
    return values;
  }

  /** The probabilities of the classes for a picture in codes. */
  probabilities(codes) {
    const { index, dtype, scale, zeroPoint } = this.output, values = this.run(codes).get(index);
    return Array.from(values, (value) => (dtype === "float32" ? value : (value - zeroPoint[0]) * scale[0]));
  }

  /** The bytes of a picture, height × width × (red, green, blue), as codes: divided by 255, then by the scale, rounded. */
  codes(bytes) {
    const [scale] = this.input.scale, [zeroPoint] = this.input.zeroPoint;
    return Int8Array.from(bytes, (byte) => {
      const exact = Math.fround(Math.fround(byte / 255) / scale); // halves to even, as np.round has it
      const down = Math.floor(exact), half = exact - down === 0.5;
      return Math.max(-128, Math.min(127, (half ? down + (down & 1) : Math.round(exact)) + zeroPoint));
    });
  }
}
