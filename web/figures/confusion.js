/** How often each of two classes is taken for the other, with a threshold that can be moved. */

import { counted, fixed, grouped, join, short, svg } from "./figure.js";

const CELL = 150, LEFT = 110, TOP = 14;

/** The counts [true class][answer] with one of the thresholds. */
export function countsAt({ stops, called, totals }, threshold) {
  const number = stops.findIndex((stop) => Math.abs(stop - threshold) < 1e-6);
  if (number < 0) throw new RangeError(`Expected one of the thresholds ${stops[0]} to ${stops[stops.length - 1]}; found ${threshold}.`);
  return totals.map((total, label) => [total - called[number][label], called[number][label]]);
}

export const confusion = {
  defaults: ({ threshold }) => ({ threshold }),

  controls: ({ stops, classes }) => [
    { name: "threshold", label: `called a ${classes[1]} above`, kind: "slider", low: stops[0], high: stops[stops.length - 1], step: 0.05 },
  ],

  draw(spec, { threshold }) {
    const { name, classes, totals } = spec, counts = countsAt(spec, threshold), all = totals[0] + totals[1];
    const picture = svg("svg", { viewBox: `0 0 ${LEFT + 2 * CELL + 20} ${TOP + 2 * CELL + 70}`, class: "compact" });
    counts.forEach((row, label) => row.forEach((count, answer) => {
      const share = count / Math.max(totals[label], 1), x = LEFT + answer * CELL, y = TOP + label * CELL;
      picture.append(svg("rect", { x, y, width: CELL, height: CELL, class: "tile", "fill-opacity": 0.05 + 0.95 * share }));
      for (const [text, down] of [[grouped(count), -8], [`${fixed(100 * share, 1)}%`, 18]]) {
        picture.append(svg("text", { x: x + CELL / 2, y: y + CELL / 2 + down, class: share > 0.5 ? "on-dark" : "" }, text));
      }
    }));
    classes.forEach((label, i) => picture.append(svg("text", { x: LEFT - 10, y: TOP + (i + 0.5) * CELL + 5, class: "right" }, label),
      svg("text", { x: LEFT + (i + 0.5) * CELL, y: TOP + 2 * CELL + 26 }, label)));
    picture.append(svg("text", { x: LEFT + CELL, y: TOP + 2 * CELL + 54, class: "small" }, "predicted"));
    picture.append(svg("text", { x: 22, y: TOP + CELL, class: "small", transform: `rotate(-90 22 ${TOP + CELL})` }, "true"));
    const wrong = classes.map((label, i) => totals[i]
      ? `${fixed((100 * counts[i][1 - i]) / totals[i], 1)}% of the ${label}s are taken for the other class` : `there are no ${label}s`);
    return {
      title: `${name}: ${fixed((100 * (counts[0][0] + counts[1][1])) / all, 1)}% right`,
      sentence: `Confusion matrix of the ${name} model, ${counted(all, "picture")}, called a ${classes[1]} above ${short(threshold)}: ${join(wrong)}.`,
      picture,
    };
  },
};
