/** Your own pet: a picture that is dropped, pasted, chosen or taken, and what the float32 and the int8 network say about it. */

import { barsOf, best, said } from "./answers.js";
import { dropPlace } from "./drop.js";
import { fixed, html } from "./figures/figure.js";
import { start } from "./thread.js";

const LARGEST = 2048; // pixels of a side; a larger picture is made smaller by the browser first

/** The pixels of a picture on white, turned as the camera says. */
async function pixelsOf(source) {
  const picture = await createImageBitmap(source), shrink = Math.min(1, LARGEST / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(picture.width * shrink)), height = Math.max(1, Math.round(picture.height * shrink));
  const context = html("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, width, height);
  return { pixels: context.getImageData(0, 0, width, height).data, width, height };
}

/** What both networks say, as a sentence. */
export function sentenceOf({ float32, int8 }) {
  const same = best(float32.values) === best(int8.values);
  const times = `The float32 network took ${fixed(float32.milliseconds, 0)} ms in this browser, the int8 network ${fixed(int8.milliseconds, 0)} ms`;
  return `float32 says ${said(float32.values)}; int8 says ${said(int8.values)}. ${same ? "They agree." : "They differ."} ${times}.`;
}

/**
 * Bring the page to life.
 *
 * @param {Element} host
 * @param {{float32: ArrayBuffer, int8: ArrayBuffer}} files
 * @param {string} script of the worker
 */
export function pet(host, files, script) {
  const worker = start(script);
  const seen = html("canvas", { width: 96, height: 96, class: "chosen", role: "img", hidden: true });
  const answer = html("p", { class: "answer", role: "status" }), bars = html("div", { class: "bars" });
  const film = html("video", { playsinline: true, muted: true }), camera = html("div", { class: "live-controls" });
  const place = dropPlace({ accept: "image/*", words: "Choose a picture of a cat or a dog" }, (file) => ask(file));
  const button = (text, click) => html("button", { type: "button", click }, text);
  host.replaceChildren(html("section", { class: "live front" }, ...place, camera, seen, answer, bars));
  let stream = null;

  async function ask(source) {
    answer.textContent = "Looking at it …";
    try {
      const picture = await pixelsOf(source);
      worker.postMessage({ kind: "answer", ...picture }, [picture.pixels.buffer]);
    } catch {
      answer.textContent = `Expected a picture such as a JPEG or a PNG; ${source.name ?? "this"} is none that this browser can read.`;
    }
  }

  function shown({ bytes, size, float32, int8 }) {
    const image = new ImageData(size, size);
    for (let i = 0; i < size * size; i++) image.data.set([...bytes.subarray(3 * i, 3 * i + 3), 255], 4 * i);
    [seen.width, seen.height, seen.hidden] = [size, size, false];
    seen.getContext("2d").putImageData(image, 0, 0);
    seen.setAttribute("aria-label", `your picture as the network sees it, ${size} by ${size} pixels`);
    answer.textContent = sentenceOf({ float32, int8 });
    bars.replaceChildren(...barsOf([["float32", float32.values], ["int8", int8.values]]));
  }

  function closed() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = film.srcObject = null;
    camera.replaceChildren(button("Use the camera", open), html("span", {}, "Your browser asks you first."));
  }

  async function open() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      camera.append(html("span", { role: "alert" }, "There is no camera, or this page may not use it; choose a picture instead."));
      return;
    }
    film.srcObject = stream;
    await film.play();
    const take = button("Take the picture", async () => {
      await ask(film);
      closed();
    });
    camera.replaceChildren(film, take, button("Stop the camera", closed));
    take.focus();
  }

  worker.addEventListener("message", ({ data }) => {
    if (data.kind === "answer") shown(data);
    if (data.kind === "problem") answer.textContent = `The network could not answer: ${data.message}`;
  });
  addEventListener("pagehide", closed);
  closed();
  worker.postMessage({ kind: "open", ...files });
}
