/**
 * The operators of a full-int8 file, one function for each: `helpers/integer/operators.py` in JavaScript.
 *
 * Each is called once, when the file is loaded: it checks that it can do the operator exactly, turns scales into
 * multipliers, and returns what computes the output from the inputs.  Pictures lie in memory as height, width, channels.
 */

import { activationRange, clip, quantizeMultiplier, requantize, roundHalfAway } from "./fixed_point.js";
import { EXP_BITS, softmax } from "./softmax.js";

const ADD_SHIFT = 20; // bits an addition makes room for: 255 << 20 still fits into 32 bits

/** @typedef {{operator: object, inputs: (object|null)[], output: object}} Step */

/** The error that an operator cannot be done. */
export function refuse(step, why) {
  return new RangeError(`The network cannot do the ${step.operator.name} that makes tensor ${step.output.index}: ${why}.`);
}

/** Check the types: of the inputs in their order (the last one also for all that follow), then of the output. */
function expect(step, ...dtypes) {
  const output = dtypes.pop();
  step.inputs.forEach((tensor, i) => {
    const expected = dtypes[Math.min(i, dtypes.length - 1)];
    if (tensor && !expected.split(" or ").includes(tensor.dtype)) {
      throw refuse(step, `its input ${i} should be ${expected} and is ${tensor.dtype}; it takes full-int8 files`);
    }
  });
  if (step.output.dtype !== output) throw refuse(step, `its output should be ${output} and is ${step.output.dtype}`);
}

const parameters = (tensor) => [tensor.scale[0], tensor.zeroPoint[0]];
const size = (shape) => shape.reduce((product, side) => product * side, 1);
const limits = (step) =>
  activationRange(step.operator.options.fused_activation_function ?? "NONE", ...parameters(step.output));

/** Where the windows of a convolution or a pool lie: the numbers of one axis, for height and for width. */
export function geometry(step, height, width) {
  const { options } = step.operator, shapes = [step.inputs[0].shape, step.output.shape];
  const axis = (number, window, letter) => {
    const [input, output] = shapes.map((shape) => shape[number]), stride = options[`stride_${letter}`];
    const dilation = options[`dilation_${letter}_factor`] ?? 1, span = (window - 1) * dilation + 1;
    const missing = options.padding === "SAME" ? Math.max((output - 1) * stride + span - input, 0) : 0;
    return { input, output, window, stride, dilation, before: missing >> 1, padded: (output - 1) * stride + span };
  };
  return [axis(1, height, "h"), axis(2, width, "w")];
}

/** Copy a picture into the middle of a larger one that is already filled with what stands in the padding. */
export function padInto(padded, codes, high, wide, channels) {
  const rows = Math.min(high.input, high.padded - high.before), row = Math.min(wide.input, wide.padded - wide.before);
  for (let y = 0; y < rows; y++) {
    const from = y * wide.input * channels, to = ((y + high.before) * wide.padded + wide.before) * channels;
    padded.set(codes.subarray(from, from + row * channels), to);
  }
  return padded;
}

/** Input scale * weight scale / output scale for each of so many channels. */
function effectiveScales(step, channels) {
  const [[input], weights, [output]] = [parameters(step.inputs[0]), step.inputs[1].scale, parameters(step.output)];
  return Array.from({ length: channels }, (_, f) => (input * (weights.length > 1 ? weights[f] : weights[0])) / output);
}

/** What an operator with weights needs: bias without the zero point's share, multipliers and shifts, limits. */
function weighed(step, sumsOfWeights) {
  const [data, weights, bias] = step.inputs, [, zeroPoint] = parameters(data);
  if (weights.zeroPoint.some((point) => point !== 0)) throw refuse(step, "its weights have a zero point other than 0");
  const ratios = effectiveScales(step, sumsOfWeights.length).map(quantizeMultiplier), [low, high] = limits(step);
  return {
    zeroPoint,
    bias: Int32Array.from(sumsOfWeights, (sum, f) => (bias ? bias.data[f] : 0) - zeroPoint * sum),
    multipliers: Float64Array.from(ratios, ([multiplier]) => multiplier),
    shifts: Int32Array.from(ratios, ([, shift]) => shift),
    outputZeroPoint: step.output.zeroPoint[0], low, high,
  };
}

function conv2d(step) {
  expect(step, "int8", "int8 or int4", "int32", "int8");
  const [data, weights] = step.inputs, [filters, height, width, channels] = weights.shape;
  if (channels !== data.shape[3]) throw refuse(step, "it is a grouped convolution");
  const [high, wide] = geometry(step, height, width), length = height * width * channels;
  const layer = weighed(step, Array.from({ length: filters }, (_, f) =>
    weights.data.subarray(f * length, (f + 1) * length).reduce((sum, weight) => sum + weight, 0)));
  const interleaved = interleave(weights.data, filters, length);
  const padded = new Int8Array(high.padded * wide.padded * channels);
  const offsets = windowOffsets(high, wide, channels), places = high.output * wide.output;
  const sums = new Int32Array(2 * interleaved.padded);
  return (codes) => {
    padInto(padded.fill(layer.zeroPoint), codes, high, wide, channels);
    const result = new Int8Array(places * filters);
    for (let place = 0; place < places; place += 2) {
      const other = Math.min(place + 1, places - 1);
      addProducts(padded, corner(place), corner(other), offsets, interleaved, sums);
      store(result, place * filters, sums, 0, layer, filters);
      store(result, other * filters, sums, interleaved.padded, layer, filters);
    }
    return result;
  };

  /** Where the window of a place begins in the padded picture. */
  function corner(place) {
    const y = Math.floor(place / wide.output), x = place - y * wide.output;
    return (y * high.stride * wide.padded + x * wide.stride) * channels;
  }
}

/** Where each number of a window is, counted from its corner: runs of neighbours as [first, length]. */
export function windowOffsets(high, wide, channels) {
  const runs = [];
  for (let y = 0; y < high.window; y++) {
    for (let x = 0; x < wide.window; x++) {
      const first = (y * high.dilation * wide.padded + x * wide.dilation) * channels, last = runs[runs.length - 1];
      if (last && last[0] + last[1] === first) last[1] += channels;
      else runs.push([first, channels]);
    }
  }
  return runs;
}

/** Weights of four filters side by side, so that a number of the input that is loaded once serves four products. */
export function interleave(weights, filters, length) {
  const padded = Math.ceil(filters / 4) * 4, values = new weights.constructor(padded * length); // an array of their type
  for (let f = 0; f < filters; f++) {
    for (let k = 0; k < length; k++) values[((f >> 2) * length + k) * 4 + (f & 3)] = weights[f * length + k];
  }
  return { values, padded, length };
}

/** Two windows times all filters, four at a time: eight sums share what is loaded. */
function addProducts(picture, first, second, runs, { values, padded, length }, sums) {
  for (let f = 0, w = 0; f < padded; f += 4) {
    let a0 = 0, a1 = 0, a2 = 0, a3 = 0, b0 = 0, b1 = 0, b2 = 0, b3 = 0;
    for (let r = 0; r < runs.length; r++) {
      const start = runs[r][0], end = start + runs[r][1];
      for (let k = start; k < end; k++, w += 4) {
        const x = picture[first + k], y = picture[second + k];
        const w0 = values[w], w1 = values[w + 1], w2 = values[w + 2], w3 = values[w + 3];
        a0 = (a0 + Math.imul(x, w0)) | 0; b0 = (b0 + Math.imul(y, w0)) | 0;
        a1 = (a1 + Math.imul(x, w1)) | 0; b1 = (b1 + Math.imul(y, w1)) | 0;
        a2 = (a2 + Math.imul(x, w2)) | 0; b2 = (b2 + Math.imul(y, w2)) | 0;
        a3 = (a3 + Math.imul(x, w3)) | 0; b3 = (b3 + Math.imul(y, w3)) | 0;
      }
    }
    sums[f] = a0; sums[f + 1] = a1; sums[f + 2] = a2; sums[f + 3] = a3;
    sums[padded + f] = b0; sums[padded + f + 1] = b1; sums[padded + f + 2] = b2; sums[padded + f + 3] = b3;
  }
}

/** Bring the sums of one place to codes. */
function store(result, at, sums, from, layer, filters) {
  const { bias, multipliers, shifts, outputZeroPoint, low, high } = layer;
  for (let f = 0; f < filters; f++) {
    const code = requantize((sums[from + f] + bias[f]) | 0, multipliers[f], shifts[f]) + outputZeroPoint;
    result[at + f] = code < low ? low : code > high ? high : code;
  }
}

function depthwiseConv2d(step) {
  expect(step, "int8", "int8 or int4", "int32", "int8");
  const [data, weights] = step.inputs, [, height, width, outputs] = weights.shape, channels = data.shape[3];
  const [high, wide] = geometry(step, height, width), several = outputs / channels;
  const sumsOfWeights = new Array(outputs).fill(0);
  weights.data.forEach((weight, i) => (sumsOfWeights[i % outputs] += weight));
  const layer = weighed(step, sumsOfWeights), sums = new Int32Array(outputs);
  const padded = new Int8Array(high.padded * wide.padded * channels);
  return (codes) => {
    padInto(padded.fill(layer.zeroPoint), codes, high, wide, channels);
    const result = new Int8Array(high.output * wide.output * outputs);
    for (let y = 0, at = 0; y < high.output; y++) {
      for (let x = 0; x < wide.output; x++, at += outputs) {
        sums.fill(0);
        for (let i = 0, w = 0; i < height; i++) {
          for (let j = 0; j < width; j++, w += outputs) {
            const row = y * high.stride + i * high.dilation, column = x * wide.stride + j * wide.dilation;
            const from = (row * wide.padded + column) * channels;
            if (several === 1) {
              for (let c = 0; c < outputs; c++) sums[c] += Math.imul(padded[from + c], weights.data[w + c]);
            } else {
              for (let c = 0; c < outputs; c++) {
                sums[c] += Math.imul(padded[from + Math.floor(c / several)], weights.data[w + c]);
              }
            }
          }
        }
        store(result, at, sums, 0, layer, outputs);
      }
    }
    return result;
  };
}

/** A dense layer; the reference kernel multiplies its finished sums by a float64, which is its own exception. */
function fullyConnected(step) {
  expect(step, "int8", "int8 or int4", "int32", "int8");
  const [data, weights, bias] = step.inputs, [units, length] = weights.shape, [, zeroPoint] = parameters(data);
  if (weights.zeroPoint.some((point) => point !== 0)) throw refuse(step, "its weights have a zero point other than 0");
  const [low, high] = limits(step), [outputScale, outputZeroPoint] = parameters(step.output);
  const scales = weights.scale.length > 1
    ? weights.scale.map((scale) => (data.scale[0] * scale) / outputScale)
    : new Array(units).fill(Math.fround(data.scale[0] * weights.scale[0]) / outputScale); // this product in float32
  return (codes) => {
    const result = new Int8Array((codes.length / length) * units);
    for (let row = 0, at = 0; row < codes.length; row += length) {
      for (let f = 0; f < units; f++) {
        let sum = bias ? bias.data[f] : 0;
        for (let k = 0; k < length; k++) sum += (codes[row + k] - zeroPoint) * weights.data[f * length + k];
        result[at++] = clip(roundHalfAway(sum * scales[f]) + outputZeroPoint, low, high);
      }
    }
    return result;
  };
}

/** The largest code, or the mean of the codes, of each window; the padding never wins and does not count. */
function pool(step, average) {
  expect(step, "int8", "int8");
  const { filter_height: height, filter_width: width } = step.operator.options, channels = step.output.shape[3];
  const [high, wide] = geometry(step, height, width), [low, most] = limits(step);
  const inside = (at, axis) => {
    const first = at * axis.stride - axis.before;
    return [Math.max(first, 0), Math.min(first + axis.window, axis.input)];
  };
  return (codes) => {
    const result = new Int8Array(high.output * wide.output * channels);
    for (let y = 0, at = 0; y < high.output; y++) {
      for (let x = 0; x < wide.output; x++) {
        const [top, bottom] = inside(y, high), [left, right] = inside(x, wide), count = (bottom - top) * (right - left);
        for (let c = 0; c < channels; c++, at++) {
          let value = average ? 0 : -128;
          for (let i = top; i < bottom; i++) {
            for (let j = left; j < right; j++) {
              const code = codes[(i * wide.input + j) * channels + c];
              value = average ? value + code : code > value ? code : value;
            }
          }
          if (average) value = Math.sign(value) * Math.floor((Math.abs(value) + (count >> 1)) / count);
          result[at] = clip(value, low, most);
        }
      }
    }
    return result;
  };
}

/** The mean over height and width is a sum whose multiplier has the division in it. */
function mean(step) {
  expect(step, "int8", "int32", "int8");
  const [data, axes] = step.inputs, rank = data.shape.length;
  const over = Array.from(axes.data, (axis) => ((axis % rank) + rank) % rank).sort();
  if (rank !== 4 || over.join() !== "1,2") throw refuse(step, "it takes the mean over something else than height and width");
  const [[scale, zeroPoint], [outputScale, outputZeroPoint]] = [parameters(data), parameters(step.output)];
  const [, height, width, channels] = data.shape, count = height * width;
  let [multiplier, shift] = quantizeMultiplier(scale / outputScale);
  const bits = Math.min(31 - Math.clz32(count), 32, 31 + shift);
  [multiplier, shift] = [Math.floor((multiplier * 2 ** bits) / count), shift - bits];
  return (codes) =>
    Int8Array.from({ length: channels }, (_, c) => {
      let sum = -zeroPoint * count;
      for (let place = 0; place < count; place++) sum += codes[place * channels + c];
      return clip(requantize(sum, multiplier, shift) + outputZeroPoint, -128, 127);
    });
}

/** Two numbers with different scales are brought to one common scale, with 20 bits to spare, before they are added. */
function add(step) {
  expect(step, "int8", "int8");
  if (step.inputs[0].shape.join() !== step.inputs[1].shape.join()) throw refuse(step, "its inputs have different shapes");
  const [[scaleA, zeroA], [scaleB, zeroB]] = step.inputs.map(parameters), [outputScale, zeroPoint] = parameters(step.output);
  const common = 2 * Math.max(scaleA, scaleB), [low, high] = limits(step);
  const [multiplierA, shiftA] = quantizeMultiplier(scaleA / common), [multiplierB, shiftB] = quantizeMultiplier(scaleB / common);
  const [multiplier, shift] = quantizeMultiplier(common / (2 ** ADD_SHIFT * outputScale));
  if (multiplier && shift > 0) throw refuse(step, "the scale of its output is too small for its inputs");
  return (a, b) => {
    const result = new Int8Array(a.length);
    for (let i = 0; i < a.length; i++) {
      const sum = requantize((a[i] - zeroA) << ADD_SHIFT, multiplierA, shiftA)
        + requantize((b[i] - zeroB) << ADD_SHIFT, multiplierB, shiftB);
      result[i] = clip(requantize(sum, multiplier, shift) + zeroPoint, low, high);
    }
    return result;
  };
}

/** A product of codes has the product of the scales. */
function mul(step) {
  expect(step, "int8", "int8");
  if (step.inputs[0].shape.join() !== step.inputs[1].shape.join()) throw refuse(step, "its inputs have different shapes");
  const [[scaleA, zeroA], [scaleB, zeroB]] = step.inputs.map(parameters), [outputScale, zeroPoint] = parameters(step.output);
  const ratio = Math.fround(Math.fround(scaleA * scaleB) / outputScale); // in float32, as TFLite does
  const [multiplier, shift] = quantizeMultiplier(ratio), [low, high] = limits(step);
  return (a, b) => a.map((code, i) =>
    clip(requantize((code - zeroA) * (b[i] - zeroB), multiplier, shift) + zeroPoint, low, high));
}

/** An activation of its own: rescale, then clip. */
const relu = (activation) => (step) => {
  expect(step, "int8", "int8");
  const [[scale, zeroPoint], [outputScale, outputZeroPoint]] = [parameters(step.inputs[0]), parameters(step.output)];
  const [multiplier, shift] = quantizeMultiplier(Math.fround(scale / outputScale)); // in float32, as TFLite does
  const [low, high] = activationRange(activation, outputScale, outputZeroPoint);
  return (codes) => codes.map((code) => clip(requantize(code - zeroPoint, multiplier, shift) + outputZeroPoint, low, high));
};

function softmaxOperator(step) {
  expect(step, "int8", "int8");
  const real = Math.min(step.operator.options.beta * step.inputs[0].scale[0] * 2 ** (31 - EXP_BITS), INT_LIMIT);
  if (real <= 1) throw refuse(step, "the scale of its input is too small");
  const ratio = quantizeMultiplier(real), classes = step.output.shape[step.output.shape.length - 1];
  const smallest = -Math.floor(((2 ** EXP_BITS - 1) * 2 ** (31 - EXP_BITS)) / 2 ** ratio[1]);
  return (codes) => softmax(codes, classes, ratio, smallest);
}
const INT_LIMIT = 2 ** 31 - 1;

/** Padding with the real number 0, whose code is the zero point, or with a code that the file gives (PADV2). */
function pad(step) {
  expect(step, "int8", "int32", "int8", "int8");
  const [data, widths, filling] = step.inputs, fill = filling ? filling.data[0] : step.output.zeroPoint[0];
  if (data.shape.length !== 4 || widths.data[0] || widths.data[1]) throw refuse(step, "it pads something else than one picture");
  const [, height, width, channels] = data.shape, [, , wide, deep] = step.output.shape;
  const [, , top, , left, , front] = widths.data;
  return (codes) => {
    const result = new Int8Array(size(step.output.shape)).fill(fill);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = (y * width + x) * channels;
        result.set(codes.subarray(from, from + channels), ((y + top) * wide + x + left) * deep + front);
      }
    }
    return result;
  };
}

/** TFLite insists on equal scales and zero points here, so that codes can be copied as they are. */
function concatenation(step) {
  expect(step, "int8", "int8");
  const rank = step.output.shape.length, axis = (step.operator.options.axis + rank) % rank;
  const same = ([scale, point], [otherScale, otherPoint]) => scale === otherScale && point === otherPoint;
  if (axis === 0) throw refuse(step, "it mixes pictures");
  if (!step.inputs.every((tensor) => same(parameters(tensor), parameters(step.output)))) {
    throw refuse(step, "its inputs differ in scale or zero point from its output");
  }
  const lengths = step.inputs.map((tensor) => size(tensor.shape.slice(axis)));
  return (...parts) => {
    const result = new Int8Array(size(step.output.shape)), rows = parts[0].length / lengths[0];
    for (let row = 0, at = 0; row < rows; row++) {
      parts.forEach((part, i) => {
        result.set(part.subarray(row * lengths[i], (row + 1) * lengths[i]), at);
        at += lengths[i];
      });
    }
    return result;
  };
}

/** From real numbers to codes at the entrance of the network, or from one scale to another inside it. */
function quantize(step) {
  const [data] = step.inputs, [scale, zeroPoint] = parameters(step.output);
  expect(step, ["float32", "uint8"].includes(data.dtype) ? data.dtype : "int8", "int8");
  if (data.dtype === "float32") {
    return (values) => Int8Array.from(values, (x) => clip(roundHalfAway(Math.fround(x / scale)) + zeroPoint, -128, 127));
  }
  const [inputScale, inputZeroPoint] = parameters(data), [multiplier, shift] = quantizeMultiplier(inputScale / scale);
  return (codes) => Int8Array.from(codes, (code) =>
    clip(requantize(code - inputZeroPoint, multiplier, shift) + zeroPoint, -128, 127));
}

/** (code - zero point) * scale, at the exit of the network. */
function dequantize(step) {
  expect(step, "int8", "float32");
  const [scale, zeroPoint] = parameters(step.inputs[0]);
  return (codes) => Float32Array.from(codes, (code) => (code - zeroPoint) * scale);
}

/** One number, or some, out of a shape. */
function stridedSlice(step) {
  expect(step, "int32", "int32");
  const [, begin, end, stride] = step.inputs.map((tensor) => tensor.data), { options } = step.operator;
  if (begin.length !== 1 || options.ellipsis_mask || options.new_axis_mask) throw refuse(step, "it cuts more than a list");
  return (numbers) => {
    if (options.shrink_axis_mask) return numbers.slice(begin[0], begin[0] + 1);
    const [first, last] = [options.begin_mask ? 0 : begin[0], options.end_mask ? numbers.length : end[0]];
    return numbers.slice(first, last).filter((_, i) => i % stride[0] === 0);
  };
}

/** {name: function of a step that returns what computes its output}. */
export const KERNELS = {
  ADD: add,
  AVERAGE_POOL_2D: (step) => pool(step, true),
  CONCATENATION: concatenation,
  CONV_2D: conv2d,
  DEPTHWISE_CONV_2D: depthwiseConv2d,
  DEQUANTIZE: dequantize,
  FULLY_CONNECTED: fullyConnected,
  MAX_POOL_2D: (step) => pool(step, false),
  MEAN: mean,
  MUL: mul,
  PACK: () => (...numbers) => Int32Array.from(numbers, (list) => list[0]),
  PAD: pad,
  PADV2: pad,
  QUANTIZE: quantize,
  RELU: relu("RELU"),
  RELU6: relu("RELU6"),
  RESHAPE: () => (codes) => codes,
  SHAPE: (step) => () => Int32Array.from(step.inputs[0].shape),
  SOFTMAX: softmaxOperator,
  STRIDED_SLICE: stridedSlice,
};
