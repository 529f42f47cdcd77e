import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isEmulated, missingCuda } from '../helpers/cuda-device.ts';
import { runTestFile } from '../helpers/run-test-file.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('schedules on CUDA');

const reason =
  missingCuda() ?? (isEmulated() ? undefined : 'only the emulated driver has schedules to choose');

/** Runs a test file with the emulated driver at its strictest; gives what it printed. */
function runFile(name: string, schedule: Readonly<Record<string, string>>): string {
  const strict = { PTX_RACE: '1', PTX_STRICT: '1', PTX_LEAKS: '1' };
  const run = runTestFile(`test/cuda/${name}-cuda.test.ts`, { ...strict, ...schedule });
  assert.is(run.status, 0, run.text);
  assert.not.match(run.stderr, /^emu:/m);
  return run.text;
}

const SCHEDULES = [
  { PTX_ORDER: 'fwd', PTX_STREAMS: 'eager' },
  { PTX_ORDER: 'rev', PTX_STREAMS: 'lazy' },
  { PTX_ORDER: 'rand', PTX_STREAMS: 'rand', PTX_SEED: '1' },
  { PTX_ORDER: 'rand', PTX_STREAMS: 'rand', PTX_SEED: '2' },
  { PTX_ORDER: 'rand', PTX_STREAMS: 'rand', PTX_SEED: '3' },
];
const digests = new Set<string>();

for (const schedule of SCHEDULES) {
  const name = Object.values(schedule).join(', ');
  testUnless(
    test,
    reason,
    `steps, lookups and bf16 products end the same under ${name}, without a complaint`,
    () => {
      for (const file of ['step', 'embedding', 'bf16']) runFile(file, schedule);
    },
  );

  testUnless(test, reason, `updates of M have the same bits under ${name}, without a complaint`, () => {
    const digest = /digest (\w+)/.exec(runFile('updates', schedule))?.[1];
    assert.ok(digest);
    digests.add(digest);
    assert.is(digests.size, 1, 'another schedule gave other bits');
  });
}

test.run();
