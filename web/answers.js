/** What a network says of a picture, in words and as bars. */

import { fixed, html } from "./figures/figure.js";

export const CLASSES = ["cat", "dog"];

/** A share as a percentage. */
export const percent = (share) => `${fixed(100 * share, 1)}%`;

/** The class with the larger probability. */
export const best = ([cat, dog]) => (dog > cat ? 1 : 0);

/** An answer in words: "cat (97.1%)". */
export const said = (probabilities) => `${CLASSES[best(probabilities)]} (${percent(Math.max(...probabilities))})`;

/** A bar for each network: how much of it is cat. */
export const barsOf = (rows) => rows.map(([name, [cat]]) =>
  html("div", { class: "bar" }, html("span", {}, name), html("span", { class: "track" }, html("b", { style: `width:${100 * cat}%` })),
    html("span", {}, `cat ${percent(cat)}`)));
