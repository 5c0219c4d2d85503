// Runs the networks of a list of jobs [{model, codes, tensors}], files all of them: reads the codes of pictures, one behind
// the other, and writes every tensor of every picture, as bytes.  Prints for each job the milliseconds of a picture, or why
// the engine refuses it.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [engine, list] = process.argv.slice(2);
const { Network } = await import(pathToFileURL(engine));
const bytes = (path) => {
  const content = readFileSync(path);
  return content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength);
};

function run({ model, codes, tensors }) {
  const network = new Network(bytes(model));
  const type = { float32: Float32Array, uint8: Uint8Array }[network.input.dtype] ?? Int8Array;
  const all = new type(bytes(codes)), size = network.input.shape.reduce((product, side) => product * side, 1);
  const found = [], start = performance.now();
  for (let at = 0; at < all.length; at += size) {
    for (const [index, values] of network.run(all.subarray(at, at + size))) {
      if (index !== network.input.index) found.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    }
  }
  writeFileSync(tensors, Buffer.concat(found));
  return (performance.now() - start) / (all.length / size);
}

const results = JSON.parse(readFileSync(list)).map((job) => {
  try {
    return run(job);
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
});
console.log(JSON.stringify(results));
