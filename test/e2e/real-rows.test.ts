import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readEvents } from '../helpers/read-run.ts';
import { runPss } from '../helpers/run-pss.ts';
import { generator } from '../helpers/shards.ts';
import { missingShared, sharedPath } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('real rows');
const missing = missingShared('data', 'criteo-kaggle-10k.tsv');
const seed = Number(process.env['PSS_TEST_SEED'] ?? 3);
// 2,000 rows are few: over seeds 1 to 5 the AUC runs from 0.7227 to 0.7297, and all of them pass.
process.stdout.write(`seed ${seed}\n`);

const CONFIG = `
seed: ${seed}
data: { train: shards/train, eval: shards/test, batchSize: 128, evalBatchSize: 2000, shuffle: rows }
embedding: { kind: robe, dim: 64, compression: 100, chunkSize: 4 }
model: { kind: dlrm, bottomMlp: [64, 64], topMlp: [64, 1] }
optimizer: { kind: adam, learningRate: 0.002 }
train: { epochs: 1 }
`;

/** Prepares the rows (8,000 train, 2,000 test), trains, and returns the first and the last event's figures. */
function learn(rows: string) {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'rows.tsv'), rows);
  writeFileSync(join(cwd, 'config.yaml'), CONFIG);
  for (const args of [
    ['prepare', 'rows.tsv', '--out', 'shards', '--split', 'head:8000'],
    ['train', '--config', 'config.yaml', '--run-dir', 'run'],
  ]) {
    const { code, stderr } = runPss(args, { cwd });
    assert.is(code, 0, stderr);
  }
  const events = readEvents(join(cwd, 'run'));
  const evaluation = events.filter(({ event }) => event === 'eval').at(-1) as Record<string, number>;
  return {
    compression: events[0]?.['compression'] as number,
    auc: evaluation['auc'] as number,
    gain: (evaluation['baselineLogLoss'] as number) - (evaluation['logLoss'] as number),
  };
}

testUnless(
  test,
  missing,
  'a model compressed 100 times learns from 8,000 real rows what holds for the next 2,000',
  () => {
    const { auc, gain, compression } = learn(
      readFileSync(sharedPath('data', 'criteo-kaggle-10k.tsv'), 'utf8'),
    );
    process.stdout.write(`AUC ${auc}, log loss ${gain} under the baseline, ${compression} times\n`);
    assert.ok(compression >= 100);
    assert.ok(auc >= 0.72, `AUC ${auc}`);
    assert.ok(gain >= 0.05, `log loss only ${gain} under the baseline`);
  },
);

testUnless(test, missing, 'shuffled labels teach nothing', () => {
  const lines = readFileSync(sharedPath('data', 'criteo-kaggle-10k.tsv'), 'utf8').trimEnd().split('\n');
  const labels = lines.map((line) => line[0]);
  const random = generator(seed);
  for (let i = labels.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [labels[i], labels[j]] = [labels[j], labels[i]];
  }
  const { auc } = learn(`${lines.map((line, i) => `${labels[i]}${line.slice(1)}`).join('\n')}\n`);
  process.stdout.write(`AUC ${auc}\n`);
  assert.ok(Math.abs(auc - 0.5) <= 0.06, `AUC ${auc}`);
});

test.run();
