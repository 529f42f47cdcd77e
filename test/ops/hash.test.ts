import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EmbeddingAttributes } from '../../src/graph/graph-spec.ts';
import { addresses, chiSquareDeviation } from '../helpers/addresses.ts';
import { mix64 } from '../helpers/mix64.ts';
import { availableIsas, embeddingAttributes, embeddingGraph, withEngine } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('hash');
const seed = testSeed(20);
const TABLES = [40_000_000, 39_060, 3, 590_152, 36_000_000];

/** The float that component i of (table, id) lies at, by the documented formulas. */
function addressByFormula(a: EmbeddingAttributes, table: number, id: number, i: number): number {
  const chunk = a.kind === 'hash' ? 0 : Math.floor(i / a.chunkSize);
  const unit = a.kind === 'hash' || a.aligned ? a.chunkSize : 1;
  const range = BigInt(unit === 1 ? a.memorySize - a.chunkSize + 1 : Math.floor(a.memorySize / unit));
  const start =
    a.hash === 'apd10'
      ? apd10(a, table, id, chunk) % range
      : (mix64(a.hashSeed, table, id, chunk) * range) >> 64n;
  return Number(start) * unit + (i - chunk * a.chunkSize);
}

function apd10(a: EmbeddingAttributes, table: number, id: number, chunk: number): bigint {
  const offset = a.tableSizes.slice(0, table).reduce((sum, size) => sum + size, 0);
  return (BigInt(id + offset) * 871205356n + BigInt(chunk) * 1825252241n + 634329019n) % 2038074743n;
}

const SHAPES: readonly Partial<EmbeddingAttributes>[] = [
  { kind: 'robe', dim: 128, chunkSize: 32, memorySize: 2_604_800 },
  { kind: 'robe', dim: 20, chunkSize: 8, memorySize: 16_000_000 },
  { kind: 'robe', dim: 16, chunkSize: 16, memorySize: 16 },
  { kind: 'robe', dim: 20, chunkSize: 8, memorySize: 8000, aligned: true },
  { kind: 'robe', dim: 16, chunkSize: 32, memorySize: 999 },
  { kind: 'hash', dim: 20, memorySize: 20_000 },
  { kind: 'hashednet', dim: 19, memorySize: 500_000 },
  { kind: 'hashednet', dim: 3, memorySize: 2 },
];

for (const hash of ['apd10', 'mix64'] as const) {
  for (const isa of availableIsas()) {
    test(`${hash} reads the floats that its formula names (${isa})`, async () => {
      const random = new SeededRandom(seed);
      for (const shape of SHAPES) {
        const attributes = embeddingAttributes({ ...shape, hash, hashSeed: 123, tableSizes: TABLES });
        const ids = Uint32Array.from({ length: 9 * TABLES.length }, (_, k) =>
          random.below(TABLES[k % TABLES.length] as number),
        );
        const found = await addresses(attributes, TABLES.length, ids, isa);
        found.forEach((address, k) => {
          const lookup = Math.floor(k / attributes.dim);
          const expected = addressByFormula(
            attributes,
            lookup % TABLES.length,
            ids[lookup] as number,
            k % attributes.dim,
          );
          assert.is(address, expected, JSON.stringify({ shape, k }));
        });
      }
    });
  }
}

test('mix64 takes any 32-bit id without table sizes', async () => {
  const ids = Uint32Array.of(0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff);
  const attributes = embeddingAttributes({ dim: 32, chunkSize: 16, memorySize: 100_000 });
  const found = await addresses(attributes, 1, ids, 'auto');
  found.forEach((address, k) => {
    assert.is(address, addressByFormula(attributes, 0, ids[Math.floor(k / 32)] as number, k % 32));
  });
});

const PATTERNS: Record<string, (row: number) => number> = {
  sequential: (row) => row,
  'even ids': (row) => 2 * row,
  'a stride of 2^19': (row) => (row * 2 ** 19 + Math.floor(row / 2 ** 13)) >>> 0,
  'ids at the top of the range': (row) => 0xffffffff - row,
};
for (const [pattern, idOf] of Object.entries(PATTERNS)) {
  test(`mix64 spreads ${pattern} evenly over tables, chunks and M (chi-square)`, async () => {
    const [numTables, dim, rows, cells] = [6, 8, 16_384, 997];
    const attributes = embeddingAttributes({ kind: 'hashednet', dim, memorySize: cells });
    const ids = Uint32Array.from({ length: rows * numTables }, (_, k) => idOf(Math.floor(k / numTables)));
    const found = await addresses(attributes, numTables, ids, 'auto');
    const width = numTables * dim;
    const columns = [...Array(width).keys()].map((column) => found.filter((_, k) => k % width === column));
    const pairs = found.map(
      (address, k) => (address + 31 * (found[(k + 1) % found.length] as number)) % cells,
    );
    // Each column alone (a fixed table and chunk), all together, and neighbouring components combined.
    for (const sample of [...columns, found, pairs]) {
      assert.ok(Math.abs(chiSquareDeviation(sample, cells)) < 5, `${chiSquareDeviation(sample, cells)}`);
    }
  });
}

test('an id beyond its table names row, table, id and size', async () => {
  const attributes = embeddingAttributes({ hash: 'apd10', tableSizes: [10, 5], memorySize: 1000 });
  try {
    await addresses(attributes, 2, Uint32Array.of(9, 4, 0, 5), 'auto');
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code?: string }).code, 'ERR_ID_RANGE');
    assert.match((error as Error).message, /Row 1 .* id 5 for table 1, which has 5 rows/);
  }
});

const REFUSED: readonly [string, Partial<EmbeddingAttributes>, RegExp][] = [
  ['a memory shorter than a chunk', { memorySize: 15, chunkSize: 16 }, /15 floats is shorter than one chunk/],
  ['apd10 without table sizes', { hash: 'apd10' }, /apd10 needs table sizes/],
  ['more rows than 32 bits number', { hash: 'apd10', tableSizes: [2 ** 32, 1] }, /at most 2\^32/],
  ['more places than 32 bits number', { memorySize: 2 ** 33 }, /at most 2\^32 - 1/],
];
for (const [what, shape, message] of REFUSED) {
  test(`${what} is refused`, async () => {
    const graph = embeddingGraph(2, embeddingAttributes(shape));
    try {
      await withEngine(graph, {}, async () => undefined);
      assert.unreachable();
    } catch (error) {
      assert.is((error as { code?: string }).code, 'ERR_GRAPH');
      assert.match((error as Error).message, message);
    }
  });
}

test.run();
