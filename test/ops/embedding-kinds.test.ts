import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NativeBatch, NativeEngine } from '../../src/addon/addon-types.ts';
import {
  KINDS,
  type PlannedKind,
  planKind,
  readWeights,
  TABLE_SIZES,
  takesRawIds,
} from '../helpers/embedding-kinds.ts';
import { embeddingReference, type Weights } from '../helpers/embedding-reference.ts';
import { largestDifference, sameBits } from '../helpers/float-error.ts';
import { availableIsas, given, NUM_DENSE, withEngine } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('embedding kinds');
const seed = testSeed(60);
const T = TABLE_SIZES.length;

function batchOf(sparse: Uint32Array): NativeBatch {
  const rows = sparse.length / T;
  return { labels: new Uint8Array(rows), dense: new Float32Array(rows * NUM_DENSE), sparse };
}

function randomIds(random: SeededRandom, rows: number, ids: 'raw' | 'vocab'): Uint32Array {
  return ids === 'vocab'
    ? random.ids(rows, TABLE_SIZES)
    : Uint32Array.from({ length: rows * T }, () => random.uint32());
}

function referenceSlots({ config, ids }: PlannedKind, weights: Weights, sparse: Uint32Array): number[] {
  const model = {
    embedding: config.embedding,
    seed: config.seed,
    numbered: ids === 'vocab',
    sizes: TABLE_SIZES,
  };
  return [...sparse].flatMap((id, n) => embeddingReference(model, weights, n % T, id));
}

const slotsOf = async (engine: NativeEngine, batch: NativeBatch, width: number) =>
  given((await engine.trace(batch, new Float32Array(batch.labels.length * width))).values['embedding']);

for (const kind of KINDS) {
  for (const ids of takesRawIds(kind) ? (['vocab', 'raw'] as const) : (['vocab'] as const)) {
    test(`values and gradients match the float64 definition and its differences: ${kind}, ${ids} ids`, async () => {
      const planned = planKind(kind, { ids });
      const random = new SeededRandom(seed);
      const sparse = randomIds(random, 9, ids);
      const dslots = random.floats(sparse.length * 8);
      for (const isa of availableIsas()) {
        await withEngine(planned.graph, { batchSize: 9, isa }, async (engine) => {
          const weights = await readWeights(engine);
          const trace = await engine.trace(batchOf(sparse), dslots);
          const expected = referenceSlots(planned, weights, sparse);
          // Sums of at most a few hundred products of values around 1.
          const largest = Math.max(...expected.map(Math.abs));
          const error = largestDifference(given(trace.values['embedding']), expected);
          assert.ok(error <= 32 * 2 ** -24 * Math.max(1, largest), `${isa} values: ${error}`);
          checkGradients(trace.parameterGradients, weights, (changed) =>
            referenceSlots(planned, changed, sparse).reduce(
              (sum, value, i) => sum + value * (dslots[i] as number),
              0,
            ),
          );
        });
      }
    });
  }
}

/** Components of one table's or matrix's parameters whose derivative is compared: all of a small one, every few of a large one. */
const MOST_DIFFERENCES = 16;

/** Every kind is linear in each parameter alone, so a central difference of the float64 reference is its derivative. */
function checkGradients(
  gradients: Readonly<Record<string, Float32Array>>,
  weights: Weights,
  output: (weights: Weights) => number,
): void {
  for (const [name, { shape, values }] of weights) {
    const found = given(gradients[name]);
    assert.is(found.length, values.length, name);
    const stride = Math.ceil(values.length / MOST_DIFFERENCES);
    const largest = found.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    for (let i = 0; i < values.length; i += stride) {
      const at = (value: number) => {
        const changed = values.slice();
        changed[i] = value;
        return output(new Map(weights).set(name, { shape, values: changed }));
      };
      const value = values[i] as number;
      const difference = (at(value + 1) - at(value - 1)) / 2;
      const error = Math.abs(difference - (found[i] as number));
      assert.ok(error <= 64 * 2 ** -24 * largest, `${name}[${i}]: ${found[i]}, not ${difference}`);
    }
  }
}

const kindAndIds = fc.record({
  kind: fc.constantFrom(...KINDS),
  raw: fc.boolean(),
  ids: fc.array(fc.nat({ max: 2 ** 32 - 1 }), { minLength: T, maxLength: 6 * T }),
});

test('for any kind and ids: the same bits every time, and exactly the declared bytes', async () => {
  await fc.assert(
    fc.asyncProperty(kindAndIds, async ({ kind, raw, ids }) => {
      const planned = planKind(kind, { ids: raw && takesRawIds(kind) ? 'raw' : 'vocab' });
      const batch = batchOf(idsFor(planned, ids));
      const options = { batchSize: batch.labels.length };
      const run = () =>
        withEngine(planned.graph, options, async (engine) => {
          assert.is(engine.describe().parameterBytes, planned.plan.floats * 4);
          return slotsOf(engine, batch, T * 8);
        });
      const slots = await run();
      assert.ok(slots.every(Number.isFinite));
      assert.ok(sameBits(slots, await run()));
      const { memorySize } = planned.config.embedding;
      if (memorySize !== undefined) assert.ok(planned.plan.floats <= memorySize);
    }),
    { numRuns: 60, seed },
  );
});

test('for any kind and ids: lookups are linear in M, or in each factor of a product', async () => {
  await fc.assert(
    fc.asyncProperty(kindAndIds, fc.nat(), async ({ kind, raw, ids }, pick) => {
      const planned = planKind(kind, { ids: raw && takesRawIds(kind) ? 'raw' : 'vocab' });
      const batch = batchOf(idsFor(planned, ids));
      await withEngine(planned.graph, { batchSize: batch.labels.length }, async (engine) => {
        const names = engine.parameters().map(({ name }) => name);
        // Products are linear in one of their factors at a time; the others in all of M.
        const isProduct = /kind: (tt|md)|kind: qr(?!.*(sum|concat))/.test(kind);
        const chosen = isProduct ? [names[pick % names.length] as string] : names;
        const weights = await readWeights(engine);
        const random = new SeededRandom(pick);
        const at = async (change: (name: string, length: number) => Float32Array) => {
          for (const name of chosen) {
            await engine.write(name, 0, change(name, given(weights.get(name)).values.length));
          }
          return slotsOf(engine, batch, T * 8);
        };
        const [a, b] = [new Map<string, Float32Array>(), new Map<string, Float32Array>()];
        for (const name of chosen) {
          const { length } = given(weights.get(name)).values;
          a.set(name, random.floats(length));
          b.set(name, random.floats(length));
        }
        const zero = await at((_, length) => new Float32Array(length));
        const ofA = await at((name) => given(a.get(name)));
        const ofB = await at((name) => given(b.get(name)));
        const ofSum = await at((name) =>
          given(a.get(name)).map((value, i) => value + 0.5 * (given(b.get(name))[i] as number)),
        );
        const expected = ofSum.map(
          (_, i) => (ofA[i] as number) + 0.5 * (ofB[i] as number) - 0.5 * (zero[i] as number),
        );
        const largest = ofSum.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
        assert.ok(largestDifference(ofSum, expected) <= 64 * 2 ** -24 * largest);
      });
    }),
    { numRuns: 40, seed },
  );
});

/** Any numbers as ids: themselves for raw ids, within their table otherwise. */
function idsFor({ ids }: PlannedKind, numbers: readonly number[]): Uint32Array {
  const length = numbers.length - (numbers.length % T);
  return Uint32Array.from({ length }, (_, n) => {
    const number = numbers[n] as number;
    return ids === 'raw' ? number : number % (TABLE_SIZES[n % T] as number);
  });
}

for (const kind of KINDS) {
  for (const ids of takesRawIds(kind) ? (['vocab', 'raw'] as const) : (['vocab'] as const)) {
    test(`the ends of the id range are looked up, and all of M is used: ${kind}, ${ids} ids`, async () => {
      const planned = planKind(kind, { ids });
      const rows = 512;
      const sparse = Uint32Array.from({ length: rows * T }, (_, n) => {
        const [row, size] = [Math.floor(n / T), TABLE_SIZES[n % T] as number];
        if (ids === 'vocab') return row === 0 ? size - 1 : row % size;
        return row === 0 ? 2 ** 32 - 1 : row === 1 ? 0 : Math.imul(row, 0x9e3779b1) >>> 0;
      });
      await withEngine(planned.graph, { batchSize: rows }, async (engine) => {
        const random = new SeededRandom(seed);
        const trace = await engine.trace(batchOf(sparse), random.floats(rows * T * 8));
        const gradients = Object.values(trace.parameterGradients);
        const touched = gradients.reduce((sum, g) => sum + g.filter((value) => value !== 0).length, 0);
        // Few ids of small tables can leave a few of the hashed places empty, as they should; digits leave none.
        const least = /robe|hash|memories|jlt/.test(kind) && ids === 'vocab' ? 0.6 : 0.9;
        assert.ok(touched >= least * planned.plan.floats, `${touched} of ${planned.plan.floats}`);
      });
      if (ids === 'raw') return;
      const beyond = sparse.slice(0, T);
      beyond[2] = 17;
      try {
        await withEngine(planned.graph, { batchSize: 1 }, (engine) =>
          slotsOf(engine, batchOf(beyond), T * 8),
        );
        assert.unreachable();
      } catch (error) {
        assert.is((error as { code?: string }).code, 'ERR_ID_RANGE');
        assert.match((error as Error).message, /id 17 for table 2, which has 17 rows/);
      }
    });
  }
}

test.run();
