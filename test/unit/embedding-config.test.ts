import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseConfig, stringifyConfig } from '../../src/config/config.ts';

const test = suite('embedding configuration');

const BASE = `
data: { train: train, eval: test }
embedding: { kind: robe, dim: 16, compression: 10 }
model: { kind: dlrm, bottomMlp: [16], topMlp: [1] }
optimizer: { learningRate: 0.1 }
`;

const embeddingOf = (...sets: string[]) => parseConfig(BASE, 'test.yaml', sets).embedding;

test('keys of one kind alone are refused with another, and checked against each other', () => {
  const cases: [sets: string[], part: string][] = [
    [['embedding.perTable=true'], 'embedding.perTable is for kind hash; leave it out with robe'],
    [['embedding.alpha=0.5'], 'embedding.alpha is for kind md; leave it out with robe'],
    [
      ['embedding.kind=full', 'embedding.compression=null', 'embedding.minRows=9'],
      'no meaning with kind full',
    ],
    [['embedding.chunkSize=3', 'embedding.minRows=9'], "16 isn't a multiple of embedding.chunkSize 3"],
    [['embedding.kind=qr', 'embedding.operation=concat', 'embedding.memories=3'], 'must be a multiple of 3'],
    [
      ['embedding.kind=jlt', 'embedding.sketch=gaussian', 'embedding.nonZeros=2'],
      'for embedding.sketch sparse',
    ],
    [['embedding.kind=jlt', 'embedding.sketch=gaussian', 'embedding.gradient=sparse'], 'use dense or auto'],
  ];
  for (const [sets, part] of cases) {
    assert.throws(
      () => embeddingOf(...sets),
      (error: Error & { code?: string }) => error.code === 'ERR_CONFIG' && error.message.includes(part),
    );
  }
});

test('a kind takes its own keys from the file or their defaults, and a written config reads back the same', () => {
  assert.is(embeddingOf('embedding.kind=hash').perTable, false);
  assert.is(embeddingOf('embedding.kind=qr').operation, 'product');
  assert.is(embeddingOf('embedding.kind=qr').memories, undefined);
  assert.is(embeddingOf('embedding.kind=md').alpha, 0.3);
  const sparse = embeddingOf('embedding.kind=jlt');
  assert.equal([sparse.sketch, sparse.nonZeros], ['sparse', 4]);
  const gaussian = embeddingOf('embedding.kind=jlt', 'embedding.sketch=gaussian');
  assert.equal([gaussian.sketch, gaussian.nonZeros], ['gaussian', undefined]);
  const config = parseConfig(BASE, 'test.yaml', ['embedding.kind=jlt', 'embedding.nonZeros=2']);
  assert.equal(parseConfig(stringifyConfig(config), 'test.yaml'), config);
});

test.run();
