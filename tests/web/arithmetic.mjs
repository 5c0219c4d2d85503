// The arithmetic of quantization on lists of cases; prints what each function returns, as JSON.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, list, model] = process.argv.slice(2), at = (name) => import(pathToFileURL(`${folder}/${name}`));
const [numbers, fixed, float, { wilson }] = await Promise.all(["numbers.js", "fixed_point.js", "float_network.js", "front.js"].map(at));
const { Network } = await at("network.js"), file = readFileSync(model);
const network = new Network(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength));
const picture = Uint8Array.from({ length: 96 * 96 * 3 }, (_, i) => i % 256), codes = network.codes(picture);
const cases = JSON.parse(readFileSync(list)), reals = (values) => Float32Array.from(values);
console.log(JSON.stringify({
  affine: cases.affine.map(([low, high, bits]) => numbers.affineParameters(low, high, bits)),
  symmetric: cases.symmetric.map(([values, bits]) => numbers.symmetricScale(values, bits)),
  weights: cases.weights.map(([values, shape, bits, axis]) =>
    Array.from(float.roundedWeights(reals(values), shape, bits, axis).values)),
  activations: cases.activations.map(([values, range, bits]) =>
    Array.from(float.roundedActivations(reals(values), range, bits))),
  multipliers: cases.multipliers.map(fixed.quantizeMultiplier),
  sums: cases.sums.map(([sum, ratio]) => fixed.requantize(sum, ...fixed.quantizeMultiplier(ratio))),
  codes: Array.from(codes.subarray(0, 256)),
  probabilities: network.probabilities(codes),
  wilson: cases.wilson.map(([right, count]) => wilson(right, count)),
}));
