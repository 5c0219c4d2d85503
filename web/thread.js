/** What a worker and its page say to each other: messages {kind, ...}, answered by messages of the same kind. */

/**
 * Answer messages; called in the worker.
 *
 * @param {Object<string, function(object): object|null>} handlers one for each kind; an answer of null is not sent
 */
export function listen(handlers) {
  addEventListener("message", async ({ data }) => {
    try {
      const answer = await handlers[data.kind](data);
      if (answer) postMessage({ kind: data.kind, ...answer });
    } catch (problem) {
      postMessage({ kind: "problem", message: problem.message });
    }
  });
}

/** Start a worker from the text of its script. */
export const start = (source) => new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
