/** Puts live figures into a page, in the place of their still pictures: every element with `data-live`, a figure as JSON. */

import { clip } from "./figures/clip.js";
import { comb } from "./figures/comb.js";
import { confusion } from "./figures/confusion.js";
import { convolution } from "./figures/convolution.js";
import { mount } from "./figures/figure.js";
import { numberBits } from "./figures/number_bits.js";
import { numberLine } from "./figures/number_line.js";
import { askPredictions } from "./prediction.js";
import { zeroPoint } from "./figures/zero_point.js";

export const FIGURES = { clip, comb, confusion, convolution, number_bits: numberBits, number_line: numberLine, zero_point: zeroPoint };

/** Make all figures and predictions of a page live. */
export function bringToLife(root = document) {
  askPredictions(root);
  const seen = {};
  for (const host of root.querySelectorAll("[data-live]")) {
    const spec = JSON.parse(host.dataset.live), figure = FIGURES[spec.figure];
    if (!figure) continue;
    seen[spec.figure] = (seen[spec.figure] ?? 0) + 1;
    const number = seen[spec.figure];
    mount(host, figure, { ...spec, id: number > 1 ? `${spec.figure}${number}` : spec.figure });
  }
}
