import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions } from '../../src/addon/addon-types.ts';
import { GraphBuilder } from '../../src/graph/graph-builder.ts';
import { dropout } from '../../src/graph/joins.ts';
import { philox4x32 } from '../../src/random/philox.ts';
import { availableIsas, given, NUM_DENSE, readTensor, withEngine } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('dropout');
const seed = testSeed(70);
const WIDTH = 150;

function graphOf(options: { rate?: number; seed?: number; layer?: number; lastStep?: number } = {}) {
  const graph = new GraphBuilder(NUM_DENSE, 1);
  const init = { weight: { kind: 'uniform', bound: 0.5 }, bias: { kind: 'uniform', bound: 0.5 } } as const;
  const layer = graph.linear('layer', graph.denseInput(), WIDTH, 'none', init);
  const dropped = dropout(graph, 'drop', layer, { rate: 0.25, seed: 9, layer: 0, lastStep: 0, ...options });
  return graph.build(graph.linear('end', dropped, 1, 'none', init));
}

function batchOf(rows: number) {
  const dense = new SeededRandom(seed).floats(rows * NUM_DENSE);
  return { labels: Uint8Array.from({ length: rows }, (_, b) => b % 2), dense, sparse: new Uint32Array(rows) };
}

const ROWS = 130;
const trace = (
  options: Parameters<typeof graphOf>[0],
  engine: Partial<Pick<EngineOptions, 'isa' | 'threads'>> = {},
) => withEngine(graphOf(options), { batchSize: ROWS, ...engine }, (it) => it.trace(batchOf(ROWS)));

test('what is kept is what the definition says, scaled, and gradients go the same way', async () => {
  for (const isa of availableIsas()) {
    const { values, gradients } = await trace({}, { isa });
    const [x, y] = [given(values['layer']), given(values['drop'])];
    const [dx, dy] = [given(gradients['layer']), given(gradients['drop'])];
    const words = new Uint32Array(4);
    const groups = Math.ceil(160 / 64);
    const scale = Math.fround(1 / 0.75);
    for (let b = 0; b < ROWS; b++) {
      for (let c = 0; c < WIDTH; c++) {
        const block = (b * groups + Math.floor(c / 64)) * 16 + (c % 16);
        // A trace counts as step 1; layer 0 sets bit 48.
        philox4x32(words, [block, 0, 1, 2 ** 16], [9, 0]);
        const kept = (words[Math.floor((c % 64) / 16)] as number) >= 0.25 * 2 ** 32;
        const i = b * WIDTH + c;
        assert.is(y[i], kept ? Math.fround((x[i] as number) * scale) : 0);
        assert.is(dx[i], kept ? Math.fround((dy[i] as number) * scale) : 0);
      }
    }
  }
});

test('about as many are dropped as asked for', async () => {
  for (const rate of [0.1, 0.5, 0.9]) {
    const { values } = await trace({ rate });
    const zeros = given(values['drop']).filter((value) => value === 0).length;
    const wanted = rate * ROWS * WIDTH;
    assert.ok(Math.abs(zeros - wanted) < 5 * Math.sqrt(wanted * (1 - rate)), `${zeros}, not ${wanted}`);
  }
});

test('seed and layer change what is dropped, threads do not', async () => {
  const { values } = await trace({});
  assert.equal((await trace({}, { threads: 3 })).values['drop'], values['drop']);
  for (const other of [{ seed: 10 }, { layer: 1 }]) {
    assert.not.equal((await trace(other)).values['drop'], values['drop']);
  }
});

/** Weights of a run of single steps beginning at `first`. */
async function trained(
  options: Parameters<typeof graphOf>[0],
  first: number,
  steps: number,
): Promise<Float32Array> {
  return withEngine(graphOf(options), { batchSize: 32 }, async (engine) => {
    for (let i = 0; i < steps; i++) await engine.train(batchOf(32), 32, first + i, Float64Array.of(0.1));
    return readTensor(engine, 'layer.weight');
  });
}

test('every step drops anew, and the same step the same', async () => {
  assert.equal(await trained({}, 5, 2), await trained({}, 5, 2));
  assert.not.equal(await trained({}, 5, 1), await trained({}, 6, 1));
});

test('prediction drops nothing, nor does training after the last step that should', async () => {
  await withEngine(graphOf(), { batchSize: 32 }, async (engine) => {
    const whole = await engine.predict(batchOf(32));
    const [layer, weight, bias] = await Promise.all([
      engine.trace(batchOf(32)).then(({ values }) => given(values['layer'])),
      readTensor(engine, 'end.weight'),
      readTensor(engine, 'end.bias'),
    ]);
    for (let b = 0; b < 32; b++) {
      let sum = bias[0] as number;
      for (let c = 0; c < WIDTH; c++) sum += (layer[b * WIDTH + c] as number) * (weight[c] as number);
      assert.ok(Math.abs(sum - (whole[b] as number)) < 1e-4);
    }
  });
  assert.equal(await trained({ lastStep: 4 }, 5, 1), await trained({ lastStep: 4, seed: 10 }, 5, 1));
});

test('a rate of nothing or everything is refused', () => {
  for (const rate of [0, 1]) assert.throws(() => graphOf({ rate }), /Node drop of the model would drop/);
});

test.run();
