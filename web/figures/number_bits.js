/** A number taken apart into its bits, in float32, float16, bfloat16 and int8; every bit can be clicked. */

import { FORMATS, bitsOf, fieldsOf, int8Of, kindOf, nearest, valueOf } from "../floats.js";
import { svg } from "./figure.js";

// The boxes of the bits: all of a number in one line, or, on a phone, eight in a line and large enough for a finger.
const WIDE = { box: 27, line: 27, perLine: 32, left: 120, top: 28, between: 65 };
const TALL = { box: 56, line: 62, perLine: 8, left: 8, top: 58, between: 112 };

/** A finite number in full, as a decimal: each is a whole number over a power of two, and those end. */
export function exact(number) {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "NaN" : number < 0 ? "-∞" : "∞";
  if (number === 0) return Object.is(number, -0) ? "-0" : "0";
  let power = 0, whole = Math.abs(number);
  while (!Number.isInteger(whole)) [whole, power] = [whole * 2, power + 1]; // number = whole / 2^power
  const digits = (BigInt(whole) * 5n ** BigInt(power)).toString().padStart(power + 1, "0"); // over 10^power
  const point = digits.length - power, fraction = digits.slice(point).replace(/0+$/, "");
  const plain = `${number < 0 ? "-" : ""}${digits.slice(0, point)}${fraction ? `.${fraction}` : ""}`;
  return plain.length > 31 ? number.toExponential(12).replace(/\.?0*e/, "…e") : plain;
}

/** An error in three digits with its sign, "0" if there is none. */
export function errorText(error) {
  if (error === 0) return "0";
  const [mantissa, power] = error.toExponential(2).split("e"), exponent = Number(power);
  const two = `${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  return `${error > 0 ? "+" : ""}${mantissa}e${two}`;
}

/** A number in all formats: their bits in groups, what they store, and the error. */
export function inFormats(number, scale) {
  const rows = Object.values(FORMATS).map((format) => {
    const fields = nearest(number, format), stored = valueOf(fields, format), bits = bitsOf(fields, format);
    const end = 1 + format.exponentBits, error = stored - number;
    const parts = [["S", bits.slice(0, 1)], ["E", bits.slice(1, end)], ["F", bits.slice(end)]];
    return { name: format.name, parts, shown: exact(stored), error: Number.isFinite(stored) ? errorText(error) : "–",
             kind: kindOf(fields, format), read: (changed) => valueOf(fieldsOf(changed, format), format) };
  });
  const { code, bits, value } = int8Of(number, scale);
  const clipped = Math.abs(number / scale - code) > 0.5 + 1e-9 ? "clipped" : "in range";
  const step = Number(scale.toPrecision(6)), of8 = (changed) => (parseInt(changed, 2) << 24) >> 24;
  rows.push({ name: "int8", parts: [["S", bits.slice(0, 1)], ["I", bits.slice(1)]], error: errorText(value - number),
              shown: `${code} × ${step} = ${Number(value.toPrecision(9))}`, kind: clipped, read: (changed) => of8(changed) * scale });
  return rows;
}

export const numberBits = {
  defaults: (spec) => ({ number: spec.number }),

  controls: () => [{ name: "number", label: "number", kind: "text" }],

  draw(spec, state, change, narrow) {
    const number = Number(state.number);
    if (state.number.trim() === "" || !Number.isFinite(number)) {
      throw new RangeError(`Expected a number such as 3.14; found “${state.number}”.`);
    }
    const rows = inFormats(number, spec.scale);
    const { box, line, perLine, left, top: above, between } = narrow ? TALL : WIDE, picture = svg("svg");
    let top = above;
    rows.forEach(({ name, parts, shown, error, kind, read }) => {
      const bits = parts.map(([, part]) => part).join(""), lines = Math.ceil(bits.length / perLine);
      picture.append(narrow ? svg("text", { x: left, y: top - 30, class: "left name" }, name) : svg("text", { x: left - 12, y: top + 19, class: "right name" }, name));
      const letters = parts.map(([letter, part]) => letter.repeat(part.length)).join("");
      [...bits].forEach((bit, here) => {
        const x = left + (here % perLine) * box, y = top + Math.floor(here / perLine) * line;
        picture.append(bitBox({ name, here, bit, letter: letters[here], x, y, box, flip: () => change({ number: String(read(flipped(bits, here))) }) }));
      });
      const off = error === "–" ? "" : error === "0" ? "exact " : `error ${error} `, words = [`stores ${shown}`, `${off}(${kind})`];
      (narrow ? words : [words.join(off ? ", " : " ")]).forEach((text, i) => {
        picture.append(svg("text", { x: left, y: top + (lines - 1) * line + box + 21 + 20 * i, class: "left small" }, text));
      });
      top += (lines - 1) * line + box + between;
    });
    picture.setAttribute("viewBox", `0 0 ${left + Math.min(32, perLine) * box + 10} ${top - between + 50}`);
    const listed = rows.map(({ name, parts, shown, error }) =>
      `${name} ${parts.map(([, part]) => part).join(" ")} stores ${shown}, error ${error}`);
    return {
      title: "The same number in different bits: S sign, E exponent, F fraction, I integer",
      sentence: `Boxes with the bits of a number by sign, exponent and fraction: ${listed.join("; ")}.`,
      picture,
    };
  },
};

/** The box of one bit, which a click or the keyboard flips. */
function bitBox({ name, here, bit, letter, x, y, box, flip }) {
  const group = svg("g", { class: `bit bit-${letter}`, tabindex: 0, role: "button", "data-bit": `${name}-${here}`,
                           "aria-label": `${name}, bit ${here}, ${letter}: ${bit}; flip it` },
    svg("rect", { x, y, width: box, height: box }),
    svg("text", { x: x + box / 2, y: y + box / 2 + 6 }, bit),
    svg("text", box > 40 ? { x: x + box - 9, y: y + 17, class: "letter" } : { x: x + box / 2, y: y - 7, class: "letter" }, letter));
  group.addEventListener("click", flip);
  group.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    const host = group.closest(".live-picture");
    flip();
    host.querySelector(`[data-bit="${name}-${here}"]`)?.focus();
  });
  return group;
}

const flipped = (bits, place) => bits.slice(0, place) + (bits[place] === "1" ? "0" : "1") + bits.slice(place + 1);
