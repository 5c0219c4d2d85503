/** Where should the range of a layer end? Drag it: what the clipped weights cost, and what the finer steps buy. */

import { roundHalfAway } from "../fixed_point.js";
import { codeRange } from "../numbers.js";
import { draggable, fixed, short, signed, stepped, svg } from "./figure.js";

const WIDTH = 480, HEIGHT = 300, LEFT = 56, BOTTOM = 46, TOP = 30, LOWEST = 0.05, STEP = 0.005;
const LOOKS = ["one", "two"]; // of the numbers of bits, most bits first

/**
 * The noise of a layer whose range ends somewhere, from its weights counted by size.  Within a bin they are taken to lie
 * evenly, which adds a twelfth of its width squared to the square of the middle one's error.
 *
 * @param {number[]} sizes how many weights there are in each bin from 0 to the farthest
 * @param {number} farthest
 * @param {number} end of the range
 * @param {number} bits
 * @returns {{bulk: number, clipped: number, outside: number}} squares added up, and how many weights are clipped
 */
export function noise(sizes, farthest, end, bits) {
  const largest = codeRange(bits, true)[1], scale = Math.fround(end / largest), wide = farthest / sizes.length;
  const result = { bulk: 0, clipped: 0, outside: 0 };
  for (let i = 0; i < sizes.length; i++) {
    if (!sizes[i]) continue;
    const size = (i + 0.5) * wide, error = size - scale * Math.min(largest, roundHalfAway(size / scale));
    const squares = sizes[i] * (error * error + (wide * wide) / 12);
    if (size > end) [result.clipped, result.outside] = [result.clipped + squares, result.outside + sizes[i]];
    else result.bulk += squares;
  }
  return result;
}

/** The signal-to-noise ratio in decibels with a range that ends somewhere, and the errors of both kinds of weights. */
export function judged({ sizes, farthest, signal }, end, bits) {
  const parts = noise(sizes, farthest, end, bits), count = sizes.reduce((sum, number) => sum + number, 0);
  const root = (squares, number) => (number ? Math.sqrt(squares / number) : 0);
  return {
    ratio: 10 * Math.log10(signal / (parts.bulk + parts.clipped)), share: (100 * (count - parts.outside)) / count, ...parts,
    bulkError: root(parts.bulk, count - parts.outside), clippedError: root(parts.clipped, parts.outside),
  };
}

/** The layer's weights with the two ends of the range. */
function histogram({ bars, farthest }, { end }, change) {
  const most = Math.max(...bars), at = (value) => LEFT + ((value / farthest + 1) / 2) * (WIDTH - LEFT - 16), wide = (WIDTH - LEFT - 16) / bars.length;
  const tall = (count) => (count ? Math.max(1.5, (Math.log1p(count) / Math.log1p(most)) * (HEIGHT - BOTTOM - TOP)) : 0), group = svg("g");
  bars.forEach((count, i) => {
    const middle = ((i + 0.5) / bars.length) * 2 - 1, name = Math.abs(middle) > end ? "comb" : "bell";
    group.append(svg("rect", { x: LEFT + i * wide, y: HEIGHT - BOTTOM - tall(count), width: wide + 0.3, height: tall(count), class: name }));
  });
  group.append(svg("line", { x1: LEFT, x2: WIDTH - 16, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM, class: "axis" }));
  for (const value of [-farthest, 0, farthest]) group.append(svg("text", { x: at(value), y: HEIGHT - 20, class: "small" }, short(value, 2)));
  for (const sign of [-1, 1]) {
    const x = at(sign * end * farthest);
    group.append(svg("line", { x1: x, x2: x, y1: TOP, y2: HEIGHT - BOTTOM, class: "range" }));
    const grip = svg("rect", { x: x - 11, y: TOP - 4, width: 22, height: 44, rx: 6, class: "handle" });
    group.append(draggable(grip, () => grip.closest(".live-picture"), (now) => {
      const value = Math.abs((2 * (now - LEFT)) / (WIDTH - LEFT - 16) - 1);
      change({ end: stepped(value, LOWEST, 1, STEP) });
    }));
  }
  group.append(svg("text", { x: (LEFT + WIDTH) / 2, y: 18, class: "name" }, "the weights (log); drag the range"));
  return group;
}

/** What every end of the range would give, with the one that is chosen marked. */
function curves(spec, { end }, bits, found) {
  const group = svg("g"), lines = gainsOf(spec, bits);
  const all = lines.flat(), low = Math.max(-25, Math.min(0, ...all)), high = Math.max(1, ...all) + 0.5;
  const at = (share) => LEFT + share * (WIDTH - LEFT - 16), up = (gain) => TOP + ((high - Math.max(low, gain)) / (high - low)) * (HEIGHT - BOTTOM - TOP);
  group.append(svg("line", { x1: LEFT, x2: WIDTH - 16, y1: up(0), y2: up(0), class: "axis" }));
  lines.forEach((gains, number) => {
    const points = gains.map((gain, i) => `${at(ENDS[i])},${up(gain)}`).join(" ");
    group.append(svg("polyline", { points, class: `curve ${LOOKS[number]}` }));
    const now = found[number].ratio - spec.full[bits[number]][0];
    group.append(svg(number ? "rect" : "circle", number
      ? { x: at(end) - 7, y: up(now) - 7, width: 14, height: 14, class: `dot ${LOOKS[number]}` } : { cx: at(end), cy: up(now), r: 8, class: `dot ${LOOKS[number]}` }));
    group.append(svg("text", { x: WIDTH - 20, y: HEIGHT - BOTTOM - 34 + 22 * number, class: `right ${LOOKS[number]}` }, `${bits[number]} bits: ${signed(now, 1)} dB`));
  });
  for (const gain of [low, 0, high]) group.append(svg("text", { x: LEFT - 6, y: up(gain) + 5, class: "small right" }, short(gain, 2)));
  for (const share of [0, 0.5, 1]) group.append(svg("text", { x: at(share), y: HEIGHT - 20, class: share === 1 ? "small right" : "small" }, `${100 * share}%`));
  group.append(svg("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 2, class: "small" }, "end of the range (farthest weight = 100%)"));
  group.append(svg("text", { x: (LEFT + WIDTH) / 2, y: 18, class: "name" }, "change of the SQNR (dB)"));
  return group;
}

const ENDS = Array.from({ length: 77 }, (_, i) => LOWEST + i * 0.0125), known = new WeakMap();

/** The gain at each of `ENDS`, computed once for a layer. */
function gainsOf(spec, bits) {
  if (!known.has(spec)) known.set(spec, bits.map((b) => ENDS.map((end) => judged(spec, end * spec.farthest, b).ratio - spec.full[b][0])));
  return known.get(spec);
}

export const clip = {
  defaults: ({ end }) => ({ end }),

  controls: () => [{ name: "end", label: "end of the range", kind: "slider", low: LOWEST, high: 1, step: STEP }],

  draw(spec, state, change, narrow) {
    const bits = Object.keys(spec.full).map(Number).sort((a, b) => b - a);
    const found = bits.map((b) => judged(spec, state.end * spec.farthest, b)), where = short(found[0].share, 4);
    const gains = bits.map((b, i) => `${signed(found[i].ratio - spec.full[b][0], 1)} dB (${b} bits)`);
    const listed = bits.map((b, i) => {
      const [ratio, , error] = spec.full[b], [best, percentile] = spec.best[b];
      return `${b} bits: ${fixed(ratio, 1)} dB over the full range, ${fixed(found[i].ratio, 1)} dB at ${where}, best of those tried `
        + `${signed(best, 1)} dB at ${fixed(percentile, 3)}; root mean square error of the bulk ${short(error, 2)} before and `
        + `${short(found[i].bulkError, 2)} after, of the clipped weights ${short(found[i].clippedError, 2)}`;
    });
    const picture = svg("svg", { viewBox: narrow ? `0 0 ${WIDTH} ${2 * HEIGHT}` : `0 0 ${2 * WIDTH} ${HEIGHT}` }), right = curves(spec, state, bits, found);
    right.setAttribute("transform", narrow ? `translate(0 ${HEIGHT})` : `translate(${WIDTH} 0)`);
    picture.append(histogram(spec, state, change), right);
    return {
      title: `The range ends at ${where}: ${gains.join(", ")}`,
      sentence: `Clipping the range of ${spec.name}, signal-to-noise ratio by percentile. ${listed.join("; ")}.`,
      picture,
    };
  },
};
