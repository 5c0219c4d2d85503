/** A place on a page that takes a file: dropped anywhere, chosen by mouse or keyboard, or pasted. */

import { html } from "./figures/figure.js";

/**
 * @param {{accept: string, words: string}} what which files, and what stands on the place
 * @param {function(File): void} given
 * @returns {Element[]} the field and its place, to be put into the page in this order
 */
export function dropPlace({ accept, words }, given) {
  const take = () => {
    if (field.files[0]) given(field.files[0]);
    field.value = ""; // the same file may be chosen again
  };
  const field = html("input", { type: "file", accept, id: "given", class: "away", change: take });
  const place = html("label", { class: "drop", for: "given" }, html("b", {}, words), html("span", {}, "or drop or paste one here"));
  for (const kind of ["dragover", "drop"]) {
    addEventListener(kind, (event) => {
      event.preventDefault(); // else the browser leaves the page for the file
      place.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files[0]) given(event.dataTransfer.files[0]);
    });
  }
  addEventListener("dragleave", () => place.classList.remove("over"));
  addEventListener("paste", (event) => event.clipboardData.files[0] && given(event.clipboardData.files[0]));
  return [field, place];
}
