/** A layer's weights in float32, and the comb that is left of them with fewer bits: `plots.comb` in `helpers/plots`. */

import { counted, fixed, short, svg } from "./figure.js";

const WIDTH = 480, HEIGHT = 300, LEFT = 62, BOTTOM = 44, TOP = 30;

/** One panel: bars or teeth over the values of the weights. */
function panel(title, { low, high }, bars, name) {
  const most = Math.max(...bars.map(({ count }) => count)), margin = 0.04 * (high - low) || 1;
  const at = (value) => LEFT + ((value - low + margin) / (high - low + 2 * margin)) * (WIDTH - LEFT - 8);
  const up = (count) => HEIGHT - BOTTOM - (count / most) * (HEIGHT - BOTTOM - TOP);
  const group = svg("g");
  for (const { from, to, count } of bars) {
    if (!count) continue;
    const width = Math.max(1.2, at(to) - at(from));
    group.append(svg("rect", { x: (at(from) + at(to) - width) / 2, y: up(count), width, height: HEIGHT - BOTTOM - up(count), class: name }));
  }
  group.append(svg("line", { x1: LEFT, x2: WIDTH - 8, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM, class: "axis" }));
  for (const value of [low, 0, high].filter((value, i) => i !== 1 || (low < 0 && high > 0))) {
    group.append(svg("text", { x: at(value), y: HEIGHT - BOTTOM + 22, class: "small" }, short(value, 2)));
  }
  for (const count of [most / 2, most]) group.append(svg("text", { x: LEFT - 8, y: up(count) + 6, class: "small right" }, short(Math.round(count), 6)));
  group.append(svg("text", { x: (LEFT + WIDTH) / 2, y: 18, class: "name" }, title));
  return group;
}

export const comb = {
  defaults: ({ bits, layer }) => ({ bits, layer }),

  controls: ({ layers }) => [
    { name: "bits", label: "bits", kind: "slider", low: 2, high: 8, step: 1 },
    ...(Object.keys(layers).length > 1 ? [{ name: "layer", label: "layer", kind: "list", choices: Object.keys(layers) }] : []),
  ],

  draw({ layers }, { bits, layer }, change, narrow) {
    const told = layers[layer], codes = told.combs[bits], largest = (codes.length - 1) / 2;
    const step = Math.max(-told.low, told.high) / largest, wide = (told.high - told.low) / told.bars.length;
    const before = told.bars.map((count, i) => ({ from: told.low + i * wide, to: told.low + (i + 1) * wide, count }));
    const tooth = Math.min(step / 3, (told.high - told.low) / 60);
    const after = codes.map((count, i) => ({ from: (i - largest) * step - tooth / 2, to: (i - largest) * step + tooth / 2, count }));
    const used = codes.filter((count) => count > 0).length, most = fixed((100 * Math.max(...codes)) / told.count, 0);
    const picture = svg("svg", { viewBox: narrow ? `0 0 ${WIDTH} ${2 * HEIGHT}` : `0 0 ${2 * WIDTH} ${HEIGHT}` });
    const right = panel(`${bits} bits`, told, after, "comb");
    right.setAttribute("transform", narrow ? `translate(0 ${HEIGHT})` : `translate(${WIDTH} 0)`);
    picture.append(panel("float32", told, before, "bell"), right);
    return {
      title: `${layer}: ${counted(told.different, "different value")} become ${used}`,
      sentence: `Histogram of ${counted(told.count, "weight")} of ${layer}, ${counted(told.different, "different value")}, and the comb `
        + `that is left: ${counted(used, "different value")} at ${bits} bits, ${most}% on ${used > 1 ? "one of them" : "it"}.`,
      picture,
    };
  },
};
