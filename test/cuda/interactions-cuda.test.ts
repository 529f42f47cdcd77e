import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as build from '../../src/graph/interactions.ts';
import { missingCuda } from '../helpers/cuda-device.ts';
import {
  checkInteraction,
  type InteractionCase,
  interactionBatch,
  interactionCases,
  interactionGraphOf,
} from '../helpers/interaction-cases.ts';
import * as define from '../helpers/interaction-definitions.ts';
import { traceGraph } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('interactions on CUDA');
const seed = testSeed(51);
const reason = missingCuda();

for (const [F, D, rows] of [
  [5, 6, 3],
  [6, 16, 18],
  [3, 20, 35],
  [17, 8, 2],
] as const) {
  for (const one of interactionCases(F, D)) {
    const name = `${one.name}, F=${F} D=${D} B=${rows}: values and gradients are those of the float64 definition`;
    testUnless(test, reason, name, () => checkInteraction(one, rows, seed, [{ device: 'cuda' }]));
  }
}

/** More than one tile or turn of a block in every direction. */
const LARGE: readonly InteractionCase[] = [
  {
    name: 'cin of wide layers',
    F: 9,
    D: 5,
    make: (graph, x) => build.cin(graph, 'op', x, [70, 66]),
    definition: define.cin(9, 5, [70, 66]),
  },
  {
    name: 'attention of 34 slots',
    F: 34,
    D: 12,
    make: (graph, x) => build.selfAttention(graph, 'op', x, 1, 40),
    definition: define.attention(34, 12, 1, 40),
  },
  {
    name: 'bilinear of 36 floats',
    F: 4,
    D: 36,
    make: (graph, x) => build.bilinearInteraction(graph, 'op', [x], 'interaction'),
    definition: define.bilinear(4, 36, 'interaction'),
  },
  {
    name: 'senet of 70 slots',
    F: 70,
    D: 2,
    make: (graph, x) => build.senet(graph, 'op', x, 35),
    definition: define.senet(70, 2, 35),
  },
];
for (const one of LARGE) {
  testUnless(test, reason, `${one.name}: values and gradients are those of the float64 definition`, () =>
    checkInteraction(one, 14, seed, [{ device: 'cuda' }]),
  );
}

for (const one of interactionCases(6, 8)) {
  testUnless(
    test,
    reason,
    `${one.name}: the same bits twice, over more rows than a block takes`,
    async () => {
      const { graph } = interactionGraphOf(one);
      const { batch, dout } = interactionBatch(one, graph, 70, new SeededRandom(seed));
      const [first, again] = [
        await traceGraph(graph, { device: 'cuda' }, batch, dout),
        await traceGraph(graph, { device: 'cuda' }, batch, dout),
      ];
      assert.equal(first, again);
    },
  );
}

test.run();
