import { freemem } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAddon } from '../../src/addon/load.ts';
import { benchCase } from '../../src/bench/cases.ts';
import { measuredCrossover } from '../../src/bench/crossover.ts';
import { benchEmbedding, PASSES } from '../../src/bench/embedding.ts';
import { EMBEDDING_TABLES, type EmbeddingCase, embeddingCases } from '../../src/bench/embedding-cases.ts';
import { alternatingSamples } from '../../src/bench/gated-samples.ts';
import { benchStep } from '../../src/bench/step.ts';
import { runPss } from '../helpers/run-pss.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('bench');

/** The addon on a machine that is never busy, so that no sample is turned down. */
const addon = { ...loadAddon(), fmaProbe: () => 100 };
const PEAK = { gflops: 100, threads: 2, precision: 'f32' } as const;

test('times the passes of every embedding case', async () => {
  const cases = EMBEDDING_TABLES.flatMap((table) => embeddingCases(table, [20_000]));
  // Those of the gradient table differ by numbers alone, and its arrays are large whatever the rows.
  const shown = cases.filter(({ table, name }) => table !== 'gradient' || /adagrad Z=8 0.25$/.test(name));
  let i = 0;
  for await (const rows of benchEmbedding(addon, shown, PEAK, 1)) {
    const embeddingCase = shown[i++] as EmbeddingCase;
    // Mixed dimensions can't be smaller than one float a row.
    if ('reason' in rows) {
      assert.match(rows.reason, /too few for kind md/);
      continue;
    }
    assert.equal(
      rows.map(({ pass }) => pass),
      /achlioptas|gaussian/.test(embeddingCase.name) ? PASSES.slice(0, 2) : PASSES,
    );
    for (const row of rows) {
      assert.is(row.case, embeddingCase.name);
      assert.is(row.samples, 1);
      assert.ok(row.medianMs > 0 && row.rooflineMs > 0, row.case);
      assert.is(row.rooflineFraction, row.rooflineMs / row.medianMs);
    }
  }
  assert.is(i, shown.length);
});

test('samples what is compared in turn, and each as often as was asked for', async () => {
  const order: string[] = [];
  const subject = (name: string) => ({
    work: async () => void order.push(name),
    inspect: async () => name,
  });
  const taken = await alternatingSamples(addon, PEAK, 2, [subject('a'), subject('b')]);
  assert.equal(order, ['a', 'b', 'a', 'b']);
  assert.equal(
    taken.map(({ accepted }) => accepted.map(({ details }) => details)),
    [
      ['a', 'a'],
      ['b', 'b'],
    ],
  );
});

test('turns down samples beside a slow probe, and ends all the same', async () => {
  const busy = { ...addon, fmaProbe: () => 50 };
  const subject = { work: async () => {}, inspect: async () => undefined };
  const [taken] = await alternatingSamples(busy, PEAK, 3, [subject]);
  assert.is(taken?.accepted.length, 0);
  assert.is(taken?.rejected, 24);
});

test('stops with fewer samples when its time is over', async () => {
  let taken = 0;
  const work = async () => {
    taken++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const subject = { work, inspect: async () => undefined };
  const [samples] = await alternatingSamples(addon, PEAK, 1000, [subject], performance.now() + 50);
  assert.ok(taken >= 1 && taken <= 4, `${taken} samples`);
  assert.is(samples?.accepted.length, taken);
});

test('leaves out what no memory holds, and says so', async () => {
  const [huge] = embeddingCases('compression', [2 ** 32]);
  if (!huge) throw new Error('no case');
  for await (const skipped of benchEmbedding(addon, [huge], PEAK, 1)) {
    assert.match('reason' in skipped ? skipped.reason : '', /M takes 204\.8 GiB/);
  }
});

test('random chunks take longer where no cache holds the array', () => {
  const [small, large] = [2 ** 14, 2 ** 26].map((floats) => addon.chunkProbe(1, floats, 16, 20_000));
  assert.ok(small && large && small.gatherNs < large.gatherNs && small.updateNs < large.updateNs);
});

test('times whole steps and predictions', async () => {
  const benchmark = benchCase('kaggle-128');
  for (const bench of ['step', 'inference'] as const) {
    const row = await benchStep(addon, bench, benchmark, PEAK, 1);
    assert.is(row.case, 'kaggle-128');
    assert.is(row.samplesPerSecond, 128_000 / row.medianMs);
    assert.ok(Object.keys(row.parts).includes('topMlp.forward'));
  }
  const quantized = await benchStep(addon, 'inference', benchmark, { ...PEAK, precision: 'int8' }, 1);
  assert.is(quantized.precision, 'int8');
  assert.ok(Object.keys(quantized.parts).includes('bottomMlp.forward'));
});

test('tables are scaled down to a number of rows, small ones kept', () => {
  const sizes = benchCase('tb-2048', { tableRows: 20_000_000 }).tableSizes;
  const rows = sizes.reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(rows - 20_000_000) < 20, `${rows}`);
  assert.equal([sizes[5], sizes[17], sizes[9]], [3, 976, sizes[0]]);
  assert.throws(
    () => benchCase('tb-2048', { tableRows: 1000 }),
    /have 204184588 rows and can't be scaled to 1000; give --table-rows from \d+ to that/,
  );
});

// On a machine with so much memory the model would be made.
const holdsIt = freemem() > 97 * 2 ** 30 ? 'this machine has that much' : undefined;
testUnless(test, holdsIt, 'a model that no memory holds is told so before it is made', async () => {
  const huge = benchCase('tb-2048', { sets: ['embedding.kind=full'] });
  const error = await benchStep(addon, 'step', huge, PEAK, 1).then(
    () => assert.unreachable(),
    (e: Error) => e,
  );
  assert.match(
    (error as Error).message,
    /The parameters of tb-2048 take 97\.\d GiB, and .* free; give fewer --table-rows/,
  );
});

test('wrong cases and instruction sets are one sentence and exit code 2', () => {
  for (const [options, expected] of [
    [
      ['--case', 'tb-4096'],
      /There is no case "tb-4096"; use one of tb-2048, kaggle-2048, kaggle-128, tb-16384/,
    ],
    [['--isa', 'sse'], /'sse' is invalid\. Allowed choices are avx512bf16, avx512, avx2, ref/],
  ] as const) {
    for (const bench of ['step', 'inference']) {
      const { code, stderr } = runPss(['bench', bench, ...options]);
      assert.is(code, 2);
      assert.match(stderr, expected);
    }
  }
});

test('the measured crossover lies where the times are the same', () => {
  const points = [
    { memorySize: 1e6, dense: 1, sparse: 2 },
    { memorySize: 4e6, dense: 2, sparse: 2 },
    { memorySize: 16e6, dense: 8, sparse: 2 },
  ];
  assert.is(measuredCrossover(points), '4.00M');
  assert.is(measuredCrossover(points.slice(0, 1)), 'more than 1.00M');
  assert.is(measuredCrossover(points.slice(2)), 'at most 16.0M');
});

test('answers wrong sizes with exit code 2', () => {
  const { code, stderr } = runPss(['bench', 'embedding', '--rows', '4X']);
  assert.is(code, 2);
  assert.match(stderr, /a whole number up to 2³², as in 16000 or 4M/);
});

test.run();
