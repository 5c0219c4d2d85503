/** Softmax in fixed point, as `helpers/integer/softmax.py` has it: exp as a polynomial and seven constants, 1 / x by Newton. */

import { INT32_MAX, clip, divideByPowerOfTwo, highMultiply, multiplyByPowerOfTwo, requantize } from "./fixed_point.js";

export const EXP_BITS = 5; // the exponent's whole part: differences down to -32
const SUM_BITS = 12; // the sum's whole part: room for 4,096 classes

const fixed = (real, bits) => Math.round(real * 2 ** bits);
const AT_THE_CENTRE = fixed(Math.exp(-1 / 8), 31), THIRD = fixed(1 / 3, 31);
const FACTORS = [-2, -1, 0, 1, 2, 3, 4].map((power) => [1 << (26 + power), fixed(Math.exp(-(2 ** power)), 31)]);

/** exp(x) for x in [-1/4, 0), both with 31 bits after the point: the Taylor series around -1/8. */
function expWithinAQuarter(x) {
  const d = x + (1 << 28), d2 = highMultiply(d, d), d3 = highMultiply(d2, d), d4 = highMultiply(d2, d2);
  const terms = divideByPowerOfTwo(highMultiply(divideByPowerOfTwo(d4, 2) + d3, THIRD) + d2, 1);
  return highMultiply(d + terms, AT_THE_CENTRE) + AT_THE_CENTRE;
}

/** exp(x) for x <= 0 with 26 bits after the point; the result has 31. */
export function expOfNegative(x) {
  if (x === 0) return INT32_MAX;
  const quarter = 1 << 24, within = (x & (quarter - 1)) - quarter, rest = within - x;
  let result = expWithinAQuarter(multiplyByPowerOfTwo(within, EXP_BITS));
  for (const [bit, factor] of FACTORS) if (rest & bit) result = highMultiply(result, factor);
  return result;
}

/** 1 / x for a positive x with 19 bits after the point: the reciprocal of x shifted to [1, 2), and by how many bits. */
export function reciprocal(x) {
  const headroom = Math.clz32(x);
  const half = Math.floor((x * 2 ** headroom - 2 ** 31 + INT32_MAX + 1) / 2);
  let estimate = fixed(48 / 17, 29) + highMultiply(half, fixed(-32 / 17, 29));
  for (let i = 0; i < 3; i++) {
    const missing = (1 << 29) - highMultiply(half, estimate);
    estimate += multiplyByPowerOfTwo(highMultiply(estimate, missing), 2);
  }
  return [multiplyByPowerOfTwo(estimate, 1), SUM_BITS - headroom];
}

/**
 * Probabilities as codes (scale 1/256, zero point -128), row by row.
 *
 * @param {Int8Array} codes
 * @param {number} classes in a row
 * @param {[number, number]} ratio multiplier and shift of beta * input scale * 2^26
 * @param {number} smallest difference that still counts
 * @returns {Int8Array}
 */
export function softmax(codes, classes, [multiplier, shift], smallest) {
  const result = new Int8Array(codes.length);
  for (let row = 0; row < codes.length; row += classes) {
    const values = codes.subarray(row, row + classes), largest = Math.max(...values);
    const powers = Array.from(values, (code) =>
      code - largest < smallest ? 0 : expOfNegative(requantize(code - largest, multiplier, shift)));
    const total = powers.reduce((sum, power) => sum + (power ? divideByPowerOfTwo(power, SUM_BITS) : 0), 0);
    const [inverse, bits] = reciprocal(total);
    powers.forEach((power, i) => {
      const share = power ? divideByPowerOfTwo(highMultiply(power, inverse), bits + 31 - 8) : 0;
      result[row + i] = clip(share - 128, -128, 127);
    });
  }
  return result;
}
