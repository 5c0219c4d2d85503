/** One value of a convolution in integers: click it, and see each number on the way there. */

import { clip, divideByPowerOfTwo, highMultiply, requantize } from "../fixed_point.js";
import { fromBase64, grouped, html, join, pointIn, svg } from "./figure.js";

const GAP = 20, LINE = 42;

/** The layer of a page with its arrays unpacked, once for each. */
const known = new WeakMap();
export function unpacked(spec) {
  if (!known.has(spec)) {
    known.set(spec, { ...spec, codes: new Int8Array(fromBase64(spec.codes).buffer), weights: new Int8Array(fromBase64(spec.weights).buffer), maps: new Map() });
  }
  return known.get(spec);
}

/** The sum of products of one window and one filter; padding counts for nothing. */
export function windowSum({ codes, input, kernel, weights, zero_points: [zero], strides, before }, row, column, channel) {
  const [height, width, channels] = input, [high, wide] = kernel;
  let sum = 0;
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      const i = row * strides[0] - before[0] + y, j = column * strides[1] - before[1] + x;
      if (i < 0 || i >= height || j < 0 || j >= width) continue;
      const at = (i * width + j) * channels, w = ((channel * high + y) * wide + x) * channels;
      for (let c = 0; c < channels; c++) sum += (codes[at + c] - zero) * weights[w + c];
    }
  }
  return sum;
}

/** What is done in each step, and the number that it leaves: `one_value.trace` in `helpers/integer`. */
export function trace(layer, row, column, channel) {
  const { kernel, input, bias, multipliers, shifts, limits, zero_points: [, zero] } = layer;
  const multiplier = multipliers[channel], shift = shifts[channel];
  let value = windowSum(layer, row, column, channel);
  const steps = [[`the sum of ${kernel[0] * kernel[1] * input[2]} products`, value]];
  steps.push([`plus the bias, ${grouped(bias[channel])}`, (value += bias[channel])]);
  if (shift > 0) steps.push([`shifted by ${shift} to the left`, (value <<= shift)]);
  steps.push([`times ${grouped(multiplier)} / 2³¹, rounded`, (value = highMultiply(value, multiplier))]);
  if (shift < 0) steps.push([`shifted by ${-shift} to the right, rounded`, (value = divideByPowerOfTwo(value, -shift))]);
  steps.push([`plus the zero point, ${zero}`, (value += zero)]);
  steps.push([`clipped to ${limits[0]} … ${limits[1]}`, clip(value, ...limits)]);
  return steps;
}

/** The codes of one filter at all places. */
export function outputs(layer, channel) {
  const { output: [height, width], bias, multipliers, shifts, limits, zero_points: [, zero] } = layer;
  return Int8Array.from({ length: height * width }, (_, i) => {
    const sum = windowSum(layer, Math.floor(i / width), i % width, channel) + bias[channel];
    return clip(requantize(sum, multipliers[channel], shifts[channel]) + zero, ...limits);
  });
}

/** Pixels as the address of a picture: a function gives red, green and blue of each. */
function painted(width, height, colours) {
  const canvas = html("canvas", { width, height }), context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set([...colours(i), 255], 4 * i);
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}

/** The address of the input, or of the output of a filter; painted once. */
function addressOf(layer, channel) {
  const key = channel ?? "input";
  if (!layer.maps.has(key)) {
    const codes = channel === undefined ? layer.codes : outputs(layer, channel), [height, width] = channel === undefined ? layer.input : layer.output;
    const colours = channel === undefined ? (i) => [0, 1, 2].map((c) => codes[3 * i + c] + 128) : (i) => Array(3).fill(codes[i] + 128);
    layer.maps.set(key, painted(width, height, colours));
  }
  return layer.maps.get(key);
}

export const convolution = {
  defaults: ({ row, column, channel }) => ({ row, column, channel, steps: 7 }),

  controls: ({ output }) => [
    { name: "row", label: "row", kind: "slider", low: 0, high: output[0] - 1, step: 1 },
    { name: "column", label: "column", kind: "slider", low: 0, high: output[1] - 1, step: 1 },
    { name: "channel", label: "filter", kind: "slider", low: 0, high: output[2] - 1, step: 1 },
    { name: "steps", label: "steps shown", kind: "slider", low: 1, high: 7, step: 1 },
  ],

  draw(spec, { row, column, channel, steps: shown }, change, narrow) {
    const layer = unpacked(spec), steps = trace(layer, row, column, channel), { input, output, kernel, strides, before } = layer;
    const visible = steps.slice(0, shown), side = narrow ? 230 : 300, below = narrow ? side + 50 : 0, left = narrow ? 0 : 2 * (side + GAP);
    const picture = svg("svg", { viewBox: narrow ? `0 0 ${2 * side + GAP} ${below + 7 * LINE + 20}` : `0 0 ${left + 520} ${side + 40}` });
    const image = (x, channelOrNone, [height, width], area, words, clicked) => {
      const shownImage = svg("image", { href: addressOf(layer, channelOrNone), x, y: 32, width: side, height: side, preserveAspectRatio: "none", class: "pixels" });
      if (clicked) {
        shownImage.classList.add("clickable");
        shownImage.addEventListener("click", (event) => {
          const [px, py] = pointIn(picture, event);
          change({ row: Math.min(height - 1, Math.floor(((py - 32) / side) * height)), column: Math.min(width - 1, Math.floor(((px - x) / side) * width)) });
        });
      }
      const [i, j, h, w] = area, frame = { x: x + (j / width) * side, y: 32 + (i / height) * side, width: (w / width) * side, height: (h / height) * side };
      picture.append(shownImage, svg("rect", { ...frame, class: "frame outer" }), svg("rect", { ...frame, class: "frame" }));
      picture.append(svg("text", { x: x + 2, y: 20, class: "left" }, words));
    };
    image(0, undefined, input, [row * strides[0] - before[0], column * strides[1] - before[1], ...kernel], `${kernel[0]} × ${kernel[1]} pixels …`);
    image(side + GAP, channel, output, [row, column, 1, 1], narrow ? "… one code (click)" : "… become one code (click it)", true);
    visible.forEach(([words, value], i) => {
      const y = below + 40 + i * LINE, name = i === steps.length - 1 ? "name" : "";
      picture.append(svg("text", { x: left, y, class: `left ${name}` }, words), svg("text", { x: narrow ? 2 * side + GAP : left + 520, y, class: `right ${name}` }, grouped(value)));
    });
    const where = `row ${row}, column ${column}, filter ${channel}`, listed = join(visible.map(([words, value]) => `${words}: ${grouped(value)}`));
    return {
      title: `${where}: ${steps.length} steps, all of them in integers`,
      sentence: `One value of a convolution (${where}), step by step: ${listed}.`,
      picture,
    };
  },
};
