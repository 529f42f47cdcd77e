import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isEmulated, missingCuda } from '../helpers/cuda-device.ts';
import { runModule } from '../helpers/run-module.ts';
import { runTestFile } from '../helpers/run-test-file.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('schedules on CUDA');

const reason =
  missingCuda() ?? (isEmulated() ? undefined : 'only the emulated driver has schedules to choose');

const STRICT = { PTX_RACE: '1', PTX_STRICT: '1', PTX_LEAKS: '1' };

/** Runs a test file with the emulated driver at its strictest; gives what it printed. */
function runFile(name: string, schedule: Readonly<Record<string, string>>): string {
  const run = runTestFile(`test/cuda/${name}-cuda.test.ts`, { ...STRICT, ...schedule });
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

/** Prints a digest of all values and gradients of the interactions over more samples than a block takes. */
const INTERACTIONS = `
  import { createHash } from 'node:crypto';
  import { interactionBatch, interactionCases, interactionGraphOf } from './test/helpers/interaction-cases.ts';
  import { traceGraph } from './test/helpers/op-graphs.ts';
  import { SeededRandom } from './test/helpers/seeded-random.ts';
  const digest = createHash('sha256');
  for (const one of interactionCases(9, 6)) {
    const { graph } = interactionGraphOf(one);
    const { batch, dout } = interactionBatch(one, graph, 35, new SeededRandom(1));
    const trace = await traceGraph(graph, { device: 'cuda' }, batch, dout);
    for (const part of [trace.values, trace.gradients, trace.parameterGradients]) {
      for (const values of Object.values(part)) digest.update(values);
    }
  }
  process.stdout.write(digest.digest('hex'));
`;
const interactions = new Set<string>();

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

for (const schedule of SCHEDULES) {
  const name = Object.values(schedule).join(', ');
  testUnless(test, reason, `interactions have the same bits under ${name}, without a complaint`, () => {
    const { status, stdout, stderr } = runModule(INTERACTIONS, { ...STRICT, ...schedule });
    assert.is(status, 0, stderr);
    assert.not.match(stderr, /^emu:/m);
    interactions.add(stdout);
    assert.is(interactions.size, 1, 'another schedule gave other bits');
  });
}

test.run();
