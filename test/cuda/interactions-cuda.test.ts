import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingCuda } from '../helpers/cuda-device.ts';
import {
  checkInteraction,
  interactionBatch,
  interactionCases,
  interactionGraphOf,
} from '../helpers/interaction-cases.ts';
import { traceGraph } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('interactions on CUDA');
const seed = testSeed(51);
const reason = missingCuda();
const hasKernels = ({ name }: { name: string }) => !/cin|attention/.test(name);

for (const [F, D, rows] of [
  [5, 6, 3],
  [6, 16, 18],
  [3, 20, 67],
  [17, 8, 2],
] as const) {
  for (const one of interactionCases(F, D).filter(hasKernels)) {
    const name = `${one.name}, F=${F} D=${D} B=${rows}: values and gradients are those of the float64 definition`;
    testUnless(test, reason, name, () => checkInteraction(one, rows, seed, { device: 'cuda' }));
  }
}

for (const one of interactionCases(6, 8).filter(hasKernels)) {
  testUnless(
    test,
    reason,
    `${one.name}: the same bits twice, over more rows than a block takes`,
    async () => {
      const { graph } = interactionGraphOf(one);
      const { batch, dout } = interactionBatch(one, graph, 150, new SeededRandom(seed));
      const [first, again] = [
        await traceGraph(graph, { device: 'cuda' }, batch, dout),
        await traceGraph(graph, { device: 'cuda' }, batch, dout),
      ];
      assert.equal(first, again);
    },
  );
}

test.run();
