import { type Config, parseConfig } from '../../src/config/config.ts';

/** A small DLRM configuration for tests; `sets` change it as `--set` does. */
export function testConfig(...sets: readonly string[]): Config {
  return parseConfig(TEXT, 'test.yaml', sets);
}

const TEXT = `
name: test
seed: 3
data: { train: train, eval: test, batchSize: 32, evalBatchSize: 100, shuffle: rows }
embedding: { kind: robe, dim: 8, memorySize: 500, chunkSize: 4 }
model: { kind: dlrm, bottomMlp: [16, 8], topMlp: [16, 1] }
optimizer: { kind: sgd, learningRate: 0.1 }
train: { epochs: 2, logEvery: 10 }
threads: 1
`;
