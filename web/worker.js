/**
 * The networks of the front page, in a thread of their own, so that the page never freezes.
 *
 * It is asked by messages {kind, ...} and answers with messages of the same kind:
 *   open   {file, pictures, labels, ranges}   a float32 .tflite file, pictures as bytes, what they show, see FloatNetwork.run
 *   show   {picture, settings, layer}         one picture through both networks
 *   score  {settings, ticket}                 all pictures through the smaller one, an answer after each
 */

import { FloatNetwork } from "./float_network.js";
import { listen } from "./thread.js";

const MAPS = 8; // feature maps that are shown
const BARS = 121; // of the histogram

let network, pictures, labels, ranges, latest = 0, known = { key: "", fewer: {} };

/** The settings as what `FloatNetwork.run` takes; weights are rounded once for each choice. */
function fewer({ weightBits, activationBits, perChannel }) {
  const key = `${weightBits} ${perChannel}`;
  if (known.key !== key) known = { key, weights: network.fewerBits(weightBits, perChannel) };
  return { weights: known.weights, bits: activationBits, ranges };
}

/** A picture as real numbers from 0 to 1. */
function realOf(number) {
  const size = pictures.length / labels.length;
  return Float32Array.from(pictures.subarray(number * size, (number + 1) * size), (byte) => byte / 255);
}

/** The first channels of a tensor, one behind the other. */
function maps(values, shape) {
  const [, height, width, channels] = shape, count = Math.min(MAPS, channels), result = new Float32Array(count * height * width);
  for (let c = 0; c < count; c++) {
    for (let place = 0; place < height * width; place++) result[c * height * width + place] = values[place * channels + c];
  }
  return result;
}

/** How many weights fall into each bar, between the two ends. */
function histogram(values, reach) {
  const counts = new Uint32Array(BARS);
  for (const value of values) counts[Math.min(BARS - 1, Math.floor(((value + reach) / (2 * reach)) * BARS))] += 1;
  return counts;
}

const handlers = {
  open(asked) {
    network = new FloatNetwork(asked.file);
    ({ pictures, labels, ranges } = asked);
    const layers = network.layers.filter(({ output }) => output.shape.length === 4);
    return { layers: layers.map(({ output, weights }) => ({ tensor: output.index, weights: weights.data.length })) };
  },

  show({ picture, settings, layer }) {
    const real = realOf(picture), small = fewer(settings);
    const before = network.run(real), after = network.run(real, small);
    const step = network.layers.find(({ output }) => output.index === layer), [, height, width] = step.output.shape;
    const own = step.weights.data, rounded = small.weights.get(step.weights.index);
    const reach = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
    return {
      probabilities: [before, after].map((values) => Array.from(values.get(network.output.index))),
      maps: [before, after].map((values) => maps(values.get(layer), step.output.shape)), height, width,
      histograms: [histogram(own, reach), histogram(rounded, reach)], reach,
      levels: [new Set(own).size, new Set(rounded).size], count: own.length,
    };
  },

  async score({ settings, ticket }) {
    latest = ticket;
    let right = 0;
    for (let number = 0; number < labels.length; number++) {
      await new Promise((resolve) => setTimeout(resolve)); // let newer questions in
      if (latest !== ticket) return null;
      const answer = network.run(realOf(number), fewer(settings)).get(network.output.index);
      right += (answer[1] > answer[0] ? 1 : 0) === labels[number] ? 1 : 0;
      postMessage({ kind: "score", ticket, right, done: number + 1 });
    }
    return null;
  },
};

/** Answer the page; called in the worker. */
export const serve = () => listen(handlers);
