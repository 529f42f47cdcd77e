import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions, NativeBatch, OptimizerSpec } from '../../src/addon/addon-types.ts';
import type { EmbeddingAttributes } from '../../src/graph/graph-spec.ts';
import { sameBits } from '../helpers/float-error.ts';
import {
  availableIsas,
  embeddingAttributes,
  given,
  lookupModel,
  NUM_DENSE,
  readTensor,
  SGD,
  smallModel,
  withEngine,
} from '../helpers/op-graphs.ts';
import { assertStep } from '../helpers/optimizer-definition.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('optimizer');
const seed = testSeed(50);
const TABLES = [3, 40, 1000, 7];
const KINDS = ['sgd', 'adagrad', 'rowwise-adagrad', 'adam'] as const;
const GRADIENTS = ['dense', 'sparse'] as const;

/** Shapes of M: small and crowded, much larger than a batch touches, whole rows, single floats (few ranges and many). */
const SHAPES: readonly Partial<EmbeddingAttributes>[] = [
  { kind: 'robe', dim: 20, chunkSize: 8, memorySize: 100 },
  { kind: 'robe', dim: 20, chunkSize: 8, memorySize: 150_001 },
  { kind: 'robe', dim: 16, chunkSize: 16, memorySize: 3200, aligned: true },
  { kind: 'hashednet', dim: 5, memorySize: 20_011 },
  { kind: 'hashednet', dim: 5, memorySize: 60_013 },
  { kind: 'hash', dim: 20, memorySize: 8000 },
  { kind: 'full', dim: 20 },
];

function optimizer(kind: OptimizerSpec['kind']): OptimizerSpec {
  return { ...SGD, kind, initialAccumulator: kind.includes('adagrad') ? 0.125 : 0 };
}

function makeBatch(random: SeededRandom, rows: number): NativeBatch {
  return {
    labels: Uint8Array.from({ length: rows }, () => random.below(2)),
    dense: random.floats(rows * NUM_DENSE),
    sparse: random.ids(rows, TABLES),
  };
}

/** All parameters and state after some steps, the last of a smaller batch. */
async function trained(
  attributes: EmbeddingAttributes,
  options: Partial<EngineOptions>,
): Promise<Float32Array> {
  const random = new SeededRandom(seed);
  const batch = makeBatch(random, 3 * 70 + 9);
  const graph = smallModel(TABLES.length, attributes);
  return withEngine(graph, { batchSize: 70, guards: false, ...options }, async (engine) => {
    const rates = Float64Array.of(0.5, 0.25, 0.125, 0.5);
    assert.is((await engine.train(batch, 70, 1, rates)).appliedSteps, 4);
    const all: number[] = [];
    for (const { name } of [...engine.parameters(), ...engine.optimizerState()]) {
      for (const value of await readTensor(engine, name)) all.push(value);
    }
    return Float32Array.from(all);
  });
}

for (const shape of SHAPES) {
  const complete = (gradient: 'dense' | 'sparse'): EmbeddingAttributes =>
    embeddingAttributes({ ...shape, gradient, tableSizes: TABLES });
  const { kind: embedding, memorySize } = complete('dense');
  for (const kind of KINDS) {
    test(`${kind} gives the same bits on 1, 2 and 3 threads, dense and sparse: ${embedding} |M|=${memorySize}`, async () => {
      const results: Float32Array[] = [];
      for (const gradient of GRADIENTS) {
        const attributes = complete(gradient);
        const one = await trained(attributes, { optimizer: optimizer(kind), threads: 1 });
        for (const threads of [2, 3]) {
          const more = await trained(attributes, { optimizer: optimizer(kind), threads });
          assert.ok(sameBits(one, more), `${gradient}, ${threads} threads`);
        }
        results.push(one);
      }
      // Adam's moments decay where nothing was touched, but only under a dense gradient.
      if (kind !== 'adam') assert.ok(sameBits(given(results[0]), given(results[1])), 'dense and sparse');
    });
  }
}

/** M and its state after one step from state that isn't zero, by gradients that are exact in float32 whatever the order of their sums. */
async function steppedOnce(
  attributes: EmbeddingAttributes,
  options: Partial<EngineOptions>,
): Promise<Float32Array> {
  const random = new SeededRandom(seed + 2);
  const batch = makeBatch(random, 64);
  return withEngine(lookupModel(TABLES.length, attributes), { batchSize: 64, ...options }, async (engine) => {
    // Eighths and weights that are powers of two: logits have no rounding, and each float's gradient is one product.
    for (const { name, size } of engine.parameters()) {
      const eighths = () => (random.below(17) - 8) / 8;
      const power = () => (random.below(2) ? 1 : -0.5);
      await engine.write(
        name,
        0,
        Float32Array.from({ length: size }, name.startsWith('end') ? power : eighths),
      );
    }
    for (const { name, size } of engine.optimizerState()) {
      await engine.write(name, 0, random.floats(size).map(Math.abs));
    }
    await engine.train(batch, 64, 3, Float64Array.of(0.3));
    const all: number[] = [];
    for (const { name } of [...engine.parameters(), ...engine.optimizerState()]) {
      if (name.startsWith('end')) continue;
      for (const value of await readTensor(engine, name)) all.push(value);
    }
    return Float32Array.from(all);
  });
}

for (const kind of KINDS) {
  test(`${kind} gives the same bits on every instruction set, dense and sparse`, async () => {
    for (const shape of SHAPES) {
      for (const gradient of GRADIENTS) {
        const attributes = embeddingAttributes({ ...shape, gradient, tableSizes: TABLES });
        const plain = await steppedOnce(attributes, { optimizer: optimizer(kind), isa: 'reference' });
        for (const isa of availableIsas()) {
          const fast = await steppedOnce(attributes, { optimizer: optimizer(kind), isa });
          assert.ok(
            sameBits(plain, fast),
            `${isa}, ${gradient}, ${attributes.kind} |M|=${attributes.memorySize}`,
          );
        }
      }
    }
  });
}

for (const isa of availableIsas()) {
  for (const gradient of GRADIENTS) {
    for (const kind of KINDS) {
      test(`${kind} follows its float64 definition, ${gradient} gradient (${isa})`, async () => {
        for (const shape of SHAPES.slice(0, 6)) {
          const attributes = embeddingAttributes({ ...shape, gradient, tableSizes: TABLES });
          const spec = optimizer(kind);
          const random = new SeededRandom(seed + 1);
          await withEngine(
            smallModel(TABLES.length, attributes),
            { batchSize: 33, optimizer: spec, isa, threads: 2 },
            async (engine) => {
              for (let step = 1; step <= 3; step++) {
                await assertStep(engine, makeBatch(random, 33), spec, step, attributes);
              }
            },
          );
        }
      });
    }
  }
}

test.run();
