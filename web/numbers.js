/**
 * The arithmetic of quantization, as `helpers/numbers` has it: a code q stands for the number scale * (q - zeroPoint)
 * (Jacob et al. 2018, arXiv:1712.05877, equation 1).
 */

import { clip, roundHalfAway } from "./fixed_point.js";

/** The smallest and the largest signed code; a narrow range leaves out the smallest, so that it is symmetric. */
export function codeRange(bits, narrow = false) {
  const largest = 2 ** (bits - 1) - 1;
  return [-largest - (narrow ? 0 : 1), largest];
}

/**
 * Scale and zero point that spread the codes evenly from `low` to `high`; the range is widened to contain zero, and moved
 * by half a step at most, so that zero falls on a code.
 *
 * @returns {[number, number]} scale, a float32, and zero point
 */
export function affineParameters(low, high, bits) {
  const [smallest, largest] = codeRange(bits);
  low = Math.min(low, 0);
  high = Math.max(high, 0);
  if (low === high) return [1, smallest];
  const step = (high - low) / (largest - smallest);
  const fromLow = smallest - low / step, fromHigh = largest - high / step; // equal but for what float64 rounds off
  const zeroPoint = -smallest - low / step < largest + high / step ? fromLow : fromHigh;
  return [Math.fround(step), clip(roundHalfAway(zeroPoint), smallest, largest)];
}

/** The scale of values spread around zero: the one farthest from zero gets the largest code. */
export function symmetricScale(values, bits) {
  const farthest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return Math.fround(farthest > 0 ? farthest / codeRange(bits, true)[1] : 1);
}

/** The code of a number: divide by the scale, round, add the zero point, clip. */
export function quantize(value, scale, zeroPoint, bits, narrow = false) {
  return clip(roundHalfAway(value / scale) + zeroPoint, ...codeRange(bits, narrow));
}

/** The number of a code, a float32. */
export function dequantize(code, scale, zeroPoint) {
  return Math.fround(scale * (code - zeroPoint));
}

/** The lecture's mapping: unsigned codes, 0 for `low` and 2^bits - 1 for `high`; zero need not fall on a code. */
export function compress(value, low, high, bits) {
  return roundHalfAway(((clip(value, low, high) - low) / (high - low)) * (2 ** bits - 1));
}

/** The number of such a code. */
export function decompress(code, low, high, bits) {
  return low + (code / (2 ** bits - 1)) * (high - low);
}

/** Signal to quantization noise in decibels. */
export function sqnr(values, restored) {
  let signal = 0, noise = 0;
  for (let i = 0; i < values.length; i++) {
    signal += values[i] ** 2;
    noise += (values[i] - restored[i]) ** 2;
  }
  return noise === 0 ? Infinity : signal > 0 ? 10 * Math.log10(signal / noise) : -Infinity;
}
