import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { configDifferences } from '../../src/report/config-difference.ts';
import { escapeHtml, table } from '../../src/report/html.ts';
import { courseOf } from '../../src/report/report-run.ts';
import { rowsOfRuns } from '../../src/report/rows-of-runs.ts';
import { readSources } from '../../src/report/sources.ts';
import { tradeOffFigure } from '../../src/report/trade-off-figure.ts';
import { readRunLog } from '../../src/run-log/read-run-log.ts';
import { writeRunLog } from '../helpers/run-logs.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('report');
const folder = temporaryFolder();
const at = (name: string) => join(folder, name);
writeRunLog(at('small'), { aucs: [0.6, 0.7, 0.72], embeddingBytes: 4000, samplesPerSecond: 10_000 });
writeRunLog(at('large'), {
  aucs: [0.7, 0.71],
  embeddingBytes: 4_000_000,
  sets: ['embedding.memorySize=1000000', 'seed=9'],
});

async function runs(...names: readonly string[]) {
  return (await readSources(names.map(at))).runs;
}

async function refuses(paths: readonly string[], sentence: RegExp): Promise<void> {
  const message = await readSources(paths).then(
    () => 'nothing was wrong',
    (error: Error) => error.message,
  );
  assert.match(message, sentence);
}

test('a course has samples and training time; its evaluations lie on the clock of the step events', async () => {
  const [run] = await runs('large');
  assert.ok(run);
  const { auc, logLoss, trainingLoss } = courseOf(run.history);
  assert.equal(auc, [
    { samples: 500, seconds: 0.1, value: 0.7 },
    { samples: 1000, seconds: 0.2, value: 0.71 },
  ]);
  assert.is(logLoss.length, 2);
  assert.equal(
    trainingLoss.map(({ samples }) => samples),
    [250, 500, 750, 1000],
  );
});

test('what a cut-off attempt logged beyond the point of resumption is left out', async () => {
  writeRunLog(at('resumed'), { aucs: [0.6, 0.65] });
  const path = join(at('resumed'), 'run.jsonl');
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  const start = { ...JSON.parse(lines[0] as string), resumedFromStep: 10 };
  const again = { ...JSON.parse(lines.at(-2) as string), auc: 0.66 };
  appendFileSync(path, `${JSON.stringify(start)}\n${JSON.stringify(again)}\n{"time":"cut o`);
  const { steps, evaluations, end } = await readRunLog(at('resumed'));
  assert.equal(
    evaluations.map(({ step, auc }) => [step, auc]),
    [
      [10, 0.6],
      [20, 0.66],
    ],
  );
  assert.equal(
    steps.map(({ step }) => step),
    [5, 10],
  );
  assert.is(end, undefined);
});

test('configurations are compared key by key, names aside', async () => {
  assert.equal(configDifferences(await runs('small', 'large')), [
    { key: 'seed', values: ['3', '9'] },
    { key: 'embedding.memorySize', values: ['500', '1000000'] },
  ]);
  assert.equal(configDifferences(await runs('small')), []);
});

test('runs of no sweep are held against the AUC that all of them reach', async () => {
  const rows = rowsOfRuns(await runs('small', 'large'));
  assert.equal(
    rows.map(({ target, epochsToTarget, relativeTime }) => [target, epochsToTarget?.mean, relativeTime]),
    [
      [0.71, 1.5, 1],
      [0.71, 1, 4 / 3],
    ],
  );
  assert.is(tradeOffFigure(rows, 'id').length, 1);
  assert.is(tradeOffFigure(rows.slice(0, 1), 'id').length, 0, 'one size is nothing to trade');
});

test('runs of the same name are numbered', async () => {
  const names = (await runs('small', 'large', 'small')).map(({ name }) => name);
  assert.equal(names, ['small', 'large', 'small (2)']);
});

test('names and values can’t break the page', () => {
  assert.is(escapeHtml(`<a b="c" & 'd'>`), '&lt;a b=&quot;c&quot; &amp; &#39;d&#39;&gt;');
  assert.match(
    table(['<h>'], [['<td>', { html: '<b>x</b>' }]]),
    /<th>&lt;h&gt;<\/th>.*\n.*&lt;td&gt;.*<b>x<\/b>/,
  );
});

test('what can’t be reported on is named', async () => {
  mkdirSync(at('empty'));
  mkdirSync(at('unbegun/runs/one'), { recursive: true });
  writeFileSync(
    at('bench.jsonl'),
    '{"bench":"step","case":"a","memorySize":1,"medianMs":2,"parts":{}}\n{"x":1}\n',
  );
  mkdirSync(at('broken'));
  writeFileSync(join(at('broken'), 'run.jsonl'), '{"event":"run_start","config":{}}\nnonsense\n');
  mkdirSync(at('headless'));
  writeFileSync(join(at('headless'), 'run.jsonl'), '{"event":"step"}\n');
  await refuses(
    [at('gone')],
    /Cannot read .*gone: there is no such file or folder; give a run, a sweep or a benchmark/,
  );
  await refuses([at('empty')], /empty is neither a run \(it has no run\.jsonl\) nor a sweep/);
  await refuses([at('unbegun')], /No run of the sweep .*unbegun has begun/);
  await refuses([at('bench.jsonl')], /bench\.jsonl:2: this line isn't a row of pss bench/);
  await refuses([at('broken')], /run\.jsonl:2: this line isn't an event/);
  await refuses([at('headless')], /has no run_start event/);
  writeFileSync(at('nothing.jsonl'), '');
  await refuses([at('nothing.jsonl')], /nothing\.jsonl is empty; give a file that/);
});

test.run();
