/** Codes spread over a range from end to end, and moved until one of them stands for 0. */

import { affineParameters, compress, decompress } from "../numbers.js";
import { draggable, fixed, short, stepped, svg } from "./figure.js";

const LOW = [-10, 2], HIGH = [2.1, 10], EDGE = 30, FAR = 10.5;

/** What the two ways of placing codes do to 0. */
export function placed({ low, high, bits }) {
  const step = (high - low) / (2 ** bits - 1), missed = decompress(compress(0, low, high, bits), low, high, bits);
  const [scale, zeroPoint] = affineParameters(low, high, bits), first = -(2 ** (bits - 1)) - zeroPoint;
  return { step, missed, scale, zeroPoint, ends: [scale * first, scale * (first + 2 ** bits - 1)] };
}

/** How far zero is from a code, and what moving the codes does about it. */
export function titleOf({ low, high }, { missed, step }) {
  if (low > 0 || high < 0) return "Zero lies outside the range; made wider and moved, the codes have one for it";
  if (Math.abs(missed / step) < 0.005) return "Zero falls on a code by itself";
  return `Zero misses the nearest code by ${fixed(Math.abs(missed / step), 2)} of a step; moved, the codes have one for it`;
}

export const zeroPoint = {
  defaults: ({ low, high, bits }) => ({ low, high, bits }),

  controls: () => [
    { name: "low", label: "smallest", kind: "slider", low: LOW[0], high: LOW[1], step: 0.05 },
    { name: "high", label: "largest", kind: "slider", low: HIGH[0], high: HIGH[1], step: 0.05 },
    { name: "bits", label: "bits", kind: "slider", low: 2, high: 8, step: 1 },
  ],

  draw(spec, state, change, narrow) {
    const { low, high, bits } = state, found = placed(state), width = narrow ? 480 : 1000;
    const at = (value) => EDGE + ((value + FAR) / (2 * FAR)) * (width - 2 * EDGE);
    const picture = svg("svg", { viewBox: `0 0 ${width} 270` });
    const comb = (y, from, step, name) => {
      for (let code = 0; code < 2 ** bits; code++) {
        const x = at(from + code * step);
        picture.append(svg("line", { x1: x, x2: x, y1: y - 16, y2: y + 16, class: `tooth ${name}` }));
      }
      picture.append(svg("line", { x1: at(from), x2: at(from + (2 ** bits - 1) * step), y1: y, y2: y, class: `tooth ${name}` }));
    };
    picture.append(svg("line", { x1: at(0), x2: at(0), y1: 36, y2: 202, class: "middle" }));
    comb(86, low, found.step, "one");
    comb(176, found.ends[0], found.scale, "two");
    picture.append(svg("circle", { cx: at(found.missed), cy: 86, r: 8, class: "dot one" }));
    picture.append(svg("rect", { x: at(0) - 8, y: 168, width: 16, height: 16, class: "dot two" }));
    const text = (x, y, words, name = "") => picture.append(svg("text", { x, y, class: name }, words));
    text(at(0), 28, `spread evenly: 0 comes back as ${short(found.missed, 3)}`);
    text(at(0), 222, `moved: 0 is code ${found.zeroPoint}, and comes back as 0`);
    picture.append(svg("line", { x1: at(-10), x2: at(10), y1: 238, y2: 238, class: "axis" }));
    for (const value of [-10, -5, 0, 5, 10]) text(at(value), 258, String(value), "small");
    for (const [key, [from, to]] of [["low", LOW], ["high", HIGH]]) {
      const grip = svg("rect", { x: at(state[key]) - 11, y: 64, width: 22, height: 44, rx: 6, class: "handle" });
      picture.append(draggable(grip, () => grip.closest(".live-picture"), (x) => {
        change({ [key]: stepped(((x - EDGE) / (width - 2 * EDGE)) * 2 * FAR - FAR, from, to, 0.05) });
      }));
    }
    return {
      title: titleOf(state, found),
      sentence: `Two lines with ${2 ** bits} codes each. Spread evenly from ${short(low, 6)} to ${short(high, 6)}, with steps of `
        + `${short(found.step, 4)}, 0 comes back as ${short(found.missed, 3)}. Moved until zero is a code, ${found.zeroPoint}, they reach from `
        + `${short(found.ends[0], 4)} to ${short(found.ends[1], 4)}, with steps of ${short(found.scale, 4)}.`,
      picture,
    };
  },
};
