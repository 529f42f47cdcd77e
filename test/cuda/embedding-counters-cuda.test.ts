import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Counters, countKernels } from '../helpers/cuda-counters.ts';
import { isEmulated, missingCuda } from '../helpers/cuda-device.ts';
import { embeddingAttributes, embeddingGraph, given, withEngine } from '../helpers/op-graphs.ts';
import { SeededRandom } from '../helpers/seeded-random.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('counters of embeddings on CUDA');
const reason = missingCuda() ?? (isEmulated() ? undefined : 'only the emulated driver counts');

/** DLRM's shapes on Criteo: 26 tables; [D, Z] for Terabyte and Kaggle. */
const TABLES = Array.from({ length: 26 }, () => 100_000);
const SHAPES = [
  [128, 32],
  [16, 16],
] as const;
const ROWS = 64;
const SECTOR = 8; // floats
const IDS = (ROWS * TABLES.length) / SECTOR;

const attributesOf = (dim: number, chunkSize: number, aligned: boolean) =>
  embeddingAttributes({ dim, chunkSize, aligned, memorySize: 320_000, gradient: 'sparse' });
const idsOf = () => new SeededRandom(90).ids(ROWS, TABLES);

/** One step of the smallest model, counted, by kernel. */
function countStep(dim: number, chunkSize: number, aligned: boolean): (kernel: string) => Counters {
  const counters = countKernels(`
    import { embeddingAttributes, NUM_DENSE, smallModel, withEngine } from './test/helpers/op-graphs.ts';
    import { SeededRandom } from './test/helpers/seeded-random.ts';
    const attributes = ${JSON.stringify(attributesOf(dim, chunkSize, aligned))};
    const tables = ${JSON.stringify(TABLES)};
    const batch = {
      labels: new Uint8Array(${ROWS}),
      dense: new SeededRandom(1).floats(${ROWS} * NUM_DENSE),
      sparse: new SeededRandom(90).ids(${ROWS}, tables),
    };
    const options = { device: 'cuda', batchSize: ${ROWS}, guards: false };
    await withEngine(smallModel(tables.length, attributes), options, (engine) =>
      engine.train(batch, ${ROWS}, 1, Float64Array.of(0.1)));
  `);
  return (kernel) => given(counters.get(kernel));
}

/** Sectors that the chunks of the batch lie in, each chunk's counted on its own: what a gather can't do without. */
async function sectorsOfChunks(dim: number, chunkSize: number, aligned: boolean): Promise<number> {
  const attributes = attributesOf(dim, chunkSize, aligned);
  const batch = { labels: new Uint8Array(ROWS), dense: new Float32Array(ROWS * 3), sparse: idsOf() };
  // The lookup of an M whose floats are their own places, which float32 holds exactly.
  const graph = embeddingGraph(TABLES.length, attributes);
  const places = await withEngine(graph, { batchSize: ROWS, isa: 'reference' }, async (engine) => {
    await engine.write(
      'slots.memory',
      0,
      Float32Array.from({ length: attributes.memorySize }, (_, i) => i),
    );
    const { values } = await engine.trace(batch, new Float32Array(ROWS * TABLES.length * dim));
    return given(values['slots']);
  });
  let sectors = 0;
  for (let i = 0; i < places.length; i += chunkSize) {
    const [first, last] = [given(places[i]), given(places[i + chunkSize - 1])];
    sectors += Math.floor(last / SECTOR) - Math.floor(first / SECTOR) + 1;
  }
  return sectors;
}

/** Checks that a kernel moves at most `allowed` times the sectors it must. */
function assertMoves(
  kernel: Counters,
  way: 'globalLoad' | 'globalStore',
  least: number,
  allowed: number,
): void {
  const ratio = kernel[way].sectors / least;
  assert.ok(ratio <= allowed, `${way}: ${ratio} times the least`);
}

for (const [dim, chunkSize] of SHAPES) {
  for (const aligned of [true, false]) {
    const floats = ROWS * TABLES.length * dim;
    const pairs = (27 * 26) / 2;
    const bottom = (ROWS * dim) / SECTOR;
    const name = `D=${dim} Z=${chunkSize} ${aligned ? 'aligned' : 'unaligned'}`;

    testUnless(test, reason, `the step moves hardly more than it must: ${name}`, async () => {
      const counters = countStep(dim, chunkSize, aligned);
      const chunks = await sectorsOfChunks(dim, chunkSize, aligned);
      // A chunk that starts at any of a sector's eight floats lies in (Z + 7)/8 sectors on average.
      const unavoidable = aligned ? 1 : (chunkSize + SECTOR - 1) / chunkSize;
      const ratio = (chunks * SECTOR) / floats;
      assert.ok(Math.abs(ratio - unavoidable) <= 0.02 * unavoidable, `${ratio} ${unavoidable}`);

      const vectors = chunks + bottom + IDS;
      const out = (ROWS * (dim + pairs)) / SECTOR;
      const forward = counters('interaction_forward_few');
      assertMoves(forward, 'globalLoad', vectors, 1.15);
      assertMoves(forward, 'globalStore', out, 1.01);
      const backward = counters('interaction_backward');
      assertMoves(backward, 'globalLoad', vectors + out, 1.05);
      assertMoves(backward, 'globalStore', floats / SECTOR + bottom, 1);
      // Every lane of a quarter-warp reads another bank, or the same word. Putting pairs where they lie in the packed triangle,
      // and mirroring their gradients, does conflict, but that is little beside the products.
      for (const kernel of [forward, backward]) {
        assert.is(kernel.localBytes, 0);
        assert.is(kernel.sharedLoad.bankConflicts, 0);
        const all = kernel.sharedLoad.wavefronts + kernel.sharedStore.wavefronts;
        assert.ok(kernel.sharedStore.bankConflicts <= (dim > 64 ? 0.06 : 0.3) * all);
      }
      // The gradient of the slots is read once, or twice where a chunk lies in two ranges (Z - 1 starts of 256 do); the touched
      // floats of M once; beyond that only records of the sorted list, which are read again from L1
      // and weigh most where chunks are short and a range has one or two.
      const ranges = counters('ranges_sgd');
      const again = aligned ? 1 : 1 + (chunkSize - 1) / 256;
      const least = (again * floats) / SECTOR + ranges.globalStore.sectors + floats / chunkSize / 4;
      assertMoves(ranges, 'globalLoad', least, dim > 64 ? 1.4 : 1.75);
      assert.is(ranges.localBytes, 0);
    });
  }
}

test.run();
