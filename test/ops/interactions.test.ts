import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkInteraction,
  interactionBatch,
  interactionCases,
  interactionGraphOf,
} from '../helpers/interaction-cases.ts';
import { availableIsas, withEngine } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('interactions');
const seed = testSeed(50);
/** The interactions' kernels are these two. */
const ISAS = availableIsas().filter((isa) => isa === 'reference' || isa === 'avx512');

for (const [F, D, rows] of [
  [5, 6, 3],
  [6, 16, 18],
  [3, 20, 67],
  [17, 8, 2],
] as const) {
  for (const one of interactionCases(F, D)) {
    test(`${one.name}, F=${F} D=${D} B=${rows}: values and gradients are those of the float64 definition`, async () => {
      for (const isa of ISAS) await checkInteraction(one, rows, seed, { isa });
    });
  }
}

test('the same bits on one thread and on three', async () => {
  for (const one of interactionCases(9, 16)) {
    const { graph } = interactionGraphOf(one);
    const { batch, dout } = interactionBatch(one, graph, 150, new SeededRandom(seed));
    const runs = await Promise.all(
      [1, 3].map((threads) =>
        withEngine(graph, { threads, batchSize: 150 }, (engine) => engine.trace(batch, dout)),
      ),
    );
    assert.equal(runs[0], runs[1], one.name);
  }
});

test.run();
