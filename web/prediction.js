/** Predictions in a page: buttons below the question, and "You said (b)." before the explanation.  Nothing is kept. */

import { html } from "./figures/figure.js";

/** Put buttons in the place of the boxes of a page's predictions. */
export function askPredictions(root = document) {
  for (const host of root.querySelectorAll("[data-prediction]")) {
    const buttons = Array.from(host.dataset.choices, (letter) => html("button", { type: "button", "aria-pressed": "false", click: () => {
      for (const button of buttons) button.setAttribute("aria-pressed", String(button.textContent === `(${letter})`));
      for (const said of root.querySelectorAll(`[data-said="${host.dataset.prediction}"]`)) said.textContent = `You said (${letter}).`;
    } }, `(${letter})`));
    host.replaceChildren(html("div", { class: "prediction", role: "group", "aria-label": "Your prediction" }, ...buttons));
  }
}
