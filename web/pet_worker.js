/**
 * The network that knows photographs, in float32 and in int8, in a thread of its own.
 *
 *   open    {float32, int8}           the two .tflite files
 *   answer  {pixels, width, height}   a picture as a canvas gives it; answered with what the network saw and what it says
 */

import { FloatNetwork } from "./float_network.js";
import { Network } from "./network.js";
import { scaled } from "./photo.js";
import { listen } from "./thread.js";

const RUNS = 5; // of which the time in the middle counts

let real, integer;

/** What a function returns, and how many milliseconds it takes: the middle one of several runs. */
function timed(run) {
  const times = Array.from({ length: RUNS }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  });
  return { values: Array.from(run()), milliseconds: times.sort((a, b) => a - b)[RUNS >> 1] };
}

const handlers = {
  open({ float32, int8 }) {
    [real, integer] = [new FloatNetwork(float32), new Network(int8)];
    return {};
  },

  answer({ pixels, width, height }) {
    const [, size] = integer.input.shape, bytes = scaled(pixels, width, height, size);
    const numbers = Float32Array.from(bytes, (byte) => byte / 255), codes = integer.codes(bytes);
    return {
      bytes, size, float32: timed(() => real.run(numbers).get(real.output.index)), int8: timed(() => integer.probabilities(codes)),
    };
  },
};

/** Answer the page; called in the worker. */
export const serve = () => listen(handlers);
