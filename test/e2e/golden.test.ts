import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newestModelPath, readEvents, readTensors } from '../helpers/read-run.ts';
import { runPss } from '../helpers/run-pss.ts';
import { missingShared, sharedPath } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('golden');

interface Expected {
  readonly trainRows: number;
  readonly losses: number[];
  readonly evalAuc: number;
  readonly evalLogLoss: number;
  readonly logits: number[];
}

/** Runs a command in a folder and expects it to succeed. */
function succeed(cwd: string, args: readonly string[]): string {
  const { code, stdout, stderr } = runPss(args, { cwd });
  assert.is(code, 0, stderr);
  return stdout;
}

for (const name of ['robe-z16', 'full', 'deepfm', 'dcn', 'autoint', 'xdeepfm', 'fibinet']) {
  const missing = missingShared('golden', name, 'expected.json');
  const file = (what: string) => sharedPath('golden', name, what);

  testUnless(
    test,
    missing,
    `${name}: losses, weights and scores of the reference run, through the command line`,
    () => {
      const cwd = temporaryFolder();
      const expected = JSON.parse(readFileSync(file('expected.json'), 'utf8')) as Expected;
      const { trainRows } = expected;
      succeed(cwd, [
        'prepare',
        file('rows.tsv'),
        '--out',
        'shards',
        '--ids',
        'vocab',
        '--split',
        `head:${trainRows}`,
      ]);
      const init = file('init.safetensors');
      succeed(cwd, ['train', '--config', file('config.yaml'), '--init', init, '--run-dir', 'run']);

      const events = readEvents(join(cwd, 'run'));
      const losses = events.filter(({ event }) => event === 'step').map(({ loss }) => loss as number);
      assert.is(losses.length, expected.losses.length);
      losses.forEach((loss, i) => {
        const wanted = expected.losses[i] as number;
        assert.ok(Math.abs(loss - wanted) <= 2e-5 * wanted, `loss of step ${i + 1}: ${loss}, not ${wanted}`);
      });
      const evaluation = events.find(({ event }) => event === 'eval') as Record<string, number>;
      assert.ok(Math.abs((evaluation['auc'] as number) - expected.evalAuc) <= 1e-4);
      assert.ok(Math.abs((evaluation['logLoss'] as number) - expected.evalLogLoss) <= 1e-5);

      const weights = readTensors(newestModelPath(join(cwd, 'run')));
      const reference = readTensors(file('final.safetensors'));
      assert.equal([...weights.keys()].sort(), [...reference.keys()].sort());
      for (const [tensor, wanted] of reference) {
        const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const got = weights.get(tensor) as Float32Array;
        assert.is(got.length, wanted.length);
        const apart = wanted.reduce(
          (most, value, i) => Math.max(most, Math.abs(value - (got[i] as number))),
          0,
        );
        assert.ok(apart <= 1e-4 * largest, `${tensor} is ${apart} away, its largest value is ${largest}`);
      }
    },
  );

  testUnless(
    test,
    missing,
    `${name}: weights from elsewhere are evaluated, with the reference's logits`,
    () => {
      const cwd = temporaryFolder();
      const expected = JSON.parse(readFileSync(file('expected.json'), 'utf8')) as Expected;
      const split = `head:${expected.trainRows}`;
      succeed(cwd, ['prepare', file('rows.tsv'), '--out', 'shards', '--ids', 'vocab', '--split', split]);
      const model = ['--config', file('config.yaml'), '--init', file('final.safetensors')];
      const stdout = succeed(cwd, ['eval', ...model, '--predictions', 'scores.arrow', '--json']);
      assert.ok(Math.abs(JSON.parse(stdout).auc - expected.evalAuc) <= 1e-4);
      const scores = tableFromIPC(readFileSync(join(cwd, 'scores.arrow')));
      assert.equal(
        scores.schema.fields.map((field) => `${field.name}: ${field.type}`),
        ['logit: Float32', 'probability: Float32', 'label: Uint8'],
      );
      expected.logits.forEach((wanted, row) => {
        const logit = scores.getChild('logit')?.get(row) as number;
        assert.ok(Math.abs(logit - wanted) < 1e-4, `logit of row ${row}: ${logit}, not ${wanted}`);
        const probability = scores.getChild('probability')?.get(row) as number;
        assert.ok(Math.abs(probability - 1 / (1 + Math.exp(-logit))) < 1e-6);
      });
    },
  );
}

test.run();
