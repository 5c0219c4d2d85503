/**
 * Multiplying integers by a real number without floating point, as gemmlowp does it: `helpers/integer/fixed_point.py` in
 * JavaScript, function for function.
 *
 * A real number becomes a 31-bit integer and a power of two: Jacob et al. 2018 (arXiv:1712.05877), section 2.2.
 */

export const INT32_MAX = 2 ** 31 - 1;

/** x rounded to the nearest integer, halves away from zero; the fraction is compared, for x + 0.5 may itself be rounded. */
export function roundHalfAway(x) {
  const whole = Math.trunc(x);
  return Math.abs(x - whole) >= 0.5 ? whole + Math.sign(x) : whole;
}

/** A number held between two others. */
export function clip(x, lowest, highest) {
  return x < lowest ? lowest : x > highest ? highest : x;
}

/**
 * A positive real number as a 31-bit integer and a power of two: real ≈ multiplier / 2^31 * 2^shift.
 *
 * @param {number} real
 * @returns {[number, number]} multiplier in [2^30, 2^31) and shift; [0, 0] for numbers below 2^-32
 */
export function quantizeMultiplier(real) {
  if (!(real >= 0 && real < Infinity)) throw new RangeError(`Expected a ratio of scales, found ${real}.`);
  if (real === 0) return [0, 0];
  let shift = Math.floor(Math.log2(real)) + 1;
  if (real >= 2 ** shift) shift += 1; // Math.log2 may be off in its last bit
  else if (real < 2 ** (shift - 1)) shift -= 1;
  let multiplier = Math.floor((real / 2 ** shift) * 2 ** 31 + 0.5);
  if (multiplier === 2 ** 31) [multiplier, shift] = [2 ** 30, shift + 1];
  return shift >= -31 ? [multiplier, shift] : [0, 0];
}

/**
 * a * b / 2^31, halves rounded up: gemmlowp's SaturatingRoundingDoublingHighMul.
 *
 * A product of 62 bits fits into no number of JavaScript exactly, so b is taken apart into its upper and its lower half.
 */
export function highMultiply(a, b) {
  const upper = Math.floor(b / 65536), lower = b - upper * 65536;
  const carried = Math.floor((a * lower + 2 ** 30) / 65536);
  const result = Math.floor((a * upper + carried) / 32768);
  return result > INT32_MAX ? INT32_MAX : result | 0;
}

/** x / 2^exponent, halves rounded away from zero: gemmlowp's RoundingDivideByPOT; the exponent is 0 to 31. */
export function divideByPowerOfTwo(x, exponent) {
  const mask = exponent === 31 ? INT32_MAX : (1 << exponent) - 1;
  const threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

/** x * 2^exponent, held at the ends of 32 bits. */
export function multiplyByPowerOfTwo(x, exponent) {
  return clip(x * 2 ** exponent, -INT32_MAX - 1, INT32_MAX);
}

/** A sum times a real number: TFLite's MultiplyByQuantizedMultiplier, which rounds twice. */
export function requantize(sum, multiplier, shift) {
  if (shift > 0) return highMultiply(sum << shift, multiplier);
  return divideByPowerOfTwo(highMultiply(sum, multiplier), -shift);
}

/**
 * The smallest and the largest code that a fused activation lets through.
 *
 * @param {string} activation NONE, RELU or RELU6
 * @param {number} scale of the output, a float32
 * @param {number} zeroPoint of the output
 * @returns {[number, number]}
 */
export function activationRange(activation, scale, zeroPoint) {
  const code = (value) => zeroPoint + roundHalfAway(Math.fround(Math.fround(value) / scale));
  if (activation === "NONE") return [-128, 127];
  if (activation === "RELU") return [Math.max(-128, code(0)), 127];
  if (activation === "RELU6") return [Math.max(-128, code(0)), Math.min(127, code(6))];
  throw new RangeError(`The fused activation ${activation} is not among NONE, RELU and RELU6.`);
}
