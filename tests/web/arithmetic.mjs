// The arithmetic of quantization on lists of cases; prints what each function returns, as JSON.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, list] = process.argv.slice(2), at = (name) => import(pathToFileURL(`${folder}/${name}`));
const [numbers, fixed, float, { wilson }] = await Promise.all(["numbers.js", "fixed_point.js", "float_network.js", "front.js"].map(at));
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
  wilson: cases.wilson.map(([right, count]) => wilson(right, count)),
}));
