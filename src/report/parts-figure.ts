import { median } from '../sweep/run-result.ts';
import { colourScale, type Figure, themed } from './figure.ts';
import type { ReportRun } from './report-run.ts';
import type { BenchParts } from './sources.ts';

interface Part {
  readonly bar: string;
  readonly part: string;
  readonly milliseconds: number;
}

/** Time of a training step in runs: what the engine took, and what it waited for data. */
export function runPartsFigure(runs: readonly ReportRun[]): Figure[] {
  const parts = runs.flatMap(({ name, history }): Part[] => {
    const { steps, start } = history;
    if (steps.length === 0) return [];
    const { data } = start.config as { data: { batchSize: number } };
    const whole = (1000 * data.batchSize) / median(steps.map(({ samplesPerSecond }) => samplesPerSecond));
    const gaps = steps.map(({ step }, i) => step - (steps[i - 1]?.step ?? 0));
    const waiting = Math.min(whole, median(steps.map(({ dataWaitMs }, i) => dataWaitMs / (gaps[i] ?? 1))));
    return [
      { bar: name, part: 'computing', milliseconds: whole - waiting },
      { bar: name, part: 'waiting for data', milliseconds: waiting },
    ];
  });
  return barFigure(parts, 'step-time', 'Time of a training step', 'Medians over the runs’ step events.');
}

/** Time by part as `pss bench` measured it. */
export function benchPartsFigure(benches: readonly BenchParts[]): Figure[] {
  const parts = benches.flatMap((row) =>
    Object.entries(row.parts).map(([part, milliseconds]) => ({
      bar: [`${row.bench} ${row.case}`, ...sizeOf(row)].join(', '),
      part,
      milliseconds,
    })),
  );
  const caption = 'Medians of undisturbed samples, from pss bench.';
  return barFigure(parts, 'step-parts', 'Time of a step, by part', caption);
}

function sizeOf({ memorySize }: BenchParts): string[] {
  return memorySize === undefined ? [] : [`|M| = ${memorySize.toLocaleString('en')}`];
}

function barFigure(parts: readonly Part[], id: string, title: string, caption: string): Figure[] {
  if (parts.length === 0) return [];
  const names = [...new Set(parts.map(({ part }) => part))];
  return [
    {
      id,
      title,
      caption,
      spec: ({ width, legendColumns }) =>
        themed({
          width,
          height: { step: 46 },
          data: { values: parts },
          transform: [
            {
              stack: 'milliseconds',
              groupby: ['bar'],
              as: ['from', 'to'],
            },
          ],
          encoding: { y: { field: 'bar', type: 'nominal', sort: null, axis: null } },
          layer: [
            {
              mark: { type: 'bar', height: 16, yOffset: 8 },
              encoding: {
                x: { field: 'from', type: 'quantitative', axis: { title: 'ms', tickCount: width / 80 } },
                x2: { field: 'to' },
                color: {
                  field: 'part',
                  type: 'nominal',
                  sort: null,
                  scale: colourScale(names),
                  legend: { title: null, orient: 'top', columns: legendColumns, symbolType: 'square' },
                },
              },
            },
            {
              transform: [{ aggregate: [{ op: 'max', field: 'to', as: 'whole' }], groupby: ['bar'] }],
              mark: {
                type: 'text',
                align: 'left',
                baseline: 'middle',
                yOffset: -8,
                fontSize: 12,
                x: 0,
                limit: width + 60,
              },
              encoding: { text: { field: 'bar' } },
            },
          ],
        }),
    },
  ];
}
