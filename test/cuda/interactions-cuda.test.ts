import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { GraphBuilder, TensorRef } from '../../src/graph/graph-builder.ts';
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
import { traceGraph, withEngine } from '../helpers/op-graphs.ts';
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

for (const one of interactionCases(6, 8).filter(({ name }) => /^(cin|attention)/.test(name))) {
  // TF32 keeps 10 bits of each factor's fraction, so a factor is off by 2⁻¹¹ at most; three layers or a softmax make several times that.
  testUnless(test, reason, `${one.name} in TF32 is near the float64 definition`, () =>
    checkInteraction(one, 9, seed, [{ device: 'cuda', tf32: true }], 2 ** -6),
  );
}

for (const [what, make] of [
  ['attention', (graph: GraphBuilder, x: TensorRef) => build.selfAttention(graph, 'op', x, 1, 4096)],
  ['cin', (graph: GraphBuilder, x: TensorRef) => build.cin(graph, 'op', x, [2])],
] as const) {
  testUnless(
    test,
    reason,
    `${what} too large for a GPU's shared memory is refused in a sentence`,
    async () => {
      const F = what === 'cin' ? 2000 : 34;
      const { graph } = interactionGraphOf({ name: what, F, D: 4, make, definition: define.fm(F, 4) });
      const refused = await withEngine(graph, { device: 'cuda' }, async () => 'nothing').catch(
        (error: Error) => error.message,
      );
      assert.match(refused, /more than a GPU's shared memory holds; use device cpu\.$/);
    },
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
