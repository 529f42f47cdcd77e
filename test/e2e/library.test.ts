import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  Dataset,
  evaluateModel,
  loadModel,
  parseConfig,
  resumeTraining,
  startTraining,
} from '../../src/index.ts';
import { newestModelPath } from '../helpers/read-run.ts';
import { syntheticRows, writeShards } from '../helpers/shards.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('library');
const dir = temporaryFolder();
const runDir = join(dir, 'run');
const evalRows = syntheticRows(500, 2);

const config = parseConfig(
  `
data: { train: ${dir}/train, eval: ${dir}/test, batchSize: 32, evalBatchSize: 128 }
embedding: { kind: robe, dim: 8, memorySize: 2000, chunkSize: 8 }
model: { bottomMlp: [16, 8], topMlp: [16, 1] }
optimizer: { kind: adagrad, learningRate: 0.05 }
train: { epochs: 2 }
`,
  'library.yaml',
);

test.before(async () => {
  writeShards(join(dir, 'train'), syntheticRows(3000, 1));
  writeShards(join(dir, 'test'), evalRows);
  const outcome = await startTraining({ config, runDir });
  assert.is(outcome.reason, 'finished');
  assert.ok((outcome.evaluation?.auc as number) > 0.65, `AUC ${outcome.evaluation?.auc}`);
});

test('a trained model predicts in process what its evaluation measured, from a run or from its file', async () => {
  const evaluated = await evaluateModel({ config, modelFile: newestModelPath(runDir) });
  for (const path of [runDir, newestModelPath(runDir)]) {
    const model = await loadModel(path, { threads: 1 });
    assert.equal([model.facts.numDense, model.facts.numTables, model.facts.ids], [13, 26, 'raw']);
    const probabilities = await model.predict(evalRows);
    assert.is(probabilities.length, 500);
    const mean = probabilities.reduce((a, b) => a + b, 0) / 500;
    assert.ok(Math.abs(mean - (evaluated?.meanPrediction as number)) < 1e-6);
    await model.dispose();
    await model.dispose();
  }
});

test('predictions asked for at the same time are all answered', async () => {
  const model = await loadModel(runDir);
  const [a, b] = await Promise.all([model.predict(evalRows), model.predict(evalRows)]);
  assert.equal(a, b);
  await model.dispose();
});

test('rows of the wrong size are refused with a sentence, and the model stays usable', async () => {
  const model = await loadModel(runDir);
  const wrong = { dense: new Float32Array(13), sparse: new Uint32Array(25) };
  const error = await model.predict(wrong).then(
    () => assert.unreachable(),
    (e: Error) => e,
  );
  assert.match((error as Error).message, /13 dense values and 25 ids; give 13 and 26 for each row/);
  assert.is((await model.predict({ dense: new Float32Array(13), sparse: new Uint32Array(26) })).length, 1);
  await model.dispose();
});

test('a data set is read record batch by record batch, and a finished run has nothing to resume', async () => {
  const data = await Dataset.open([join(dir, 'test')]);
  assert.is((await data.readBatch(0)).rows, 500);
  await data.close();
  assert.is(await resumeTraining({ runDir }), undefined);
});

test.run();
