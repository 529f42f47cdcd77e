import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Isa } from '../../src/addon/addon-types.ts';
import { selfAttention } from '../../src/graph/interactions.ts';
import { dot, sameBits } from '../helpers/float-error.ts';
import {
  checkInteraction,
  type InteractionCase,
  interactionBatch,
  interactionCases,
  interactionGraphOf,
} from '../helpers/interaction-cases.ts';
import { attention } from '../helpers/interaction-definitions.ts';
import { availableIsas, given, traceGraph, withEngine } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('interactions');
const seed = testSeed(50);

for (const [F, D, rows] of [
  [5, 6, 3],
  [6, 16, 18],
  [3, 20, 67],
  [17, 8, 2],
] as const) {
  for (const one of interactionCases(F, D)) {
    test(`${one.name}, F=${F} D=${D} B=${rows}: values and gradients are those of the float64 definition`, () =>
      checkInteraction(
        one,
        rows,
        seed,
        availableIsas().map((isa) => ({ isa })),
      ));
  }
}

/** |a − b| / |b|, as lengths of vectors. */
function distance(a: Float32Array, b: Float32Array): number {
  const apart = a.map((value, i) => value - (b[i] as number));
  return Math.sqrt(dot(apart, apart) / dot(b, b));
}

/** Heads of an even size lie in pairs of bf16 without padding. */
const evenHeads: InteractionCase = {
  name: 'attention with even heads',
  F: 7,
  D: 16,
  make: (graph, slots) => selfAttention(graph, 'op', slots, 2, 8),
  definition: attention(7, 16, 2, 8),
};

const rounding = interactionCases(7, 16).filter(({ name }) => /^(cin|attention|bilinear)/.test(name));
for (const one of [...rounding, evenHeads]) {
  test(`${one.name} in bf16 is near float32, and far nearer to the plain version in bf16`, async () => {
    const { graph, input } = interactionGraphOf(one);
    const { batch, dout } = interactionBatch(one, graph, 37, new SeededRandom(seed));
    const output = given(graph.tensors[graph.logits]).name;
    const tensors = async (isa: Isa, precision: 'f32' | 'bf16') => {
      const trace = await traceGraph(graph, { isa, precision }, batch, dout);
      const own = Object.entries(trace.parameterGradients).filter(([name]) => name.startsWith('op'));
      return [given(trace.values[output]), given(trace.gradients[input]), ...own.map(([, values]) => values)];
    };
    const exact = await tensors('reference', 'f32');
    const plain = await tensors('reference', 'bf16');
    assert.not(sameBits(given(plain[0]), given(exact[0])));
    for (const [i, values] of plain.entries()) {
      // Each factor of a product is off by 2⁻⁹ at most; three layers or a softmax make several times that of it, and so does a ReLU
      // whose input crosses zero. Gradients of attention's scores are small differences of rounded products.
      const apart = distance(values, given(exact[i]));
      assert.ok(apart < (one.name.startsWith('attention') ? 0.1 : 2 ** -4), `tensor ${i}: ${apart}`);
    }
    for (const isa of availableIsas()) {
      for (const [i, values] of (await tensors(isa, 'bf16')).entries()) {
        // Sums in another order differ in their last bits, by which hardly a factor rounds to the other side.
        const apart = distance(values, given(plain[i]));
        assert.ok(apart < 2 ** -12, `${isa}, tensor ${i}: ${apart}`);
      }
    }
  });
}

test('the same bits on one thread and on three', async () => {
  for (const one of interactionCases(9, 16)) {
    const { graph } = interactionGraphOf(one);
    const { batch, dout } = interactionBatch(one, graph, 150, new SeededRandom(seed));
    for (const precision of ['f32', 'bf16'] as const) {
      const runs = await Promise.all(
        [1, 3].map((threads) =>
          withEngine(graph, { threads, precision, batchSize: 150 }, (engine) => engine.trace(batch, dout)),
        ),
      );
      assert.equal(runs[0], runs[1], `${one.name} ${precision}`);
    }
  }
});

test.run();
