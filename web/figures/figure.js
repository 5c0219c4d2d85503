/**
 * What all live figures share: elements, controls, the sentence that says what is to be seen, and the state in the address.
 *
 * A figure is an object:
 *   defaults(spec)         the state with which it begins; `spec` comes from the page, see `mount`
 *   checked(spec, asked)   of a state from the address, what makes sense; it may be left out
 *   controls(spec)         what can be changed: see `control`
 *   draw(spec, state, change, narrow)  returns {title, sentence, picture}, the picture as an SVG element; narrow on a phone
 */

const SVG = "http://www.w3.org/2000/svg";
const NARROW = 560; // pixels; a figure in less room is drawn for a phone

/** An element of SVG. */
export function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** An element of HTML; an attribute that is a function listens to the event of that name. */
export function html(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** A number in so many significant digits, without trailing zeros: Python's format "g". */
export function short(value, digits = 4) {
  const [mantissa, power] = value.toExponential(digits - 1).split("e"), exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= digits)) {
    return `${Number(mantissa)}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  return String(Number(value.toPrecision(digits)));
}

/** A number with so many digits after the point; halves go to the even neighbour, as in Python. */
export function fixed(value, digits) {
  const large = Math.abs(value) * 10 ** digits, down = Math.floor(large);
  const half = large - down === 0.5 && down % 2 === 0;
  const text = (half ? down / 10 ** digits : Math.abs(value)).toFixed(digits);
  return value < 0 ? `-${text}` : text;
}

/** The same with its sign. */
export const signed = (value, digits) => `${value < 0 ? "" : "+"}${fixed(value, digits)}`;

/** A whole number with commas: 55,296. */
export const grouped = (number) => number.toLocaleString("en");

/** A number with its noun, whose plural ends in s. */
export const counted = (number, noun) => `${grouped(number)} ${noun}${number === 1 ? "" : "s"}`;

/** A list in words: "a, b and c". */
export function join(items) {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;
}

/** The bytes of a text in base64. */
export const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/**
 * Let an element of a picture be dragged.  The whole drag belongs to it, though the picture is drawn anew meanwhile.
 *
 * @param {SVGElement} grip
 * @param {function(): Element} place in which the picture stands
 * @param {function(number, number): void} moved is told where the pointer is, in the picture's own units
 */
export function draggable(grip, place, moved) {
  grip.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const within = place();
    const move = (now) => moved(...pointIn(within.querySelector("svg"), now));
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

/** Where a pointer is, in the units of a picture. */
export function pointIn(picture, event) {
  const box = picture.getBoundingClientRect(), { width, height } = picture.viewBox.baseVal;
  const scale = Math.min(box.width / width, box.height / height); // it may be shown with margins
  return [(event.clientX - box.left - (box.width - scale * width) / 2) / scale,
          (event.clientY - box.top - (box.height - scale * height) / 2) / scale];
}

/** A number held between two others and rounded to steps. */
export const stepped = (value, low, high, step) => Number((Math.round(Math.min(high, Math.max(low, value)) / step) * step).toFixed(6));

/**
 * A control with its label.
 *
 * @param {{name: string, label: string, kind: "slider"|"choice"|"list"|"text", low?: number, high?: number, step?: number,
 *          choices?: string[]}} what
 * @param {*} value
 * @param {function(*): void} change
 */
function control(what, value, change) {
  if (what.kind === "choice") {
    const buttons = what.choices.map((choice) =>
      html("label", {}, html("input", { type: "radio", name: what.id, value: choice, checked: choice === value,
        change: () => change(choice) }), choice));
    return html("fieldset", {}, html("legend", {}, what.label), ...buttons);
  }
  if (what.kind === "list") {
    const list = html("select", { change: () => change(list.value) }, ...what.choices.map((choice) => html("option", { value: choice, selected: choice === value }, choice)));
    return html("label", {}, `${what.label} `, list);
  }
  if (what.kind === "text") {
    const field = html("input", { type: "text", value, inputmode: "decimal", spellcheck: "false", input: () => change(field.value) });
    return html("label", {}, `${what.label} `, field);
  }
  const output = html("output", {}, short(value));
  const slider = html("input", { type: "range", min: what.low, max: what.high, step: what.step, value,
    input: () => change(Number(slider.value)) });
  return html("label", {}, `${what.label} `, slider, output);
}

/** Show a value in a control, unless the reader is typing it. */
function show(element, value) {
  const field = element.querySelector("input[type=range], input[type=text], select");
  if (field && (document.activeElement !== field || field.type !== "text")) field.value = value;
  for (const radio of element.querySelectorAll("input[type=radio]")) radio.checked = radio.value === value;
  const output = element.querySelector("output");
  if (output) output.textContent = short(value);
}

/** The state that stands in the address for a figure: name.key=value pairs of its query. */
function fromAddress(name, defaults) {
  const asked = {}, query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(defaults)) {
    const text = query.get(`${name}.${key}`);
    if (text === null) continue;
    if (typeof value !== "number") asked[key] = text;
    else if (text.trim() !== "" && Number.isFinite(Number(text))) asked[key] = Number(text);
  }
  return asked;
}

/** Write the state of a figure into the address, so that it can be sent to somebody; what is as at first is left out. */
function toAddress(name, state, defaults) {
  const query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(state)) {
    if (value === defaults[key]) query.delete(`${name}.${key}`);
    else query.set(`${name}.${key}`, value);
  }
  const text = query.toString();
  history.replaceState(history.state, "", location.pathname + (text ? `?${text}` : "") + location.hash);
}

/** The state that somebody asks for, within what the sliders, buttons and lists of a figure allow. */
function within(controls, asked) {
  return Object.fromEntries(Object.entries(asked).filter(([key, value]) => {
    const what = controls.find(({ name }) => name === key);
    if (!what || what.kind === "text") return true;
    if (what.choices) return what.choices.includes(value);
    return value >= what.low && value <= what.high && (what.step !== 1 || Number.isInteger(value));
  }));
}

/**
 * Put a live figure into an element in the place of what is there.
 *
 * @param {Element} host
 * @param {object} figure see above
 * @param {object} spec what the page says of it; its `figure` is the name in the address, followed by a number for the
 *     second one of that name
 */
export function mount(host, figure, spec) {
  const defaults = figure.defaults(spec), name = spec.id ?? spec.figure, choices = figure.controls(spec);
  const state = { ...defaults, ...within(choices, fromAddress(name, defaults)) };
  const title = html("h4"), sentence = html("p", { role: "status", class: "live-sentence" }), place = html("div", { class: "live-picture" });
  const controls = html("div", { class: "live-controls" });
  let parts = [], narrow = host.clientWidth > 0 && host.clientWidth < NARROW;

  function draw() {
    let drawn;
    try {
      drawn = figure.draw(spec, state, change, narrow);
    } catch (problem) {
      if (!(problem instanceof RangeError)) throw problem;
      sentence.textContent = problem.message; // the last picture stays
      return;
    }
    title.textContent = drawn.title;
    sentence.textContent = drawn.sentence;
    drawn.picture.setAttribute("role", "img");
    drawn.picture.setAttribute("aria-label", drawn.sentence);
    place.replaceChildren(drawn.picture);
    for (const { key, element } of parts) show(element, state[key]);
  }

  function change(changes) {
    Object.assign(state, changes);
    toAddress(name, state, defaults);
    draw();
  }

  parts = choices.map((what) => ({
    key: what.name,
    element: control({ ...what, id: `${name}.${what.name}` }, state[what.name], (value) => change({ [what.name]: value })),
  }));
  controls.append(...parts.map(({ element }) => element), html("button", { type: "button", click: () => change(defaults) }, "As at first"));
  draw();
  host.replaceChildren(html("figure", { class: "live", "data-figure": name }, title, controls, place, sentence));
  new ResizeObserver(() => {
    const now = host.clientWidth > 0 && host.clientWidth < NARROW;
    if (now === narrow) return;
    narrow = now;
    draw();
  }).observe(host);
}
