import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isEmulated, missingCuda } from '../helpers/cuda-device.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('schedules on CUDA');

const reason =
  missingCuda() ?? (isEmulated() ? undefined : 'only the emulated driver has schedules to choose');

/** Runs a file of tests in a process of its own, with the emulated driver at its strictest. */
function runTests(name: string, schedule: Readonly<Record<string, string>>): string {
  const file = join(repositoryRoot, 'test', 'cuda', `${name}-cuda.test.ts`);
  const strict = { PTX_RACE: '1', PTX_STRICT: '1', PTX_LEAKS: '1' };
  const run = spawnSync(process.execPath, ['--import', 'tsx', file], {
    cwd: repositoryRoot,
    env: { ...process.env, ...strict, ...schedule },
    encoding: 'utf8',
  });
  assert.is(run.status, 0, `${run.stdout}${run.stderr}`);
  return run.stderr;
}

const SCHEDULES = [
  { PTX_ORDER: 'rev', PTX_STREAMS: 'lazy' },
  { PTX_ORDER: 'fwd', PTX_STREAMS: 'eager' },
  { PTX_ORDER: 'rand', PTX_STREAMS: 'rand', PTX_SEED: '1' },
  { PTX_ORDER: 'rand', PTX_STREAMS: 'rand', PTX_SEED: '2' },
  { PTX_ORDER: 'rand', PTX_STREAMS: 'rand', PTX_SEED: '3' },
];

for (const [name, title] of [
  ['step', 'steps end the same'],
  ['bf16', 'products of bfloat16 are the same'],
] as const) {
  for (const schedule of SCHEDULES) {
    const under = Object.values(schedule).join(', ');
    testUnless(test, reason, `${title} under ${under}, without a complaint`, () => {
      assert.not.match(runTests(name, schedule), /^emu:/m);
    });
  }
}

test.run();
