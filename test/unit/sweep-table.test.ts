import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  compressionCells,
  listCells,
  toCsv,
  toJsonLines,
  toMarkdown,
  toText,
} from '../../src/sweep/format-table.ts';
import type { PlannedRun, SweepPlan } from '../../src/sweep/plan-sweep.ts';
import { qualityPlot } from '../../src/sweep/quality-plot.ts';
import { epochsToTarget, median, type RunResult } from '../../src/sweep/run-result.ts';
import { buildTable, type SweepOutcome } from '../../src/sweep/sweep-table.ts';
import { testConfig } from '../helpers/configs.ts';

const test = suite('table of a sweep');

function outcome(
  labels: Record<string, string>,
  aucs: readonly number[] | null,
  secondsPer1000 = 10,
): SweepOutcome {
  const run: PlannedRun = { name: Object.values(labels).join(','), labels, config: testConfig() };
  if (aucs === null) return { run, result: null };
  const result: RunResult = {
    bestAuc: Math.max(...aucs),
    aucs: aucs.map((auc, i) => ({ epoch: (i + 1) / 2, auc })),
    secondsPer1000,
    secondsPerEvaluation: 0.25,
    parameters: 100,
    embeddingBytes: 400,
    trainSeconds: 1,
  };
  return { run, result };
}

function plan(axes: readonly string[], target: number | 'original' = 'original'): SweepPlan {
  return { name: 'test', axes, target, runs: [] };
}

test('epochs are those of the first evaluation at the target, and times relative to the original', () => {
  const rows = buildTable(plan(['compression']), [
    outcome({ compression: 'original' }, [0.7, 0.80317, 0.8], 50),
    outcome({ compression: '10x' }, [0.7, 0.75, 0.8031, 0.81], 25),
    outcome({ compression: '100x' }, [0.7, 0.8], 5),
  ]);
  assert.equal(
    rows.map(({ epochsToTarget: epochs }) => epochs?.mean ?? null),
    [1, 1.5, null],
  );
  assert.is(rows[0]?.target, 0.8031);
  assert.equal(
    rows.map(({ relativeTime }) => relativeTime),
    [1, 0.75, null],
  );
});

test('seeds become mean and spread; the target is the least of the original’s best', () => {
  const rows = buildTable(plan(['compression', 'seed']), [
    outcome({ compression: 'original', seed: '1' }, [0.79, 0.8]),
    outcome({ compression: 'original', seed: '2' }, [0.81, 0.78]),
    outcome({ compression: '10x', seed: '1' }, [0.79, 0.82]),
    outcome({ compression: '10x', seed: '2' }, [0.7, 0.7]),
  ]);
  assert.is(rows.length, 2);
  assert.is(rows[0]?.target, 0.8);
  assert.is(rows[0]?.bestAuc?.mean, 0.805);
  assert.ok(Math.abs((rows[0]?.bestAuc?.deviation ?? 0) - Math.SQRT1_2 / 100) < 1e-12);
  assert.is(rows[0]?.epochsToTarget?.mean, 0.75);
  assert.is(rows[1]?.epochsToTarget, null, 'a seed that never got there has no number of epochs');
});

test('each model has its own original and target, and a failed run leaves gaps', () => {
  const rows = buildTable(plan(['model', 'compression']), [
    outcome({ model: 'a', compression: 'original' }, [0.7]),
    outcome({ model: 'a', compression: '10x' }, null),
    outcome({ model: 'b', compression: 'original' }, [0.6], 4),
    outcome({ model: 'b', compression: '10x' }, [0.6], 2),
  ]);
  assert.equal(
    rows.map(({ target }) => target),
    [0.7, 0.7, 0.6, 0.6],
  );
  assert.equal(
    rows.map(({ relativeTime }) => relativeTime),
    [1, null, 1, 0.5],
  );
  assert.is(rows[1]?.failed, 1);
  const cells = compressionCells(plan(['model', 'compression']), rows);
  assert.equal(cells?.[0], ['', '', 'target', 'original', '10x']);
  assert.equal(cells?.[1], ['a', 'best AUC', '0.7000', '0.7000', '-']);
  assert.equal(cells?.[8], ['b', 'A·B, relative', '0.6000', '1.00', '0.50']);
});

test('a time measured apart from the runs takes the place of theirs', () => {
  const original = { ...outcome({ compression: 'original' }, [0.7], 50), measuredSecondsPer1000: 8 };
  const rows = buildTable(plan(['compression'], 0.65), [original, outcome({ compression: '2x' }, [0.7], 4)]);
  assert.is(rows[0]?.secondsPer1000?.mean, 8);
  assert.is(rows[1]?.relativeTime, 0.5);
});

test('tables come as text, Markdown, CSV and JSON lines', () => {
  const outcomes = [outcome({ precision: 'f32' }, [0.75]), outcome({ precision: 'a,"b|' }, [0.8])];
  const own = plan(['precision'], 0.8);
  const rows = buildTable(own, outcomes);
  assert.is(compressionCells(own, rows), undefined);
  const cells = listCells(own, rows);
  assert.equal(toText(cells).slice(1), [
    'f32        0.7500    0.8000  -                     10.00                      -              0.25',
    'a,"b|      0.8000    0.8000  0.50                  10.00                      -              0.25',
  ]);
  assert.match(toMarkdown(cells), /^\| precision \| best AUC .*\n\|---\|.*\n.*\n\| a,"b\\\| \|/);
  const csv = toCsv(own, rows).split('\n');
  assert.is(
    csv[0],
    'precision,seeds,failed,target,relative_time,embedding_bytes,best_auc,best_auc_deviation,epochs_to_target,epochs_to_target_deviation,seconds_per_1000,seconds_per_1000_deviation,seconds_per_evaluation,seconds_per_evaluation_deviation',
  );
  assert.is(csv[2], '"a,""b|",1,0,0.8,,400,0.8,,0.5,,10,,0.25,');
  const lines = toJsonLines(outcomes)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(
    lines.map(({ run, bestAuc, failed }) => [run, bestAuc, failed]),
    [
      ['f32', 0.75, false],
      ['a,"b|', 0.8, false],
    ],
  );
});

test('medians and targets of single runs', () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 2, 3]), 2.5);
  const { result } = outcome({}, [0.6, 0.7]);
  assert.is(epochsToTarget(result as RunResult, 0.65), 1);
  assert.is(epochsToTarget(result as RunResult, 0.75), null);
});

test('the plot has a point for each compression and line, with the spread of its seeds, and the original across', () => {
  const outcomes = ['original', '10x', '100x'].flatMap((compression) =>
    ['robe', 'hash'].flatMap((kind) =>
      [0.7, 0.72].map((auc, i) => outcome({ kind, compression, seed: String(i) }, [auc])),
    ),
  );
  const rows = buildTable(plan(['kind', 'compression', 'seed'], 0.65), outcomes);
  const { layer } = qualityPlot(rows, 'kinds') as { layer: { data: { values: Record<string, number>[] } }[] };
  const [originals, lines] = layer.map(({ data }) => data.values);
  assert.is(originals?.length, 2);
  assert.equal(
    lines?.map(({ series, compression }) => [series, compression]),
    [
      ['robe', 10],
      ['hash', 10],
      ['robe', 100],
      ['hash', 100],
    ],
  );
  assert.ok(Math.abs((lines?.[0]?.['high'] ?? 0) - 0.71 - Math.SQRT2 / 100) < 1e-12);
  assert.is(qualityPlot(rows.slice(0, 4), 'one size'), undefined);
});

test.run();
