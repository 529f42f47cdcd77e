import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingCuda } from '../helpers/cuda-device.ts';
import { checkGoldenTraining } from '../helpers/golden-run.ts';
import { missingShared } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('golden on CUDA');

for (const name of ['robe-z16', 'full', 'deepfm', 'dcn', 'autoint', 'xdeepfm', 'fibinet']) {
  testUnless(
    test,
    missingShared('golden', name, 'expected.json') ?? missingCuda(),
    `${name}: losses, weights and scores of the reference run, through the command line on a GPU`,
    () => {
      const [start] = checkGoldenTraining(name, ['device=cuda']);
      assert.is(start?.['device'], 'cuda:0');
      assert.type(start?.['deviceName'], 'string');
    },
  );
}

test.run();
