/** A picture of any size as the network takes it: 96 × 96 bytes of red, green and blue, averaged over what becomes one pixel. */

const ONE = 2 ** 22; // weights are integers, as Pillow has them, so that every byte is its byte

/**
 * Where each new pixel of a side takes its light from: first old pixel, and the weights of it and those that follow.
 * A triangle twice as wide as a new pixel (Pillow's BILINEAR, in its Resample.c).
 *
 * @param {number} from pixels of the side before
 * @param {number} to pixels afterwards
 */
export function weightsOf(from, to) {
  const ratio = from / to, reach = Math.max(ratio, 1);
  return Array.from({ length: to }, (_, place) => {
    const middle = (place + 0.5) * ratio, first = Math.max(0, Math.floor(middle - reach + 0.5)), last = Math.min(from, Math.floor(middle + reach + 0.5));
    const parts = Array.from({ length: last - first }, (__, i) => Math.max(0, 1 - Math.abs((first + i + 0.5 - middle) / reach)));
    const total = parts.reduce((sum, part) => sum + part, 0);
    return { first, weights: parts.map((part) => Math.round((part / total) * ONE)) };
  });
}

/**
 * Scale a picture, first its rows, then its columns; in between are bytes, as in Pillow.
 *
 * @param {Uint8ClampedArray} pixels red, green, blue and opacity of each, row by row
 * @param {number} width
 * @param {number} height
 * @param {number} size of both sides afterwards
 * @returns {Uint8Array} size × size × (red, green, blue)
 */
export function scaled(pixels, width, height, size) {
  const rows = averaged(pixels, width, height, size, 4, 4 * width), down = averaged(rows, height, size, size, 3 * size, 3);
  const result = new Uint8Array(size * size * 3); // the second time the sides are exchanged
  for (let y = 0, at = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < 3; c++, at++) result[at] = down[(x * size + y) * 3 + c];
    }
  }
  return result;
}

/**
 * Scale one side: lines of pixels, each to so many bytes of red, green and blue.
 *
 * @param {ArrayLike<number>} pixels
 * @param {number} length of a line
 * @param {number} lines
 * @param {number} size of a line afterwards
 * @param {number} step from a pixel to the next one in its line
 * @param {number} between from a line to the next
 */
function averaged(pixels, length, lines, size, step, between) {
  const places = weightsOf(length, size), result = new Uint8Array(lines * size * 3);
  for (let line = 0, at = 0; line < lines; line++) {
    for (const { first, weights } of places) {
      for (let c = 0; c < 3; c++, at++) {
        let sum = ONE / 2;
        for (let i = 0; i < weights.length; i++) sum += weights[i] * pixels[line * between + (first + i) * step + c];
        result[at] = Math.floor(sum / ONE);
      }
    }
  }
  return result;
}
