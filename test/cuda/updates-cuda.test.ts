import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions, NativeBatch, OptimizerSpec } from '../../src/addon/addon-types.ts';
import type { EmbeddingAttributes } from '../../src/graph/graph-spec.ts';
import { missingCuda } from '../helpers/cuda-device.ts';
import { assertNear, sameBits } from '../helpers/float-error.ts';
import {
  embeddingAttributes,
  given,
  lookupModel,
  NUM_DENSE,
  readAll,
  SGD,
  smallModel,
  withEngine,
} from '../helpers/op-graphs.ts';
import { assertStep } from '../helpers/optimizer-definition.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('updates of M on CUDA');
const seed = testSeed(70);
const reason = missingCuda();
const TABLES = [3, 40, 1000, 7];
const KINDS = ['sgd', 'adagrad', 'rowwise-adagrad', 'adam'] as const;
const GRADIENTS = ['dense', 'sparse'] as const;

/** Shapes of M: crowded, sparse over several digits of the sort, one chunk long, one float long, rows, single floats, long chunks. */
const SHAPES: readonly Partial<EmbeddingAttributes>[] = [
  { kind: 'robe', dim: 20, chunkSize: 8, memorySize: 100 },
  { kind: 'robe', dim: 20, chunkSize: 8, memorySize: 150_001 },
  { kind: 'robe', dim: 20, chunkSize: 20, memorySize: 20 },
  { kind: 'robe', dim: 16, chunkSize: 16, memorySize: 3200, aligned: true },
  { kind: 'robe', dim: 150, chunkSize: 70, memorySize: 2000, hash: 'apd10' },
  { kind: 'hashednet', dim: 5, memorySize: 20_011 },
  { kind: 'hashednet', dim: 1, memorySize: 1 },
  { kind: 'hash', dim: 20, memorySize: 8000 },
  { kind: 'full', dim: 20 },
];

/** Results of everything that must be the same bits under every schedule; schedules-cuda.test.ts compares it. */
const digest = createHash('sha256');

function optimizer(kind: OptimizerSpec['kind']): OptimizerSpec {
  return { ...SGD, kind, initialAccumulator: kind.includes('adagrad') ? 0.125 : 0 };
}

/** `hot`: one id in every row of the first table. */
function makeBatch(random: SeededRandom, rows: number, hot = false): NativeBatch {
  const sparse = random.ids(rows, TABLES);
  if (hot) for (let b = 0; b < rows; b++) sparse[b * TABLES.length] = 1;
  return {
    labels: Uint8Array.from({ length: rows }, () => random.below(2)),
    dense: random.floats(rows * NUM_DENSE),
    sparse,
  };
}

/**
 * Three steps of `lookupModel` whose logits are exact, so that every device has the same gradients of the slots to the bit: M is
 * written anew before each step, with whole multiples of `unit`, and the weights are ±1/2 and ±1.
 * @returns M and its optimizer state
 */
async function steps(
  attributes: EmbeddingAttributes,
  options: Partial<EngineOptions>,
  unit: number,
  lastRows: number,
): Promise<Map<string, Float32Array>> {
  const random = new SeededRandom(seed);
  const graph = lookupModel(TABLES.length, attributes);
  return withEngine(graph, { batchSize: 64, guards: false, ...options }, async (engine) => {
    const weights = Float32Array.from({ length: TABLES.length * attributes.dim }, () =>
      given([0.5, 1, -0.5, -1][random.below(4)]),
    );
    for (const [step, rows] of [64, 1, lastRows].entries()) {
      for (const { name, size } of engine.parameters()) {
        const values = Float32Array.from({ length: size }, () => unit * (random.below(33) - 16));
        if (name.startsWith('slots')) await engine.write(name, 0, values);
      }
      await engine.write('end.weight', 0, weights);
      await engine.write('end.bias', 0, Float32Array.of(0));
      const batch = makeBatch(random, rows, step === 2);
      assert.is((await engine.train(batch, rows, step + 1, Float64Array.of(0.25))).appliedSteps, 1);
    }
    return new Map([...(await readAll(engine))].filter(([name]) => name.startsWith('slots')));
  });
}

function assertSameBits(actual: Map<string, Float32Array>, expected: Map<string, Float32Array>): void {
  assert.equal([...actual.keys()], [...expected.keys()]);
  for (const [name, values] of expected) assert.ok(sameBits(given(actual.get(name)), values), name);
}

for (const shape of SHAPES) {
  for (const gradient of GRADIENTS) {
    const attributes = embeddingAttributes({ ...shape, gradient, tableSizes: TABLES });
    const name = `${attributes.kind} D=${attributes.dim} |M|=${attributes.memorySize}, ${gradient} gradient`;

    testUnless(test, reason, `deterministic updates are the CPU's to the bit: ${name}`, async () => {
      for (const kind of KINDS) {
        const options = { optimizer: optimizer(kind) };
        const cuda = await steps(attributes, { ...options, device: 'cuda' }, 1 / 64, 37);
        // The reference adds chunks one by one, in the order that every device must keep.
        assertSameBits(cuda, await steps(attributes, { ...options, isa: 'reference' }, 1 / 64, 37));
        for (const values of cuda.values()) digest.update(values);
      }
    });

    testUnless(
      test,
      reason,
      `atomic updates are too, where sums are exact in any order: ${name}`,
      async () => {
        for (const kind of KINDS) {
          // All logits are zero, so gradients are ±1/(2B) times a weight, with B a power of two.
          const options = { optimizer: optimizer(kind), batchSize: 64 };
          const cuda = await steps(attributes, { ...options, device: 'cuda', deterministic: false }, 0, 32);
          assertSameBits(cuda, await steps(attributes, { ...options, isa: 'reference' }, 0, 32));
        }
      },
    );
  }
}

for (const gradient of GRADIENTS) {
  for (const kind of KINDS) {
    testUnless(test, reason, `${kind} follows its float64 definition, ${gradient} gradient`, async () => {
      for (const shape of SHAPES.slice(0, 4)) {
        const attributes = embeddingAttributes({ ...shape, gradient, tableSizes: TABLES });
        const random = new SeededRandom(seed + 1);
        const options = { device: 'cuda', batchSize: 33, optimizer: optimizer(kind) } as const;
        await withEngine(smallModel(TABLES.length, attributes), options, async (engine) => {
          for (let step = 1; step <= 2; step++) {
            await assertStep(engine, makeBatch(random, 33, step === 2), options.optimizer, step, attributes);
          }
        });
      }
    });
  }
}

for (const deterministic of [true, false]) {
  for (const gradient of GRADIENTS) {
    const form = deterministic ? 'deterministic' : 'atomic';
    const name = `a loss that is not finite leaves M as it was, and nothing behind: ${form}, ${gradient}`;
    testUnless(test, reason, name, async () => {
      const random = new SeededRandom(seed + 2);
      const attributes = embeddingAttributes({ dim: 20, chunkSize: 8, memorySize: 500, gradient });
      const [good, bad] = [makeBatch(random, 16), makeBatch(random, 16)];
      bad.dense[5] = Number.POSITIVE_INFINITY;
      const options = { device: 'cuda', deterministic, batchSize: 16, guards: false } as const;
      const run = (first: readonly NativeBatch[]) =>
        withEngine(smallModel(TABLES.length, attributes), options, async (engine) => {
          for (const batch of first) await engine.train(batch, 16, 1, Float64Array.of(0.25));
          await engine.train(good, 16, 1, Float64Array.of(0.25));
          return readAll(engine);
        });
      const [after, without] = [await run([bad]), await run([])];
      if (deterministic) assertSameBits(after, without);
      else assertNear(after, without, 1e-6);
    });
  }
}

test.after(() => {
  process.stdout.write(`digest ${digest.digest('hex')}\n`);
});

test.run();
