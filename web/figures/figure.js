/**
 * What all live figures share: elements, controls, the sentence that says what is to be seen, and the state in the address.
 *
 * A figure is an object:
 *   defaults(spec)         the state with which it begins; `spec` comes from the page, see `mount`
 *   controls(spec, state)  what can be changed: see `control`
 *   draw(spec, state, change)  returns {title, sentence, picture}, the picture as an SVG element
 */

const SVG = "http://www.w3.org/2000/svg";

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

/** A number as people write it: at most so many significant digits, no trailing zeros. */
export function short(value, digits = 4) {
  return String(Number(value.toPrecision(digits)));
}

/** A list in words: "a, b and c". */
export function join(items) {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;
}

/**
 * A control with its label.
 *
 * @param {{name: string, label: string, kind: "slider"|"choice"|"text", low?: number, high?: number, step?: number,
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
  if (what.kind === "text") {
    const field = html("input", { type: "text", value, inputmode: "decimal", spellcheck: "false", input: () => change(field.value) });
    return html("label", {}, `${what.label} `, field);
  }
  const output = html("output", {}, short(value));
  const slider = html("input", { type: "range", min: what.low, max: what.high, step: what.step, value,
    input: () => change(Number(slider.value)) });
  return html("label", {}, `${what.label} `, slider, output);
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

/**
 * Put a live figure into an element in the place of what is there.
 *
 * @param {Element} host
 * @param {object} figure see above
 * @param {object} spec what the page says of it; its `figure` is the name in the address, followed by a number for the
 *     second one of that name
 */
export function mount(host, figure, spec) {
  const defaults = figure.defaults(spec), name = spec.id ?? spec.figure;
  const asked = fromAddress(name, defaults), state = { ...defaults, ...(figure.checked ? figure.checked(spec, asked) : asked) };
  const title = html("h4"), sentence = html("p", { role: "status", class: "live-sentence" }), place = html("div", { class: "live-picture" });
  const controls = html("div", { class: "live-controls" });
  let parts = [];

  function draw() {
    let drawn;
    try {
      drawn = figure.draw(spec, state, change);
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
    for (const { key, element } of parts) {
      const field = element.querySelector("input[type=range], input[type=text]");
      if (field && document.activeElement !== field) field.value = state[key];
      const output = element.querySelector("output");
      if (output) output.textContent = short(state[key]);
    }
  }

  function change(changes) {
    Object.assign(state, changes);
    toAddress(name, state, defaults);
    draw();
  }

  parts = figure.controls(spec).map((what) => ({
    key: what.name,
    element: control({ ...what, id: `${name}.${what.name}` }, state[what.name], (value) => change({ [what.name]: value })),
  }));
  controls.append(...parts.map(({ element }) => element));
  const again = html("button", { type: "button", click: () => {
    change(defaults);
    for (const radio of controls.querySelectorAll("input[type=radio]")) radio.checked = state[radio.name.split(".").pop()] === radio.value;
  } }, "As at first");
  controls.append(again);
  draw();
  host.replaceChildren(html("figure", { class: "live", "data-figure": name }, title, controls, place, sentence));
}
