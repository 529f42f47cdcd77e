import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAddon } from '../../src/addon/load.ts';
import { parseConfig } from '../../src/config/config.ts';
import { buildModel } from '../../src/models/build-model.ts';
import { readTensor } from '../helpers/op-graphs.ts';
import { TINY_TABLE_SIZES, tinyBatch, tinyOptions } from '../helpers/tiny-model.ts';

const test = suite('L2');
const { Engine } = loadAddon();
const ROWS = 16;
const RATE = 0.25;
const FACTOR = 0.125;

/** Floats of every parameter before a step of SGD and after it, with a factor for some groups. */
async function step(gradient: 'dense' | 'sparse', ...l2: readonly string[]) {
  const config = parseConfig(
    `data: { train: none, eval: none, batchSize: ${ROWS} }
embedding: { kind: robe, dim: 8, memorySize: 9000, chunkSize: 4, gradient: ${gradient} }
model: { kind: deepfm, mlp: [10, 6] }
optimizer: { kind: sgd, learningRate: ${RATE} }
`,
    'l2',
    l2.map((group) => `model.l2.${group}=${FACTOR}`),
  );
  const facts = { numDense: 13, numTables: 26, ids: 'vocab', tableSizes: TINY_TABLE_SIZES } as const;
  const engine = new Engine(buildModel(config, facts).graph, tinyOptions({ batchSize: ROWS, seed: 5 }));
  try {
    const names = engine.parameters().map(({ name }) => name);
    // First-order weights begin at zero, where nothing would pull at them.
    for (const { name, size } of engine.parameters()) {
      if (/^linear/.test(name))
        await engine.write(
          name,
          0,
          Float32Array.from({ length: size }, (_, i) => ((i % 7) - 3) / 8),
        );
    }
    const read = async () =>
      new Map(await Promise.all(names.map(async (name) => [name, await readTensor(engine, name)] as const)));
    const before = await read();
    await engine.train(tinyBatch(ROWS), ROWS, 1, Float64Array.of(RATE));
    return { before, after: await read() };
  } finally {
    await engine.dispose();
  }
}

const GROUPS: readonly [group: string, members: RegExp][] = [
  ['embedding', /^embedding\.memory$/],
  ['linear', /^linear\.(memory|dense\.weight)$/],
  ['mlp', /^mlp\.\d\.weight$/],
];

for (const gradient of ['dense', 'sparse'] as const) {
  for (const [group, members] of GROUPS) {
    test(`a step with a factor for "${group}" (${gradient} gradient) pulls its weights, and no others, by 2·rate·factor of themselves`, async () => {
      const plain = await step(gradient);
      const pulled = await step(gradient, group);
      let counted = 0;
      for (const [name, weights] of plain.before) {
        const [free, held] = [plain.after.get(name), pulled.after.get(name)] as [Float32Array, Float32Array];
        for (const [i, weight] of weights.entries()) {
          const untouched = gradient === 'sparse' && name.endsWith('.memory') && free[i] === weight;
          const pull = members.test(name) && !untouched ? 2 * RATE * FACTOR * weight : 0;
          const error = Math.abs((free[i] as number) - pull - (held[i] as number));
          // A few roundings of weights and gradients below 1.
          assert.ok(error < 4e-7, `${name}[${i}]: ${error}`);
          if (pull !== 0) counted++;
        }
      }
      assert.ok(counted > 50, `${counted} weights were pulled`);
    });
  }
}

test.run();
