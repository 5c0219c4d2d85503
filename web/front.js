/** The front page: a network loses its bits while you watch. */

import { barsOf, CLASSES, percent, said } from "./answers.js";
import { html, svg } from "./figures/figure.js";
import { start } from "./thread.js";

const SHOWN = 24, SIZE = 96;
const CHOICES = { weightBits: [2, 8], activationBits: [2, 8] };

/** The interval of a share by Wilson, 95 %, as `helpers/measure/accuracy.py` has it. */
export function wilson(right, count) {
  const z = 1.959963984540054, share = right / count, both = 1 + (z * z) / count;
  const middle = (share + (z * z) / (2 * count)) / both;
  const half = (z / both) * Math.sqrt((share * (1 - share)) / count + (z * z) / (4 * count * count));
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}

/** The bytes of the pictures on a sheet: row by row, each SIZE × SIZE × (red, green, blue). */
export async function bytesOf(sheet, count) {
  await sheet.decode();
  const columns = sheet.naturalWidth / SIZE, canvas = html("canvas", { width: sheet.naturalWidth, height: sheet.naturalHeight });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(sheet, 0, 0);
  const result = new Uint8Array(count * SIZE * SIZE * 3);
  for (let number = 0, at = 0; number < count; number++) {
    const { data } = context.getImageData((number % columns) * SIZE, Math.floor(number / columns) * SIZE, SIZE, SIZE);
    for (let i = 0; i < data.length; i += 4) {
      result[at++] = data[i]; result[at++] = data[i + 1]; result[at++] = data[i + 2];
    }
  }
  return { bytes: result, canvas, columns };
}

/** Paint numbers as grey values, the lowest black and the highest white; differences from blue over white to red. */
function paint(canvas, values, low, high, difference = false) {
  const context = canvas.getContext("2d"), image = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, i) => {
    const share = high > low ? (value - low) / (high - low) : 0.5, grey = Math.round(255 * share);
    const [red, green, blue] = difference
      ? share > 0.5 ? [255, 510 - 2 * grey, 510 - 2 * grey] : [2 * grey, 2 * grey, 255]
      : [grey, grey, grey];
    image.data.set([red, green, blue, 255], 4 * i);
  });
  context.putImageData(image, 0, 0);
}

/** Bars of the weights, and the comb that is left of them, on a logarithmic axis. */
function weightsPicture({ histograms: [before, after], reach }, bits) {
  const width = 560, height = 190, most = Math.max(...before, ...after), picture = svg("svg", { viewBox: `0 0 ${width} ${height}` });
  const tall = (count) => (count ? (Math.log1p(count) / Math.log1p(most)) * (height - 40) : 0), bar = width / before.length;
  before.forEach((count, i) => picture.append(svg("rect", { x: i * bar, y: height - 24 - tall(count), width: bar, height: tall(count), class: "bell" })));
  after.forEach((count, i) => {
    if (count) picture.append(svg("rect", { x: (i + 0.25) * bar, y: height - 24 - tall(count), width: bar / 2, height: tall(count), class: "comb" }));
  });
  for (const [x, value, name] of [[0, -reach, "left"], [width / 2, 0, ""], [width, reach, "right"]]) {
    picture.append(svg("text", { x, y: height - 6, class: `small ${name}` }, value.toPrecision(2)));
  }
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `The weights of the layer, and what is left of them with ${bits} bits`);
  return picture;
}

/** The state in the address, where it makes sense. */
function fromAddress(state, layers) {
  const query = new URLSearchParams(location.search);
  for (const [key, [low, high]] of Object.entries(CHOICES)) {
    const asked = Number(query.get(key));
    if (Number.isInteger(asked) && asked >= low && asked <= high) state[key] = asked;
  }
  const picture = Number(query.get("picture"));
  if (Number.isInteger(picture) && picture >= 0 && picture < SHOWN) state.picture = picture;
  if (query.get("scales") === "layer") state.perChannel = false;
  const layer = layers.findIndex(({ name }) => name === query.get("layer"));
  if (layer >= 0) state.layer = layer;
}

/**
 * Bring the front page to life.
 *
 * @param {Element} host
 * @param {{file: ArrayBuffer, sheet: HTMLImageElement, labels: number[], ranges: Array, names: string[]}} data names are
 *     those of the layers with activations of height × width × channels
 * @param {string} script of the worker
 */
export async function front(host, { file, sheet, labels, ranges, names }, script) {
  const worker = start(script);
  const { bytes, canvas, columns } = await bytesOf(sheet, labels.length);
  const state = { picture: 0, weightBits: 8, activationBits: 8, perChannel: true, layer: 0 };
  const first = { ...state }, layers = names.map((name) => ({ name }));
  let ticket = 0, waiting;

  const chosen = html("canvas", { width: SIZE, height: SIZE, class: "chosen", role: "img" });
  const answer = html("p", { class: "answer", role: "status" }), bars = html("div", { class: "bars" });
  const score = html("p", { class: "score", role: "status" }), scoreBar = html("div", { class: "score-bar" }, html("span"), html("i"));
  const histogram = html("div"), comb = html("p", { class: "comb-words" }), rows = html("div", { class: "maps" });
  const outputs = {};

  const slider = (key, label) => {
    const [low, high] = CHOICES[key], output = (outputs[key] = html("output"));
    const field = html("input", { type: "range", min: low, max: high, step: 1, value: state[key], id: key,
      input: () => change({ [key]: Number(field.value) }) });
    return html("label", {}, `${label} `, field, output);
  };
  fromAddress(state, layers);
  const thumbnails = Array.from({ length: SHOWN }, (_, number) => {
    const small = html("canvas", { width: SIZE, height: SIZE });
    small.getContext("2d").drawImage(canvas, (number % columns) * SIZE, Math.floor(number / columns) * SIZE, SIZE, SIZE, 0, 0, SIZE, SIZE);
    return html("button", { type: "button", "aria-label": `picture ${number + 1}, a ${CLASSES[labels[number]]}`,
      click: () => change({ picture: number }) }, small);
  });
  const radio = (value, label) => html("label", {}, html("input", { type: "radio", name: "scales", checked: state.perChannel === value,
    change: () => change({ perChannel: value }) }), label);
  const select = html("select", { change: () => change({ layer: Number(select.value) }) },
    ...layers.map(({ name }, i) => html("option", { value: i, selected: i === state.layer }, name)));
  host.replaceChildren(html("section", { class: "live front" },
    html("div", { class: "thumbnails", role: "group", "aria-label": "Choose a picture" }, ...thumbnails),
    html("div", { class: "live-controls" }, slider("weightBits", "bits of a weight"), slider("activationBits", "bits of an activation"),
      html("fieldset", {}, html("legend", {}, "a scale for each"), radio(true, "channel"), radio(false, "layer"))),
    html("div", { class: "columns" }, html("div", {}, html("h3", {}, "The answer"), chosen, answer, bars),
      html("div", {}, html("h3", {}, "Accuracy"), score, scoreBar)),
    html("h3", {}, html("label", {}, "The weights and the feature maps of layer ", select)),
    html("div", { class: "columns" }, html("div", {}, histogram, comb), rows)));

  worker.addEventListener("message", ({ data }) => {
    if (data.kind === "show") shown(data);
    if (data.kind === "score" && data.ticket === ticket) scored(data);
    if (data.kind === "open") {
      data.layers.forEach((layer, i) => Object.assign(layers[i], layer));
      change({});
    }
  });
  worker.postMessage({ kind: "open", file, pictures: bytes, labels, ranges });

  function change(changes) {
    Object.assign(state, changes);
    const settings = { weightBits: state.weightBits, activationBits: state.activationBits, perChannel: state.perChannel };
    thumbnails.forEach((button, number) => button.setAttribute("aria-pressed", number === state.picture));
    for (const [key, output] of Object.entries(outputs)) output.textContent = state[key];
    worker.postMessage({ kind: "show", picture: state.picture, settings, layer: layers[state.layer].tensor });
    const scoring = !changes.picture && changes.picture !== 0 && changes.layer === undefined;
    if (scoring) {
      ticket += 1;
      score.textContent = "counting …";
      clearTimeout(waiting);
      const asked = ticket; // while a slider moves, nothing is counted
      waiting = setTimeout(() => worker.postMessage({ kind: "score", settings, ticket: asked }), 250);
    }
    const query = new URLSearchParams();
    for (const key of ["picture", "weightBits", "activationBits"]) if (state[key] !== first[key]) query.set(key, state[key]);
    if (!state.perChannel) query.set("scales", "layer");
    if (state.layer !== first.layer) query.set("layer", layers[state.layer].name);
    history.replaceState(null, "", location.pathname + (query.size ? `?${query}` : "") + location.hash);
  }

  function shown(found) {
    const number = state.picture, [before, after] = found.probabilities, truth = CLASSES[labels[number]];
    chosen.getContext("2d").drawImage(canvas, (number % columns) * SIZE, Math.floor(number / columns) * SIZE, SIZE, SIZE, 0, 0, SIZE, SIZE);
    chosen.setAttribute("aria-label", `a drawn ${truth}`);
    const bits = `${state.weightBits}-bit weights and ${state.activationBits}-bit activations`;
    answer.textContent = `It is a ${truth}. float32 says ${said(before)}; with ${bits} the network says ${said(after)}.`;
    bars.replaceChildren(...barsOf([["float32", before], [`${state.weightBits} and ${state.activationBits} bits`, after]]));
    histogram.replaceChildren(weightsPicture(found, state.weightBits));
    comb.textContent = `${found.count.toLocaleString("en")} weights: ${found.levels[0].toLocaleString("en")} different values in float32, `
      + `${found.levels[1].toLocaleString("en")} with ${state.weightBits} bits.`;
    drawMaps(found);
  }

  function drawMaps({ maps: [before, after], height, width }) {
    const size = height * width, count = before.length / size;
    const range = (values) => values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
    const [low, high] = range(before), difference = after.map((value, i) => value - before[i]);
    const far = Math.max(...range(difference).map(Math.abs)) || 1;
    const row = (name, values, from, to, signed) => html("div", { class: "map-row" }, html("span", {}, name),
      ...Array.from({ length: count }, (_, c) => {
        const one = html("canvas", { width, height });
        paint(one, values.subarray(c * size, (c + 1) * size), from, to, signed);
        return one;
      }));
    rows.replaceChildren(row("float32", before, low, high), row("fewer bits", after, low, high),
      row(`difference, up to ${far.toPrecision(2)}`, difference, -far, far, true));
  }

  function scored({ right, done }) {
    const [low, high] = wilson(right, done), all = labels.length;
    score.textContent = `${right} of ${done} pictures are right: ${percent(right / done)} (${percent(low)} to ${percent(high)})`
      + (done < all ? `, ${all - done} to go` : "");
    score.dataset.done = done === all;
    const [bar, interval] = scoreBar.children;
    bar.style.width = percent(right / done);
    Object.assign(interval.style, { left: percent(low), width: percent(high - low) });
  }
}
