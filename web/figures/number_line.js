/** The lecture's number line: numbers, the codes that they become, and the numbers that come back. */

import { affineParameters, compress, decompress, dequantize, quantize, symmetricScale } from "../numbers.js";
import { join, short, svg } from "./figure.js";

const PLACES = ["anywhere", "on a code", "in the middle"]; // where zero may fall
const WIDTH = 1000, HEIGHT = 400, EDGE = 70;
const LOW = [-10, 0], HIGH = [0.5, 10];

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
  const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const start = `${counted(values.length, "number")}, ${counted(new Set(codes).size, "code")}`;
  const lost = new Set(values).size - new Set(codes).size;
  const far = values.filter((value, i) => Math.abs(restored[i] - value) > 1.001 * step).length;
  if (lost) return `${start}: ${lost} can no longer be told apart`;
  if (far) return `${start}: ${far} outside the range, cut off at its end`;
  return `${start}: each comes back near itself`;
}

export const numberLine = {
  defaults: (spec) => ({ low: spec.low, high: spec.high, bits: spec.bits, zero: spec.zero }),

  checked(spec, asked) {
    const kept = {};
    if (asked.low >= LOW[0] && asked.low <= LOW[1]) kept.low = asked.low;
    if (asked.high >= HIGH[0] && asked.high <= HIGH[1]) kept.high = asked.high;
    if (Number.isInteger(asked.bits) && asked.bits >= 2 && asked.bits <= 8) kept.bits = asked.bits;
    if (PLACES.includes(asked.zero)) kept.zero = asked.zero;
    return kept;
  },

  controls: () => [
    { name: "low", label: "smallest", kind: "slider", low: LOW[0], high: LOW[1], step: 0.1 },
    { name: "high", label: "largest", kind: "slider", low: HIGH[0], high: HIGH[1], step: 0.1 },
    { name: "bits", label: "bits", kind: "slider", low: 2, high: 8, step: 1 },
    { name: "zero", label: "zero may fall", kind: "choice", choices: PLACES },
  ],

  draw(spec, state, change) {
    const values = [...spec.values].sort((a, b) => a - b), found = coded(values, state), { codes, restored } = found;
    const far = Math.max(10, ...values.map(Math.abs));
    const at = (value) => EDGE + ((value + far) / (2 * far)) * (WIDTH - 2 * EDGE);
    const slot = (i) => EDGE + ((i + 0.5) / values.length) * (WIDTH - 2 * EDGE);
    const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}` });
    const line = (x1, y1, x2, y2, name) => picture.append(svg("line", { x1, y1, x2, y2, class: name }));
    const text = (x, y, words, name = "") => picture.append(svg("text", { x, y, class: name }, words));

    for (const y of [50, HEIGHT - 40]) line(at(-far), y, at(far), y, "axis");
    line(at(state.low), 50, at(state.high), 50, "range");
    text(EDGE - 60, 22, "the numbers, and the range", "left");
    text(EDGE - 60, HEIGHT - 12, "what comes back, and its error", "left");
    const boxes = new Map();
    codes.forEach((code, i) => boxes.set(code, [...(boxes.get(code) ?? []), slot(i)]));
    const middle = (code) => boxes.get(code).reduce((sum, x) => sum + x, 0) / boxes.get(code).length;
    values.forEach((value, i) => {
      const name = boxes.get(codes[i]).length > 1 ? "shared" : "alone", error = restored[i] - value;
      line(at(value), 50, slot(i), 92, name);
      line(slot(i), 122, middle(codes[i]), 168, name);
      line(middle(codes[i]), 212, slot(i), 252, name);
      line(slot(i), 310, at(restored[i]), HEIGHT - 40, name);
      picture.append(svg("circle", { cx: at(value), cy: 50, r: 6, class: name }));
      picture.append(svg("rect", { x: at(restored[i]) - 5, y: HEIGHT - 45, width: 10, height: 10, class: name }));
      text(slot(i), 112, short(value, 6));
      text(slot(i), 274, short(restored[i], 3));
      text(slot(i), 296, Math.abs(error) > 1e-6 * (state.high - state.low) ? signed(error) : "exact", "small");
    });
    for (const [code, slots] of boxes) {
      const name = slots.length > 1 ? "box shared" : "box alone";
      picture.append(svg("rect", { x: middle(code) - 30, y: 168, width: 60, height: 44, rx: 4, class: name }));
      text(middle(code), 197, String(code), "code");
    }
    for (const [key, [from, to]] of [["low", LOW], ["high", HIGH]]) {
      picture.append(handle(picture, at(state[key]), (x) => {
        const value = ((x - EDGE) / (WIDTH - 2 * EDGE)) * 2 * far - far;
        change({ [key]: Math.round(Math.min(to, Math.max(from, value)) * 10) / 10 });
      }));
    }
    const listed = values.map((value, i) =>
      `${short(value, 6)} becomes code ${codes[i]} and comes back as ${short(restored[i], 4)}`);
    const all = 2 ** state.bits - (state.zero === "in the middle" ? 1 : 0);
    const sentence = `A number line from ${short(state.low, 6)} to ${short(state.high, 6)} with ${all} codes: ${join(listed)}.`;
    return { title: titleOf(values, found), sentence, picture };
  },
};

const signed = (error) => `${error > 0 ? "+" : ""}${short(error, 1)}`;

/** An end of the range that can be dragged; the whole drag belongs to it, though the picture is drawn anew meanwhile. */
function handle(picture, x, moved) {
  const grip = svg("rect", { x: x - 7, y: 28, width: 14, height: 44, rx: 5, class: "handle" });
  grip.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const place = picture.parentElement;
    const move = (now) => {
      const shown = place.querySelector("svg"), box = shown.getBoundingClientRect();
      moved(((now.clientX - box.left) / box.width) * WIDTH);
    };
    const end = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      removeEventListener("pointercancel", end);
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
    addEventListener("pointercancel", end);
  });
  return grip;
}
