/**
 * A float32 .tflite file, and what is left of it with fewer bits: weights and activations are rounded to the values that
 * their codes stand for, and the arithmetic in between stays that of real numbers ("fake quantization": Jacob et al. 2018,
 * arXiv:1712.05877, section 3).
 */

import { clip, roundHalfAway } from "./fixed_point.js";
import { geometry, interleave, padInto, refuse, windowOffsets } from "./kernels.js";
import { affineParameters, codeRange } from "./numbers.js";
import { read } from "./tflite.js";

const CHANNELS = { CONV_2D: 0, DEPTHWISE_CONV_2D: 3, FULLY_CONNECTED: 0 }; // axis of the channels in the weights

/** What a fused activation leaves of a number. */
function activation(step) {
  const name = step.operator.options.fused_activation_function ?? "NONE";
  const limits = { NONE: [-Infinity, Infinity], RELU: [0, Infinity], RELU6: [0, 6] }[name];
  if (!limits) throw refuse(step, `its activation ${name} is not known here`);
  return (value) => clip(value, ...limits);
}

function conv2d(step) {
  const [, weights, bias] = step.inputs, [filters, height, width, channels] = weights.shape;
  const [high, wide] = geometry(step, height, width), length = height * width * channels, limit = activation(step);
  const padded = new Float32Array(high.padded * wide.padded * channels), runs = windowOffsets(high, wide, channels);
  const interleaved = new WeakMap(), sums = new Float64Array(4);
  return ([picture], values) => {
    if (!interleaved.has(values)) interleaved.set(values, interleave(values, filters, length).values);
    const four = interleaved.get(values), result = new Float32Array(high.output * wide.output * filters);
    padInto(padded.fill(0), picture, high, wide, channels);
    for (let y = 0, at = 0; y < high.output; y++) {
      for (let x = 0; x < wide.output; x++, at += filters) {
        const corner = (y * high.stride * wide.padded + x * wide.stride) * channels;
        for (let f = 0; f < filters; f += 4) {
          addProducts(padded, corner, runs, four, f * length, sums);
          for (let i = 0; i < 4 && f + i < filters; i++) result[at + f + i] = limit(sums[i] + bias.data[f + i]);
        }
      }
    }
    return result;
  };
}

/** One window times four filters. */
function addProducts(picture, corner, runs, weights, w, sums) {
  let a = 0, b = 0, c = 0, d = 0;
  for (let r = 0; r < runs.length; r++) {
    for (let k = corner + runs[r][0], end = k + runs[r][1]; k < end; k++, w += 4) {
      const number = picture[k];
      a += number * weights[w]; b += number * weights[w + 1]; c += number * weights[w + 2]; d += number * weights[w + 3];
    }
  }
  sums[0] = a; sums[1] = b; sums[2] = c; sums[3] = d;
}

function depthwiseConv2d(step) {
  const [data, weights, bias] = step.inputs, [, height, width, outputs] = weights.shape, channels = data.shape[3];
  if (outputs !== channels) throw refuse(step, "it makes several outputs of a channel");
  const [high, wide] = geometry(step, height, width), limit = activation(step);
  const padded = new Float32Array(high.padded * wide.padded * channels);
  return ([picture], values) => {
    padInto(padded.fill(0), picture, high, wide, channels);
    const result = new Float32Array(high.output * wide.output * outputs);
    for (let y = 0, at = 0; y < high.output; y++) {
      for (let x = 0; x < wide.output; x++, at += outputs) {
        for (let c = 0; c < outputs; c++) {
          let sum = bias.data[c];
          for (let i = 0, w = c; i < height; i++) {
            for (let j = 0; j < width; j++, w += outputs) {
              sum += padded[((y * high.stride + i) * wide.padded + x * wide.stride + j) * channels + c] * values[w];
            }
          }
          result[at + c] = limit(sum);
        }
      }
    }
    return result;
  };
}

function fullyConnected(step) {
  const [, weights, bias] = step.inputs, [units, length] = weights.shape, limit = activation(step);
  return ([numbers], values) => Float32Array.from({ length: units }, (_, f) => {
    let sum = bias ? bias.data[f] : 0;
    for (let k = 0; k < length; k++) sum += numbers[k] * values[f * length + k];
    return limit(sum);
  });
}

function maxPool2d(step) {
  const { filter_height: height, filter_width: width } = step.operator.options, channels = step.output.shape[3];
  const [high, wide] = geometry(step, height, width), limit = activation(step);
  return ([numbers]) => {
    const result = new Float32Array(high.output * wide.output * channels).fill(-Infinity);
    for (let y = 0, at = 0; y < high.output; y++) {
      for (let x = 0; x < wide.output; x++) {
        for (let c = 0; c < channels; c++, at++) {
          for (let i = Math.max(0, y * high.stride - high.before); i < Math.min(high.input, y * high.stride - high.before + height); i++) {
            for (let j = Math.max(0, x * wide.stride - wide.before); j < Math.min(wide.input, x * wide.stride - wide.before + width); j++) {
              result[at] = Math.max(result[at], numbers[(i * wide.input + j) * channels + c]);
            }
          }
          result[at] = limit(result[at]);
        }
      }
    }
    return result;
  };
}

function mean(step) {
  const [, height, width, channels] = step.inputs[0].shape, count = height * width;
  return ([numbers]) => Float32Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let place = 0; place < count; place++) sum += numbers[place * channels + c];
    return sum / count;
  });
}

function softmax() {
  return ([numbers]) => {
    const largest = Math.max(...numbers), powers = Array.from(numbers, (x) => Math.exp(x - largest));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return Float32Array.from(powers, (power) => power / total);
  };
}

const KERNELS = {
  ADD: (step) => {
    const limit = activation(step);
    return ([a, b]) => a.map((x, i) => limit(x + b[i]));
  },
  CONV_2D: conv2d,
  DEPTHWISE_CONV_2D: depthwiseConv2d,
  FULLY_CONNECTED: fullyConnected,
  MAX_POOL_2D: maxPool2d,
  MEAN: mean,
  RESHAPE: () => ([numbers]) => numbers,
  SOFTMAX: softmax,
};

/**
 * Weights rounded to symmetric codes of some bits, and back: `quantization.fake_quantize` in `helpers/numbers`.
 *
 * @param {Float32Array} values
 * @param {number[]} shape
 * @param {number} bits
 * @param {number|null} axis of the channels if each has a scale of its own
 * @returns {{values: Float32Array, scales: Float32Array}}
 */
export function roundedWeights(values, shape, bits, axis) {
  const [, largest] = codeRange(bits, true), channels = axis === null ? 1 : shape[axis];
  const stride = axis === null ? values.length : shape.slice(axis + 1).reduce((product, side) => product * side, 1);
  const channelOf = (i) => (axis === null ? 0 : Math.floor(i / stride) % channels);
  const farthest = new Float64Array(channels);
  values.forEach((value, i) => (farthest[channelOf(i)] = Math.max(farthest[channelOf(i)], Math.abs(value))));
  const scales = Float32Array.from(farthest, (reach) => (reach > 0 ? reach / largest : 1));
  const rounded = values.map((value, i) => {
    const scale = scales[channelOf(i)]; // divided in float32, as TFLite does
    return scale * clip(roundHalfAway(Math.fround(value / scale)), -largest, largest);
  });
  return { values: rounded, scales };
}

/** Numbers rounded to codes of some bits over a range, and back. */
export function roundedActivations(values, [low, high], bits) {
  const [scale, zeroPoint] = affineParameters(low, high, bits), [smallest, largest] = codeRange(bits);
  return values.map((value) => scale * (clip(roundHalfAway(Math.fround(value / scale)) + zeroPoint, smallest, largest) - zeroPoint));
}

/** A float32 network, ready to run one picture at a time. */
export class FloatNetwork {
  /** @param {ArrayBuffer} buffer the bytes of a float32 .tflite file */
  constructor(buffer) {
    const model = read(buffer);
    this.input = model.tensors[model.input];
    this.output = model.tensors[model.output];
    this.steps = model.operators.map((operator) => {
      const step = { operator, inputs: operator.inputs.map((i) => (i < 0 ? null : model.tensors[i])), output: model.tensors[operator.outputs[0]] };
      if (!KERNELS[operator.name]) throw refuse(step, `it knows ${Object.keys(KERNELS).join(", ")}`);
      return { ...step, weights: operator.name in CHANNELS ? step.inputs[1] : null, compute: KERNELS[operator.name](step) };
    });
  }

  /** The layers with weights. */
  get layers() {
    return this.steps.filter(({ weights }) => weights);
  }

  /**
   * Weights of fewer bits for all layers, {index of the tensor: values}.
   *
   * @param {number} bits
   * @param {boolean} perChannel
   */
  fewerBits(bits, perChannel) {
    return new Map(this.layers.map(({ operator, weights }) => {
      const axis = perChannel ? CHANNELS[operator.name] : null;
      return [weights.index, roundedWeights(weights.data, weights.shape, bits, axis).values];
    }));
  }

  /**
   * Run the network and return every tensor that it computes.
   *
   * @param {Float32Array} picture height, width, (red, green, blue), from 0 to 1
   * @param {{weights?: Map<number, Float32Array>, bits?: number, ranges?: ([number, number]|null)[]}} fewer weights to take
   *     instead of its own; bits of activations, and the ranges of the input and of each step's output (null: not rounded)
   * @returns {Map<number, Float32Array>}
   */
  run(picture, { weights = new Map(), bits = 0, ranges = [] } = {}) {
    const round = (values, number) => (bits && ranges[number] ? roundedActivations(values, ranges[number], bits) : values);
    const values = new Map([[this.input.index, round(picture, 0)]]);
    this.steps.forEach((step, number) => {
      const inputs = step.inputs.map((tensor) => tensor && values.get(tensor.index));
      const own = step.weights && (weights.get(step.weights.index) ?? step.weights.data);
      values.set(step.output.index, round(step.compute(inputs, own), number + 1));
    });
    return values;
  }
}
