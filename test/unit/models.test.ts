import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { GraphBuilder } from '../../src/graph/graph-builder.ts';
import type { EmbeddingAttributes } from '../../src/graph/graph-spec.ts';
import { buildModel } from '../../src/models/build-model.ts';
import { chooseGradient } from '../../src/models/embedding/plan-context.ts';
import type { DataFacts } from '../../src/models/embedding-plan.ts';
import {
  checkSameEmbedding,
  decodeModelMetadata,
  embeddingAttributes,
  encodeModelMetadata,
} from '../../src/models/model-metadata.ts';
import { testConfig } from '../helpers/configs.ts';

const test = suite('models');
const sizes = Array.from({ length: 26 }, (_, t) => (t === 4 ? 400 : 10 + t));
const total = sizes.reduce((a, b) => a + b, 0);
const vocab = { numDense: 13, numTables: 26, ids: 'vocab', tableSizes: sizes, denseProfile: 'dlrm' } as const;
const raw = { numDense: 13, numTables: 26, ids: 'raw', distinct: sizes, denseProfile: 'dlrm' } as const;
const FULL = ['embedding.kind=full', 'embedding.memorySize=null', 'embedding.chunkSize=null'];
const byCompression = (factor: number) => ['embedding.memorySize=null', `embedding.compression=${factor}`];

function attributes(...sets: string[]): EmbeddingAttributes {
  return embeddingAttributes(buildModel(testConfig(...sets), vocab).graph);
}

test('DLRM has its published layers, names, shapes and initial values', () => {
  const { graph, parameters } = buildModel(testConfig(), raw);
  assert.equal(
    graph.parameters.map(({ name, shape }) => `${name} ${shape.join('x')}`),
    [
      'bottomMlp.0.weight 16x13',
      'bottomMlp.0.bias 16',
      'bottomMlp.1.weight 8x16',
      'bottomMlp.1.bias 8',
      'embedding.memory 500',
      `topMlp.0.weight 16x${8 + (27 * 26) / 2}`,
      'topMlp.0.bias 16',
      'topMlp.1.weight 1x16',
      'topMlp.1.bias 1',
    ],
  );
  assert.is(parameters, 16 * 14 + 8 * 17 + 500 + 16 * 360 + 17);
  const init = Object.fromEntries(graph.parameters.map((parameter) => [parameter.name, parameter.init]));
  assert.equal(init['bottomMlp.0.weight'], { kind: 'normal', std: Math.sqrt(2 / 29) });
  assert.equal(init['bottomMlp.0.bias'], { kind: 'normal', std: Math.sqrt(1 / 16) });
  assert.equal(init['embedding.memory'], { kind: 'uniform', bound: Math.sqrt(1 / 400) });
  const activations = graph.nodes
    .filter(({ op }) => op === 'linear')
    .map((node) => node.attributes['activation']);
  assert.equal(activations, ['relu', 'relu', 'relu', 'none']);
  assert.equal(graph.tensors[graph.logits]?.shape, [1]);
  assert.throws(() => Object.assign(graph.nodes[0] as object, { op: 'x' }), /read only/);
});

test('full tables have one parameter each, with a bound of their own', () => {
  const { graph, embeddingBytes, compression } = buildModel(testConfig(...FULL), vocab);
  const tables = graph.parameters.filter(({ name }) => name.startsWith('embedding.'));
  assert.is(tables.length, 26);
  assert.equal(tables[4], {
    name: 'embedding.4.weight',
    shape: [400, 8],
    init: { kind: 'uniform', bound: Math.sqrt(1 / 400) },
  });
  assert.is(embeddingBytes, total * 8 * 4);
  assert.is(compression, 1);
});

test('compression sets the memory, cut to rows or chunks where it must be, and never less than one', () => {
  const floats = total * 8;
  assert.is(attributes(...byCompression(7)).memorySize, Math.floor(floats / 7));
  const hash = attributes(...byCompression(7), 'embedding.kind=hash', 'embedding.chunkSize=null');
  assert.is(hash.memorySize, Math.floor(floats / 7 / 8) * 8);
  assert.is(
    attributes(...byCompression(7), 'embedding.aligned=true').memorySize,
    Math.floor(floats / 7 / 4) * 4,
  );
  assert.is(attributes(...byCompression(1e9)).memorySize, 4);
  assert.is(
    attributes(...byCompression(2), 'embedding.kind=hashednet', 'embedding.chunkSize=null').chunkSize,
    1,
  );
  const rawModel = buildModel(testConfig(...byCompression(10)), raw);
  assert.ok(Math.abs((rawModel.compression as number) - 10) < 0.1);
});

test('what the data do not have is refused with a sentence', () => {
  const { distinct: _, ...unknown } = raw;
  assert.throws(
    () => buildModel(testConfig(...FULL), raw),
    /embedding\.kind: full needs contiguous ids.*--ids vocab/,
  );
  assert.throws(
    () => buildModel(testConfig('embedding.hash=apd10'), raw),
    /embedding\.hash: apd10 needs contiguous/,
  );
  assert.throws(
    () => buildModel(testConfig(...byCompression(5)), unknown),
    /give embedding\.memorySize instead/,
  );
  assert.is(buildModel(testConfig(), unknown).compression, null);
  const uneven = ['embedding.kind=hash', 'embedding.chunkSize=null', 'embedding.memorySize=501'];
  assert.throws(() => buildModel(testConfig(...uneven), raw), /501 isn't a multiple of 8.*use 496/);
});

test('what a kind cannot do with the data is refused with a sentence that says what to change', () => {
  const kind = (...sets: string[]) => ['embedding.chunkSize=null', ...sets.map((set) => `embedding.${set}`)];
  const cases: [sets: string[], facts: DataFacts, message: RegExp][] = [
    [kind('kind=md'), raw, /embedding\.kind: md needs contiguous ids.*--ids vocab/],
    [kind('kind=robe', 'minRows=9'), raw, /embedding\.minRows: tables that stay full need contiguous ids/],
    [kind('kind=md', 'memorySize=20'), vocab, /embedding\.memorySize: 20 floats are too few for kind md/],
    [kind('kind=tt', 'memorySize=30'), vocab, /too few for kind tt.*cores of rank 1/],
    [kind('kind=qr', 'memorySize=40'), vocab, /too few for kind qr.*two rows for each table/],
    [
      kind('kind=hash', 'memorySize=40', 'perTable=true'),
      vocab,
      /too few for kind hash.*a row for each table/,
    ],
    [kind('kind=robe', 'memorySize=900', 'minRows=99'), vocab, /25 tables that stay full take 4568 floats/],
    [kind('kind=qr'), { numDense: 13, numTables: 26, ids: 'raw' }, /qr needs to know how many ids/],
  ];
  for (const [sets, facts, message] of cases) {
    assert.throws(() => buildModel(testConfig(...sets), facts), message);
  }
});

test('the gradient is dense for Adam and small shared arrays, sparse for tables and huge arrays, or as told', () => {
  const choose = (memorySize: number, ...sets: string[]) =>
    chooseGradient(testConfig(...sets), memorySize, 26);
  assert.is(choose(500), 'dense');
  assert.is(choose(1e6), 'sparse');
  assert.is(choose(500, ...FULL), 'sparse');
  assert.is(choose(1e9, 'optimizer.kind=adam'), 'dense');
  assert.is(choose(500, 'embedding.gradient=sparse', 'optimizer.kind=adam'), 'sparse');
});

test('an error in a model points at its node', () => {
  const graph = new GraphBuilder(13, 26);
  const dense = graph.denseInput();
  const init = { weight: { kind: 'zeros' }, bias: { kind: 'zeros' } } as const;
  const layer = graph.linear('first', dense, 5, 'relu', init);
  assert.throws(() => graph.linear('first', layer, 5, 'relu', init), /Node first .*twice/);
  assert.throws(() => graph.linear('second', layer, 0, 'relu', init), /Node second\.weight .*\[0, 5\]/);
  assert.throws(() => graph.dotInteraction('pairs', dense, layer), /Node pairs .*3 dimensions/);
  assert.throws(() => graph.build(layer), /logits .*\[B, 5\]/);
});

test('model metadata say all that is needed, and differing embeddings are told apart', () => {
  const { graph } = buildModel(testConfig(), vocab);
  const strings = encodeModelMetadata({ graph, facts: vocab }, '1.2.3');
  assert.equal(decodeModelMetadata(strings, 'm'), { graph, facts: vocab });
  assert.equal(JSON.parse(strings['hash'] as string), { family: 'mix64', seed: 3 });
  assert.is(decodeModelMetadata({ format: 'pt' }, 'm'), undefined);
  assert.throws(
    () => decodeModelMetadata({ ...strings, data: '{' }, 'm.safetensors'),
    /^m\.safetensors has metadata/,
  );

  const other = (...sets: string[]) => buildModel(testConfig(...sets), vocab).graph;
  checkSameEmbedding(graph, other('optimizer.learningRate=5'), 'm');
  assert.throws(() => checkSameEmbedding(graph, other('seed=4'), 'm'), /hashSeed 4, not 3/);
  assert.throws(() => checkSameEmbedding(graph, other('embedding.chunkSize=2'), 'm'), /chunkSize 2, not 4/);
  checkSameEmbedding(other(...FULL), other(...FULL, 'seed=4'), 'm');
  const moved = buildModel(testConfig(), { ...vocab, tableSizes: sizes.toReversed() }).graph;
  assert.throws(() => checkSameEmbedding(graph, moved, 'm'), /another vocabulary/);
});

test.run();
