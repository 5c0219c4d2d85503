/** The lecture's number line: numbers, the codes that they become, and the numbers that come back. */

import { affineParameters, compress, decompress, dequantize, quantize, symmetricScale } from "../numbers.js";
import { counted, draggable, join, short, stepped, svg } from "./figure.js";

const PLACES = ["anywhere", "on a code", "in the middle"]; // where zero may fall
const LOW = [-10, 0], HIGH = [0.5, 10];
// Where things stand: numbers, their texts, the boxes of their codes, what comes back. On a phone it is read from left to right.
const WIDE = { along: 1000, edge: 70, numbers: 50, text: [92, 107, 122], box: [168, 212], back: [252, 274, 310], end: 360, across: 400 };
const TALL = { along: 640, edge: 60, numbers: 26, text: [66, 104, 142], box: [192, 252], back: [296, 340, 384], end: 450, across: 480 };

/** The codes of some numbers, what comes back of them, and the step, by one of three mappings. */
export function coded(values, { low, high, bits, zero }) {
  if (zero === "anywhere") {
    const codes = values.map((value) => compress(value, low, high, bits));
    return { codes, restored: codes.map((code) => decompress(code, low, high, bits)), step: (high - low) / (2 ** bits - 1) };
  }
  const middle = zero === "in the middle";
  const [scale, zeroPoint] = middle ? [symmetricScale([low, high], bits), 0] : affineParameters(low, high, bits);
  const codes = values.map((value) => quantize(value, scale, zeroPoint, bits, middle));
  return { codes, restored: codes.map((code) => dequantize(code, scale, zeroPoint)), step: scale };
}

/** How many numbers share their code with another one, or came back more than a step away from themselves. */
export function titleOf(values, { codes, restored, step }) {
  const start = `${counted(values.length, "number")}, ${counted(new Set(codes).size, "code")}`;
  const lost = new Set(values).size - new Set(codes).size;
  const far = values.filter((value, i) => Math.abs(restored[i] - value) > 1.001 * step).length;
  if (lost) return `${start}: ${lost} can no longer be told apart`;
  if (far) return `${start}: ${far} outside the range, cut off at its end`;
  return `${start}: each comes back near itself`;
}

export const numberLine = {
  defaults: (spec) => ({ low: spec.low, high: spec.high, bits: spec.bits, zero: spec.zero }),

  controls: () => [
    { name: "low", label: "smallest", kind: "slider", low: LOW[0], high: LOW[1], step: 0.1 },
    { name: "high", label: "largest", kind: "slider", low: HIGH[0], high: HIGH[1], step: 0.1 },
    { name: "bits", label: "bits", kind: "slider", low: 2, high: 8, step: 1 },
    { name: "zero", label: "zero may fall", kind: "choice", choices: PLACES },
  ],

  draw(spec, state, change, narrow) {
    const values = [...spec.values].sort((a, b) => a - b), found = coded(values, state), { codes, restored } = found;
    const far = Math.max(10, ...values.map(Math.abs)), at = narrow ? TALL : WIDE, length = at.along - 2 * at.edge;
    const along = (value) => at.edge + ((value + far) / (2 * far)) * length, slot = (i) => at.edge + ((i + 0.5) / values.length) * length;
    const point = (down, over) => (narrow ? { x: over, y: down } : { x: down, y: over });
    const picture = svg("svg", { viewBox: narrow ? `0 0 ${at.across} ${at.along}` : `0 0 ${at.along} ${at.across}` });
    const line = (down1, over1, down2, over2, name) => {
      const from = point(down1, over1), to = point(down2, over2);
      picture.append(svg("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y, class: name }));
    };
    const text = (down, over, words, name = "", lower = 5) => {
      const { x, y } = point(down, over);
      picture.append(svg("text", { x, y: y + lower, class: name }, words));
    };

    for (const over of [at.numbers, at.end]) line(along(-far), over, along(far), over, "axis");
    line(along(state.low), at.numbers, along(state.high), at.numbers, "range");
    for (const [words, x, y, name] of narrow ? [["the numbers", 4, 22, "left"], ["what comes back", at.across - 4, 22, "right"]]
      : [["the numbers, and the range", 10, 22, "left"], ["what comes back, and its error", 10, at.across - 12, "left"]]) {
      picture.append(svg("text", { x, y, class: name }, words));
    }
    const boxes = new Map();
    codes.forEach((code, i) => boxes.set(code, [...(boxes.get(code) ?? []), slot(i)]));
    const middle = (code) => boxes.get(code).reduce((sum, place) => sum + place, 0) / boxes.get(code).length;
    values.forEach((value, i) => {
      const name = boxes.get(codes[i]).length > 1 ? "shared" : "alone", error = restored[i] - value;
      line(along(value), at.numbers, slot(i), at.text[0], name);
      line(slot(i), at.text[2], middle(codes[i]), at.box[0], name);
      line(middle(codes[i]), at.box[1], slot(i), at.back[0], name);
      line(slot(i), at.back[2], along(restored[i]), at.end, name);
      const { x: cx, y: cy } = point(along(value), at.numbers), end = point(along(restored[i]), at.end);
      picture.append(svg("circle", { cx, cy, r: 6, class: name }));
      picture.append(svg("rect", { x: end.x - 5, y: end.y - 5, width: 10, height: 10, class: name }));
      text(slot(i), at.text[1], short(value, 6));
      text(slot(i), at.back[1], short(restored[i], 3), "", narrow ? -3 : 5);
      text(slot(i), at.back[1], Math.abs(error) > 1e-6 * (state.high - state.low) ? withSign(error) : "exact", "small", narrow ? 15 : 25);
    });
    for (const [code, slots] of boxes) {
      const name = slots.length > 1 ? "box shared" : "box alone", { x, y } = point(middle(code), (at.box[0] + at.box[1]) / 2);
      picture.append(svg("rect", { x: x - 30, y: y - 17, width: 60, height: 34, rx: 4, class: name }));
      picture.append(svg("text", { x, y: y + 7, class: "code" }, String(code)));
    }
    for (const [key, [from, to]] of [["low", LOW], ["high", HIGH]]) {
      const { x, y } = point(along(state[key]), at.numbers), half = narrow ? [22, 9] : [9, 22];
      const grip = svg("rect", { x: x - half[0], y: y - half[1], width: 2 * half[0], height: 2 * half[1], rx: 5, class: "handle" });
      picture.append(draggable(grip, () => grip.closest(".live-picture"), (...place) => {
        change({ [key]: stepped(((place[narrow ? 1 : 0] - at.edge) / length) * 2 * far - far, from, to, 0.1) });
      }));
    }
    const listed = values.map((value, i) => `${short(value, 6)} becomes code ${codes[i]} and comes back as ${short(restored[i], 4)}`);
    const all = 2 ** state.bits - (state.zero === "in the middle" ? 1 : 0);
    const sentence = `A number line from ${short(state.low, 6)} to ${short(state.high, 6)} with ${all} codes: ${join(listed)}.`;
    return { title: titleOf(values, found), sentence, picture };
  },
};

const withSign = (error) => `${error > 0 ? "+" : ""}${short(error, 1)}`;
