/** A number taken apart into the bits of a format (IEEE Std 754-2019), as `helpers/numbers/floats.py` does it. */

import { clip } from "./fixed_point.js";

/** @typedef {{name: string, exponentBits: number, fractionBits: number}} Format */
export const FORMATS = {
  float32: { name: "float32", exponentBits: 8, fractionBits: 23 },
  float16: { name: "float16", exponentBits: 5, fractionBits: 10 },
  bfloat16: { name: "bfloat16", exponentBits: 8, fractionBits: 7 },
};
const bias = (format) => 2 ** (format.exponentBits - 1) - 1;

/** x rounded to a whole number, halves to the even one. */
function halfToEven(x) {
  const down = Math.floor(x), rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
}

/**
 * The fields of the value nearest to a number.
 *
 * @param {number} number finite
 * @param {Format} format
 * @returns {{sign: number, exponent: number, fraction: number}}
 */
export function nearest(number, format) {
  const size = Math.abs(number), lowest = 1 - bias(format), steps = 2 ** format.fractionBits;
  const sign = number < 0 || Object.is(number, -0) ? 1 : 0;
  let power = size ? Math.max(lowest, Math.floor(Math.log2(size))) : lowest;
  if (size >= 2 ** (power + 1)) power += 1; // Math.log2 may be off in its last bit
  else if (size < 2 ** power && power > lowest) power -= 1;
  let count = halfToEven((size / 2 ** power) * steps);
  if (count === 2 * steps) [power, count] = [power + 1, steps];
  if (count < steps) return { sign, exponent: 0, fraction: count }; // zero or subnormal
  if (power > bias(format)) return { sign, exponent: 2 ** format.exponentBits - 1, fraction: 0 }; // infinite
  return { sign, exponent: power + bias(format), fraction: count - steps };
}

/** The number that three fields stand for. */
export function valueOf({ sign, exponent, fraction }, format) {
  const negative = sign ? -1 : 1;
  if (exponent === 2 ** format.exponentBits - 1) return fraction ? NaN : negative * Infinity;
  const significand = (exponent ? 1 : 0) + fraction / 2 ** format.fractionBits;
  return negative * significand * 2 ** (Math.max(exponent, 1) - bias(format));
}

/** What kind of number it is. */
export function kindOf({ exponent, fraction }, format) {
  if (exponent === 2 ** format.exponentBits - 1) return fraction ? "NaN" : "infinite";
  return exponent ? "normal" : fraction ? "subnormal" : "zero";
}

const binary = (number, bits) => number.toString(2).padStart(bits, "0");

/** Three fields as the bits of a format, the sign first. */
export function bitsOf({ sign, exponent, fraction }, format) {
  return `${sign}${binary(exponent, format.exponentBits)}${binary(fraction, format.fractionBits)}`;
}

/** The fields of a format out of its bits. */
export function fieldsOf(bits, format) {
  const end = 1 + format.exponentBits;
  return { sign: Number(bits[0]), exponent: parseInt(bits.slice(1, end), 2), fraction: parseInt(bits.slice(end), 2) };
}

/** A number as an int8 code, round(number / scale) with halves to even, clipped, in two's complement. */
export function int8Of(number, scale) {
  const code = clip(halfToEven(number / scale), -128, 127);
  return { code, bits: binary(code < 0 ? code + 256 : code, 8), value: code * scale };
}
