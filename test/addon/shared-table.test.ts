import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAddon } from '../../src/addon/load.ts';
import { parseMethod } from '../../src/theory/methods.ts';
import { type Memory, SharedTable } from '../../src/theory/shared-table.ts';
import { sketchTable } from '../../src/theory/sketch.ts';
import { largestDifference } from '../helpers/float-error.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { sketchEntry } from '../helpers/sketch-matrix.ts';
import { memoryTable, multiply } from '../helpers/tables.ts';

const test = suite('shared table');
const seed = testSeed(60);

const ROWS = 40;
const DIM = 6;

interface Case {
  readonly name: string;
  readonly memorySize: number;
}
const CASES: readonly Case[] = [
  { name: 'hash', memorySize: 10 * DIM },
  { name: 'robe:4', memorySize: 53 },
  { name: 'hashednet', memorySize: 31 },
  { name: 'qr', memorySize: 42 },
  { name: 'sum', memorySize: 78 },
  { name: 'memories:3', memorySize: 48 },
  { name: 'gaussian', memorySize: 10 * DIM },
  { name: 'achlioptas', memorySize: 10 * DIM },
  { name: 'sparse:2', memorySize: 10 * DIM },
];

function sharedTable({ name, memorySize }: Case): SharedTable {
  const method = parseMethod(name, DIM);
  const request = { method, rows: ROWS, dim: DIM, memorySize, seed: 3, threads: 2, blockRows: 16 };
  return new SharedTable(loadAddon(), request);
}

/** A, [n·d, |M|], a column at a time: the table that a single 1 in M makes. */
async function matrixOf(shared: SharedTable): Promise<Float64Array> {
  const a = new Float64Array(ROWS * DIM * shared.memorySize);
  const zeros = await shared.transposed(memoryTable(new Float32Array(ROWS * DIM), DIM).blocks(16));
  for (let column = 0; column < shared.memorySize; column++) {
    let left = column;
    const memory = new Map(
      [...zeros].map(([name, { length }]) => {
        const values = new Float64Array(length);
        if (left >= 0 && left < length) values[left] = 1;
        left -= length;
        return [name, values];
      }),
    );
    await shared.withMemory(memory, async (lookUp) => {
      for (let first = 0; first < ROWS; first += 16) {
        const rows = await lookUp(first, Math.min(16, ROWS - first));
        rows.forEach((value, j) => {
          a[(first * DIM + j) * shared.memorySize + column] = value;
        });
      }
    });
  }
  return a;
}

/** M as one array. */
function joined(memory: Memory): Float64Array {
  return Float64Array.from([...memory.values()].flatMap((values) => [...values]));
}

function transpose(a: Float64Array, rows: number, columns: number): Float64Array {
  return Float64Array.from(a, (_, i) => a[(i % rows) * columns + Math.floor(i / rows)] as number);
}

for (const each of CASES) {
  test(`${each.name}: the sketch is Aᵀ·E, and the nearest M leaves no gradient`, async () => {
    const shared = sharedTable(each);
    assert.is(shared.memorySize, each.memorySize);
    const a = await matrixOf(shared);
    const at = transpose(a, ROWS * DIM, each.memorySize);
    const product = (matrix: Float64Array, v: ArrayLike<number>) =>
      multiply(matrix, v, matrix.length / v.length, v.length, 1);
    const exact = new SeededRandom(seed).floats(ROWS * DIM);
    const sketch = await shared.transposed(memoryTable(exact, DIM).blocks(16));
    // Sums of at most 40 values below 1 in float32.
    assert.ok(largestDifference(joined(sketch), product(at, exact)) < 1e-5);
    const { nearest } = parseMethod(each.name, DIM);
    if (nearest === undefined) return;
    assert.ok(a.every((entry) => entry === 0 || entry === 1));
    const mean = joined(await (nearest === 'means' ? shared.mean(sketch) : shared.nearest(sketch)));
    const rest = product(a, mean).map((value, i) => value - (exact[i] as number));
    // The gradient of the squared distance, which vanishes at the nearest M.
    assert.ok(Math.max(...product(at, rest).map(Math.abs)) < 1e-5);
  });
}

for (const name of ['gaussian', 'achlioptas'] as const) {
  test(`${name}: S is its definition bit for bit, a column an id and the same for each component`, async () => {
    const k = 10;
    const a = await matrixOf(sharedTable({ name, memorySize: k * DIM }));
    for (let i = 0; i < ROWS * DIM; i++) {
      for (let m = 0; m < k * DIM; m++) {
        const entry =
          i % DIM === m % DIM ? sketchEntry(name, 3, k, Math.floor(m / DIM), 0, Math.floor(i / DIM)) : 0;
        assert.is(a[i * k * DIM + m], entry === 0 ? 0 : entry, `${i} ${m}`);
      }
    }
  });
}

test('a table that is a sum of two is found again', async () => {
  const random = new SeededRandom(seed + 1);
  // 40 rows are pairs of a remainder by 8 and a quotient.
  const [remainders, quotients] = [random.floats(8 * DIM), random.floats(5 * DIM)];
  const values = Float32Array.from({ length: ROWS * DIM }, (_, at) => {
    const [i, d] = [Math.floor(at / DIM), at % DIM];
    return (remainders[(i % 8) * DIM + d] as number) + (quotients[Math.floor(i / 8) * DIM + d] as number);
  });
  const report = await sketchTable(loadAddon(), {
    table: memoryTable(values, DIM),
    methods: ['sum'],
    memorySizes: [78],
    seed: 1,
    delta: 0.1,
    threads: 1,
  });
  const [sketch, solved] = report.results.map(({ macro }) => macro.worst);
  // Rounding in float32, against a sketch that counts each value several times.
  assert.ok((solved as number) < 1e-5 && (sketch as number) > 0.1, `${solved} ${sketch}`);
});

test('sparse: a column has one entry of ±1/√s in each of s blocks of rows', async () => {
  const [k, nonZeros] = [10, 2];
  const a = await matrixOf(sharedTable({ name: `sparse:${nonZeros}`, memorySize: k * DIM }));
  const signs = new Set<number>();
  for (let id = 0; id < ROWS; id++) {
    for (let block = 0; block < nonZeros; block++) {
      const entries = Array.from({ length: k / nonZeros }, (_, r) => {
        const row = (block * k) / nonZeros + r;
        return a[id * DIM * k * DIM + row * DIM] as number;
      }).filter((entry) => entry !== 0);
      assert.equal(entries.map(Math.abs), [Math.fround(1 / Math.sqrt(nonZeros))]);
      signs.add(Math.sign(entries[0] as number));
    }
  }
  assert.is(signs.size, 2);
});

test('results are the same for any number of threads', async () => {
  const exact = new SeededRandom(seed).floats(ROWS * DIM);
  const request = {
    table: memoryTable(exact, DIM),
    methods: ['hash', 'robe:4', 'gaussian', 'sparse'],
    memorySizes: [72, 120],
    seed: 3,
    delta: 0.01,
  };
  const one = await sketchTable(loadAddon(), { ...request, threads: 1 });
  assert.equal(await sketchTable(loadAddon(), { ...request, threads: 2 }), one);
  assert.is(one.results.length, 12);
});

test.run();
