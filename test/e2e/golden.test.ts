import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkGoldenTraining, prepareGolden, readGolden, succeed } from '../helpers/golden-run.ts';
import { missingShared, sharedPath } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('golden');

for (const name of ['robe-z16', 'full', 'deepfm', 'dcn', 'autoint', 'xdeepfm', 'fibinet']) {
  const missing = missingShared('golden', name, 'expected.json');
  const file = (what: string) => sharedPath('golden', name, what);

  testUnless(
    test,
    missing,
    `${name}: losses, weights and scores of the reference run, through the command line`,
    () => {
      checkGoldenTraining(name);
    },
  );

  testUnless(
    test,
    missing,
    `${name}: weights from elsewhere are evaluated, with the reference's logits`,
    () => {
      const expected = readGolden(name);
      const cwd = prepareGolden(name);
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
