import * as assert from 'uvu/assert';
import type { NativeBatch, NativeEngine, OptimizerSpec } from '../../src/addon/addon-types.ts';
import type { EmbeddingAttributes } from '../../src/graph/graph-spec.ts';
import { given, readTensor } from './op-graphs.ts';

/** A parameter and its optimizer state. */
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

/** A parameter and its state as the engine has them. */
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

/** Trains `smallModel` by one step at rate 1/4 and checks M and two parameters of layers against the float64 definition. */
export async function assertStep(
  engine: NativeEngine,
  batch: NativeBatch,
  spec: OptimizerSpec,
  step: number,
  attributes: EmbeddingAttributes,
): Promise<void> {
  const { parameterGradients } = await engine.trace(batch);
  const names = ['slots.memory', 'end.weight', 'bottom.bias'];
  const before = await Promise.all(names.map((name) => readRule(engine, name)));
  await engine.train(batch, batch.labels.length, step, Float64Array.of(0.25));
  for (const [k, name] of names.entries()) {
    const embedding = name === 'slots.memory';
    // Layers have no rows to share an accumulator: they follow adagrad.
    const rule: OptimizerSpec =
      embedding || spec.kind !== 'rowwise-adagrad' ? spec : { ...spec, kind: 'adagrad' };
    const expected = definedStep(
      rule,
      given(before[k]),
      given(parameterGradients[name]),
      0.25,
      step,
      attributes.chunkSize,
      embedding && attributes.gradient === 'sparse',
    );
    const after = await readRule(engine, name);
    assertClose(after.weights, expected.weights, name);
    after.states.forEach((state, s) => {
      assertClose(state, given(expected.states[s]), `${name} state ${s}`);
    });
  }
}
