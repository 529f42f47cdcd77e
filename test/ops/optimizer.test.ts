import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions, NativeBatch, NativeEngine, OptimizerSpec } from '../../src/addon/addon-types.ts';
import type { EmbeddingAttributes } from '../../src/graph/graph-spec.ts';
import { sameBits } from '../helpers/float-error.ts';
import {
  availableIsas,
  embeddingAttributes,
  given,
  NUM_DENSE,
  readTensor,
  SGD,
  smallModel,
  withEngine,
} from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('optimizer');
const seed = testSeed(50);
const TABLES = [3, 40, 1000, 7];
const KINDS = ['sgd', 'adagrad', 'rowwise-adagrad', 'adam'] as const;
const GRADIENTS = ['dense', 'sparse'] as const;

/** Shapes of M: small and crowded, much larger than a batch touches, whole rows, single floats. */
const SHAPES: readonly Partial<EmbeddingAttributes>[] = [
  { kind: 'robe', dim: 20, chunkSize: 8, memorySize: 100 },
  { kind: 'robe', dim: 20, chunkSize: 8, memorySize: 150_001 },
  { kind: 'robe', dim: 16, chunkSize: 16, memorySize: 3200, aligned: true },
  { kind: 'hashednet', dim: 5, memorySize: 20_011 },
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

interface Rule {
  readonly weights: number[];
  readonly states: number[][];
}

/** The textbook rules in float64, from the float32 values before the step. */
function definedStep(
  spec: OptimizerSpec,
  before: Rule,
  gradient: Float32Array,
  rate: number,
  step: number,
  rowLength: number,
  sparse: boolean,
): Rule {
  const weights = [...before.weights];
  const states = before.states.map((state) => [...state]);
  const [first, second] = states as [number[], number[]];
  const [beta1, beta2] = [Math.fround(spec.beta1), Math.fround(spec.beta2)];
  const rows = Math.ceil(weights.length / rowLength);
  for (let row = 0; spec.kind === 'rowwise-adagrad' && row < rows; row++) {
    const g = gradient.subarray(row * rowLength, (row + 1) * rowLength);
    first[row] = given(first[row]) + g.reduce((sum, value) => sum + value * value, 0) / g.length;
  }
  gradient.forEach((g, i) => {
    const w = weights[i] as number;
    switch (spec.kind) {
      case 'sgd':
        weights[i] = w - rate * g;
        break;
      case 'adagrad':
        first[i] = given(first[i]) + g * g;
        weights[i] = w - (rate * g) / (Math.sqrt(given(first[i])) + spec.epsilon);
        break;
      case 'rowwise-adagrad':
        weights[i] = w - (rate * g) / (Math.sqrt(given(first[Math.floor(i / rowLength)])) + spec.epsilon);
        break;
      case 'adam': {
        if (sparse && g === 0) break;
        const m = beta1 * given(first[i]) + (1 - beta1) * g;
        const v = beta2 * given(second[i]) + (1 - beta2) * g * g;
        first[i] = m;
        second[i] = v;
        weights[i] =
          w - (rate * (m / (1 - beta1 ** step))) / (Math.sqrt(v / (1 - beta2 ** step)) + spec.epsilon);
      }
    }
  });
  return { weights, states };
}

async function readRule(engine: NativeEngine, name: string): Promise<Rule> {
  const states: number[][] = [];
  for (const { name: state } of engine.optimizerState()) {
    if (state.startsWith(`${name}.`)) states.push([...(await readTensor(engine, state))]);
  }
  return { weights: [...(await readTensor(engine, name))], states };
}

/** A few roundings of the largest value that took part. */
function assertClose(found: readonly number[], expected: readonly number[], what: string): void {
  assert.is(found.length, expected.length);
  found.forEach((value, i) => {
    const wanted = expected[i] as number;
    const allowed = 8 * 2 ** -24 * Math.max(1, Math.abs(wanted));
    if (!(Math.abs(value - wanted) <= allowed)) assert.unreachable(`${what}[${i}]: ${value}, not ${wanted}`);
  });
}

for (const isa of availableIsas()) {
  for (const gradient of GRADIENTS) {
    for (const kind of KINDS) {
      test(`${kind} follows its float64 definition, ${gradient} gradient (${isa})`, async () => {
        for (const shape of SHAPES.slice(0, 5)) {
          const attributes = embeddingAttributes({ ...shape, gradient, tableSizes: TABLES });
          const spec = optimizer(kind);
          const random = new SeededRandom(seed + 1);
          await withEngine(
            smallModel(TABLES.length, attributes),
            { batchSize: 33, optimizer: spec, isa, threads: 2 },
            async (engine) => {
              for (let step = 1; step <= 3; step++) {
                const batch = makeBatch(random, 33);
                const { parameterGradients } = await engine.trace(batch);
                const names = ['slots.memory', 'end.weight', 'bottom.bias'];
                const before = await Promise.all(names.map((name) => readRule(engine, name)));
                await engine.train(batch, 33, step, Float64Array.of(0.25));
                for (const [k, name] of names.entries()) {
                  const embedding = name === 'slots.memory';
                  // Layers have no rows to share an accumulator: they follow adagrad.
                  const rule: OptimizerSpec =
                    embedding || kind !== 'rowwise-adagrad' ? spec : optimizer('adagrad');
                  const expected = definedStep(
                    rule,
                    given(before[k]),
                    given(parameterGradients[name]),
                    0.25,
                    step,
                    attributes.chunkSize,
                    embedding && gradient === 'sparse',
                  );
                  const after = await readRule(engine, name);
                  assertClose(after.weights, expected.weights, name);
                  after.states.forEach((state, s) => {
                    assertClose(state, given(expected.states[s]), `${name} state ${s}`);
                  });
                }
              }
            },
          );
        }
      });
    }
  }
}

test.run();
