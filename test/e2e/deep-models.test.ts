import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newestModelPath, readEvents } from '../helpers/read-run.ts';
import { runPss } from '../helpers/run-pss.ts';
import { generator } from '../helpers/shards.ts';
import { missingShared, repositoryRoot, sharedPath } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';
import { signalAfterLines, startPss } from '../helpers/start-pss.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('deep models');
const seed = Number(process.env['PSS_TEST_SEED'] ?? 3);
process.stdout.write(`seed ${seed} (PSS_TEST_SEED repeats it)\n`);
const MODELS = ['dcn', 'autoint', 'deepfm', 'xdeepfm', 'fibinet'] as const;
const missing = missingShared('data', 'criteo-kaggle-10k.tsv');
const cwd = temporaryFolder();

function succeed(args: readonly string[]): string {
  const { code, stdout, stderr } = runPss(args, { cwd });
  assert.is(code, 0, stderr);
  return stdout;
}

test.before(() => {
  const slice = join(repositoryRoot, 'data', 'criteo-slice.tsv');
  succeed(['prepare', slice, '--out', 'slice', '--split', 'head:5000']);
  if (missing) return;
  writeFileSync(join(cwd, 'rows.tsv'), readFileSync(sharedPath('data', 'criteo-kaggle-10k.tsv')));
  succeed(['prepare', 'rows.tsv', '--out', 'shards', '--split', 'head:8000']);
});

for (const model of MODELS) {
  testUnless(
    test,
    missing,
    `${model}, compressed 100 times, learns from 8,000 real rows what holds for the next 2,000`,
    () => {
      const config = join(repositoryRoot, 'configs', `${model}-tiny.yaml`);
      const sets = [
        `seed=${seed}`,
        'data.train=shards/train',
        'data.eval=shards/test',
        'data.batchSize=128',
        'data.evalBatchSize=2000',
        'embedding.dim=16',
        'embedding.chunkSize=4',
        'embedding.compression=100',
        'train={ epochs: 2 }',
      ].flatMap((set) => ['--set', set]);
      succeed(['train', '--config', config, '--run-dir', model, ...sets]);
      const events = readEvents(join(cwd, model));
      const last = events.filter(({ event }) => event === 'eval').at(-1) as Record<string, number>;
      const gain = (last['baselineLogLoss'] as number) - (last['logLoss'] as number);
      process.stdout.write(`${model}: AUC ${last['auc']}, log loss ${gain} under the baseline\n`);
      assert.ok((events[0]?.['compression'] as number) >= 100);
      assert.ok((last['auc'] as number) >= 0.7, `AUC ${last['auc']}`);
      assert.ok(gain >= 0.04, `log loss only ${gain} under the baseline`);
    },
  );
}

for (const model of ['deepfm', 'xdeepfm', 'fibinet'] as const) {
  test(`${model} with dropout, killed and resumed, ends with the bytes of a run that was not`, async () => {
    const config = join(repositoryRoot, 'configs', `${model}-tiny.yaml`);
    const begin = (runDir: string) => [
      ...['train', '--config', config, '--run-dir', runDir],
      ...['--set', 'data.train=slice/train', '--set', 'data.eval=slice/test', '--set', 'train.logEvery=5'],
    ];
    succeed(begin(`${model}-whole`));
    succeed([...begin(`${model}-one-thread`), '--set', 'threads=1']);
    const runDir = join(cwd, `${model}-killed`);
    const random = generator(seed);
    const stopAt = 12 + Math.floor(random() * 15);
    const ending = await signalAfterLines(startPss(begin(`${model}-killed`), cwd), 'SIGKILL', runDir, stopAt);
    assert.is(ending.signal, 'SIGKILL');
    assert.ok(existsSync(join(runDir, 'run.jsonl')));
    succeed(['train', '--resume', `${model}-killed`]);
    const bytes = (name: string) => readFileSync(newestModelPath(join(cwd, name)));
    const whole = bytes(`${model}-whole`);
    assert.ok(bytes(`${model}-killed`).equals(whole));
    assert.ok(bytes(`${model}-one-thread`).equals(whole));
  });
}

test.run();
