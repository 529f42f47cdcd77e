import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseConfig } from '../../src/config/config.ts';
import type { GraphSpec } from '../../src/graph/graph-spec.ts';
import { buildModel } from '../../src/models/build-model.ts';

const test = suite('deep models');
const sizes = Array.from({ length: 26 }, (_, t) => (t === 4 ? 400 : 10 + t));
const rows = sizes.reduce((a, b) => a + b, 0);
const facts = { numDense: 13, numTables: 26, ids: 'vocab', tableSizes: sizes } as const;

/** Of the budget of 2,600 floats, one in nine is the first-order term's: one beside the eight of an embedding. */
const BASE = `
data: { train: none, eval: none }
embedding: { kind: robe, dim: 8, memorySize: 2600, chunkSize: 4 }
model: { kind: deepfm, mlp: [12, 6] }
optimizer: { kind: adam, learningRate: 0.001 }
`;
const FULL = ['embedding.kind=full', 'embedding.memorySize=null', 'embedding.chunkSize=null'];

const modelOf = (...sets: string[]) => buildModel(parseConfig(BASE, 'test', sets), facts);
const shapesOf = (graph: GraphSpec) =>
  Object.fromEntries(graph.parameters.map(({ name, shape }) => [name, shape.join('x')]));
const INPUT = 26 * 8 + 13;

const COMMON = {
  'linear.dense.weight': '1x13',
  'out.bias': '1',
  'mlp.0.bias': '12',
  'mlp.1.weight': '6x12',
  'mlp.1.bias': '6',
  'embedding.memory': '2312',
  'linear.memory': '288',
};

const OWN: readonly [model: string, parameters: Record<string, string>][] = [
  ['{kind: deepfm, mlp: [12, 6]}', { 'mlp.0.weight': `12x${INPUT}`, 'mlpLinear.weight': '1x6' }],
  [
    '{kind: dcn, crossLayers: 2, mlp: [12, 6]}',
    {
      'mlp.0.weight': `12x${INPUT}`,
      'cross.weight': `2x${INPUT}`,
      'cross.bias': `2x${INPUT}`,
      'mlpLinear.weight': `1x${INPUT + 6}`,
    },
  ],
  [
    '{kind: dcn, crossKind: matrix, mlp: [12, 6]}',
    {
      'mlp.0.weight': `12x${INPUT}`,
      'cross.0.weight': `${INPUT}x${INPUT}`,
      'cross.0.bias': `${INPUT}`,
      'mlpLinear.weight': `1x${INPUT + 6}`,
    },
  ],
  [
    '{kind: autoint, attentionLayers: 1, attentionDim: 5, heads: 3, mlp: [12, 6]}',
    {
      'mlp.0.weight': `12x${INPUT}`,
      'attention.0.query': '15x8',
      'attention.0.key': '15x8',
      'attention.0.value': '15x8',
      'attention.0.residual': '15x8',
      'mlpLinear.weight': `1x${26 * 15 + 6}`,
    },
  ],
  [
    '{kind: xdeepfm, cinLayers: [6, 5], mlp: [12, 6]}',
    {
      'mlp.0.weight': `12x${INPUT}`,
      'cin.0.weight': `6x${26 * 26}`,
      'cin.0.bias': '6',
      'cin.1.weight': `5x${3 * 26}`,
      'cin.1.bias': '5',
      'cinLinear.weight': '1x8',
      'mlpLinear.weight': '1x6',
    },
  ],
  [
    '{kind: fibinet, bilinear: all, reductionRatio: 4, mlp: [12, 6]}',
    {
      'mlp.0.weight': `12x${2 * 325 * 8 + 13}`,
      'senet.0.weight': '6x26',
      'senet.1.weight': '26x6',
      'bilinear.0.weight': '8x8',
      'mlpLinear.weight': '1x6',
    },
  ],
];

for (const [model, own] of OWN) {
  test(`${model} has its layers, names and shapes`, () => {
    const shapes = shapesOf(modelOf(`model=${model}`).graph);
    assert.equal(
      Object.entries(shapes).sort(([a], [b]) => a.localeCompare(b)),
      Object.entries({ ...COMMON, ...own }).sort(([a], [b]) => a.localeCompare(b)),
    );
  });
}

test('a bilinear interaction has a matrix for each pair, each first slot or all pairs', () => {
  const count = (kind: string) =>
    modelOf(`model={kind: fibinet, bilinear: ${kind}}`).graph.parameters.filter(({ name }) =>
      name.startsWith('bilinear.'),
    ).length;
  assert.equal(['interaction', 'each', 'all'].map(count), [325, 25, 1]);
});

test('first-order weights take their share of the one budget, whatever the kind', () => {
  for (const sets of [[], ['embedding.kind=hash', 'embedding.chunkSize=null'], ['embedding.aligned=true']]) {
    const { graph, embeddingBytes, compression } = modelOf(...sets);
    const [main, first] = graph.parameters.filter(({ name }) => /memory$/.test(name));
    const floats = (shape: readonly number[] = []) => shape.reduce((a, b) => a * b, 1);
    assert.is(floats(first?.shape), 288);
    assert.ok(floats(main?.shape) <= 2312 && floats(main?.shape) > 2312 - 8);
    assert.is(embeddingBytes, 4 * (floats(main?.shape) + 288));
    const stored = floats(main?.shape) + 288;
    assert.ok(Math.abs((compression as number) * stored - rows * 8) < 1e-6);
  }
});

test('full tables have tables of dimension 1 beside them', () => {
  const { graph, embeddingBytes } = modelOf(...FULL);
  assert.equal(shapesOf(graph)['linear.4.weight'], '400x1');
  assert.equal(shapesOf(graph)['embedding.4.weight'], '400x8');
  assert.is(embeddingBytes, 4 * rows * 9);
});

test('ids that share floats in one array do not in the other: the two hash with seeds of their own', () => {
  const seeds = modelOf('seed=7')
    .graph.nodes.filter(({ op }) => op === 'embedding')
    .map(({ attributes }) => attributes['hashSeed']);
  assert.equal(seeds, [7, 7 + 2 ** 32]);
});

test('dropout stands behind every hidden layer, and L2 goes to the groups it is asked for', () => {
  const { graph } = modelOf('model.dropout=0.5', 'model.l2={embedding: 0.1, mlp: 0.2}');
  const dropped = graph.nodes.filter(({ op }) => op === 'dropout').map(({ attributes }) => attributes);
  assert.equal(dropped, [
    { rate: 0.5, seed: 1, layer: 0, lastStep: 0 },
    { rate: 0.5, seed: 1, layer: 1, lastStep: 0 },
  ]);
  const l2 = Object.fromEntries(graph.parameters.map((parameter) => [parameter.name, parameter.l2]));
  assert.is(l2['embedding.memory'], 0.1);
  assert.is(l2['mlp.1.weight'], 0.2);
  for (const name of ['linear.memory', 'linear.dense.weight', 'mlp.1.bias', 'mlpLinear.weight'])
    assert.is(l2[name], undefined);
});

test('compat criteo_deepctr takes first-order weights from the embeddings, its initial values and its dropout', () => {
  const { graph, embeddingBytes } = modelOf(
    'model.compat=criteo_deepctr',
    'model.dropout=0.5',
    'train.evalEvery=40',
  );
  assert.is(embeddingBytes, 4 * 2600);
  const memory = graph.parameters.find(({ name }) => name === 'embedding.memory');
  assert.equal(memory?.init, { kind: 'normal', std: 1e-4 });
  assert.is(graph.nodes.find(({ name }) => name === 'linear')?.op, 'firstComponent');
  assert.is(graph.nodes.find(({ op }) => op === 'dropout')?.attributes['lastStep'], 40);
});

test('keys that do not fit together or belong to another model are refused', () => {
  const cases: [sets: string[], part: RegExp][] = [
    [['model={kind: xdeepfm, cinLayers: [7, 5]}'], /model\.cinLayers has 7 before its last layer/],
    [
      [
        'model.compat=criteo_deepctr',
        'embedding.kind=hash',
        'embedding.chunkSize=null',
        'embedding.memorySize=2400',
      ],
      /model\.compat criteo_deepctr is about shared arrays/,
    ],
    [
      ['model.compat=criteo_deepctr', 'model.dropout=0.5'],
      /stops dropout at the first evaluation; set train\.evalEvery/,
    ],
    [['model.heads=2'], /model\.heads isn't a known key/],
    [['model.crosLayers=2'], /did you mean model\.crossLayers\?/],
    [['model.kind=dnc'], /model\.kind must be one of dlrm, dcn, autoint, deepfm, xdeepfm, fibinet/],
    [['model=null'], /model is missing|model has no value/],
  ];
  for (const [sets, part] of cases) assert.throws(() => modelOf(...sets), part);
});

test.run();
