import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NativeBatch } from '../../src/addon/addon-types.ts';
import type { EmbeddingAttributes } from '../../src/graph/graph-spec.ts';
import { missingCuda } from '../helpers/cuda-device.ts';
import { sameBits } from '../helpers/float-error.ts';
import { assertInteraction } from '../helpers/interaction-definition.ts';
import {
  embeddingAttributes,
  embeddingGraph,
  given,
  interactionGraph,
  NUM_DENSE,
  traceGraph,
} from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('embedding on CUDA');
const seed = testSeed(60);
const reason = missingCuda();
const TABLES = [1, 5, 1000, 3, 17];
const ROWS = [1, 3, 33, 70];

/** Every kind and hash; chunks that divide D and don't, of one float, longer than D, and longer than a slice of D. */
const SHAPES: readonly Partial<EmbeddingAttributes>[] = [
  { kind: 'robe', dim: 128, chunkSize: 32, memorySize: 5000 },
  { kind: 'robe', dim: 128, chunkSize: 32, memorySize: 3200, aligned: true },
  { kind: 'robe', dim: 16, chunkSize: 16, memorySize: 16 },
  { kind: 'robe', dim: 20, chunkSize: 8, memorySize: 77 },
  { kind: 'robe', dim: 20, chunkSize: 18, memorySize: 70_001, hash: 'apd10' },
  { kind: 'robe', dim: 3, chunkSize: 2, memorySize: 2 },
  { kind: 'robe', dim: 16, chunkSize: 32, memorySize: 33 },
  { kind: 'robe', dim: 20, chunkSize: 12, memorySize: 120, aligned: true },
  { kind: 'robe', dim: 300, chunkSize: 3, memorySize: 5000 },
  { kind: 'robe', dim: 300, chunkSize: 200, memorySize: 5000 },
  { kind: 'hash', dim: 20, memorySize: 400 },
  { kind: 'hash', dim: 260, memorySize: 2600 },
  { kind: 'hashednet', dim: 33, memorySize: 1013 },
  { kind: 'hashednet', dim: 1, memorySize: 1 },
  { kind: 'hashednet', dim: 20, memorySize: 999, hash: 'apd10' },
  { kind: 'full', dim: 16 },
  { kind: 'full', dim: 3 },
];
const describeShape = (a: EmbeddingAttributes): string =>
  `${a.kind} ${a.hash} D=${a.dim} Z=${a.chunkSize} |M|=${a.memorySize}${a.aligned ? ' aligned' : ''}`;

function makeBatch(random: SeededRandom, rows: number, tables: readonly number[]): NativeBatch {
  return {
    labels: new Uint8Array(rows),
    dense: random.floats(rows * NUM_DENSE),
    sparse: random.ids(rows, tables),
  };
}

for (const shape of SHAPES) {
  const attributes = embeddingAttributes({ ...shape, tableSizes: TABLES });
  const name = describeShape(attributes);

  testUnless(test, reason, `a lookup brings the very floats that the reference does: ${name}`, async () => {
    const random = new SeededRandom(seed);
    const graph = embeddingGraph(TABLES.length, attributes);
    for (const rows of ROWS) {
      const batch = makeBatch(random, rows, TABLES);
      const dslots = new Float32Array(rows * TABLES.length * attributes.dim);
      const cuda = await traceGraph(graph, { device: 'cuda' }, batch, dslots);
      const plain = await traceGraph(graph, { isa: 'reference' }, batch, dslots);
      assert.ok(sameBits(given(cuda.values['slots']), given(plain.values['slots'])), `B=${rows}`);
    }
  });

  testUnless(test, reason, `the interaction looks up for itself, forward and backward: ${name}`, async () => {
    const random = new SeededRandom(seed + 1);
    const graph = interactionGraph(TABLES.length, attributes);
    for (const rows of [1, 5]) {
      const batch = makeBatch(random, rows, TABLES);
      const dout = random.floats(rows * (attributes.dim + (TABLES.length * (TABLES.length + 1)) / 2));
      const trace = await traceGraph(graph, { device: 'cuda' }, batch, dout);
      await assertInteraction(trace, attributes, TABLES.length, batch, dout, `B=${rows}`);
    }
  });
}

testUnless(test, reason, 'raw ids, the largest included, are looked up without table sizes', async () => {
  const random = new SeededRandom(seed + 2);
  for (const aligned of [false, true]) {
    const attributes = embeddingAttributes({ dim: 16, chunkSize: 8, memorySize: 4000, aligned });
    const sparse = Uint32Array.from({ length: 12 }, () => random.uint32());
    sparse[0] = 2 ** 32 - 1;
    const batch = { labels: new Uint8Array(6), dense: random.floats(6 * NUM_DENSE), sparse };
    const graph = embeddingGraph(2, attributes);
    const dslots = new Float32Array(6 * 2 * 16);
    const cuda = await traceGraph(graph, { device: 'cuda' }, batch, dslots);
    const plain = await traceGraph(graph, { isa: 'reference' }, batch, dslots);
    assert.ok(sameBits(given(cuda.values['slots']), given(plain.values['slots'])));
  }
});

for (const [numTables, dim] of [
  [1, 1],
  [2, 3],
  [26, 16],
  [26, 128],
  [27, 20],
  [28, 48],
  [63, 128],
  [63, 5],
] as const) {
  testUnless(
    test,
    reason,
    `the interaction is as near the float64 definition as float32 is: F=${numTables} D=${dim}`,
    async () => {
      const random = new SeededRandom(seed + numTables * 1000 + dim);
      const tables = Array(numTables).fill(50) as number[];
      const attributes = embeddingAttributes({ dim, chunkSize: Math.min(dim, 8), memorySize: 40 * dim });
      for (const rows of [1, 3]) {
        const batch = makeBatch(random, rows, tables);
        const dout = random.floats(rows * (dim + (numTables * (numTables + 1)) / 2));
        const trace = await traceGraph(
          interactionGraph(numTables, attributes),
          { device: 'cuda' },
          batch,
          dout,
        );
        await assertInteraction(trace, attributes, numTables, batch, dout, `B=${rows}`);
      }
    },
  );
}

test.run();
