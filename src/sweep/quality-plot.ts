import type { TopLevelSpec } from 'vega-lite';
import { ORIGINAL } from './plan-sweep.ts';
import { COMPRESSION_AXIS } from './sweep-schema.ts';
import type { TableRow } from './sweep-table.ts';

/** A row's quality on the plot. */
interface QualityPoint {
  readonly compression: number;
  readonly series: string;
  readonly auc: number;
  /** Ends of the bar: one standard deviation among the seeds each way. */
  readonly low: number;
  readonly high: number;
}

/**
 * Best AUC against compression: a line for each combination of what else is varied, bars of one standard deviation among seeds, and the
 * original as a dashed line across.
 * @returns undefined when fewer than two compressions were varied
 */
export function qualityPlot(rows: readonly TableRow[], title: string): TopLevelSpec | undefined {
  const points = rows.flatMap(pointOf);
  const compressions = [...new Set(points.map(({ compression }) => compression))].sort((a, b) => a - b);
  if (compressions.length < 2) return undefined;
  const series = [...new Set(points.map((point) => point.series))];
  const originals = rows.flatMap(({ labels, bestAuc }) =>
    labels[COMPRESSION_AXIS] === ORIGINAL && bestAuc ? [{ auc: bestAuc.mean }] : [],
  );
  const encodeY = { field: 'auc', type: 'quantitative' as const };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: {
      text: title,
      subtitle: `best AUC by compression; bars: ± one standard deviation among seeds${originals.length > 0 ? '; dashed: full tables' : ''}`,
      anchor: 'start',
    },
    description: `Best AUC against compression: ${title}`,
    background: 'white',
    config: { aria: false },
    width: 560,
    height: 420,
    layer: [
      {
        data: { values: originals },
        mark: { type: 'rule', strokeDash: [6, 4], color: '#444444' },
        encoding: { y: encodeY },
      },
      {
        data: { values: points.map((point) => ({ ...point })) },
        encoding: {
          x: {
            field: 'compression',
            type: 'quantitative',
            scale: { type: 'log', nice: false, padding: 16 },
            axis: {
              title: 'compression',
              values: compressions,
              format: ',d',
              labelExpr: "datum.label + '×'",
            },
          },
          color: {
            field: 'series',
            type: 'nominal',
            sort: series,
            scale: { scheme: 'tableau10' },
            legend: { title: null },
          },
        },
        layer: [
          {
            mark: { type: 'line', strokeWidth: 1.5 },
            encoding: {
              y: { ...encodeY, scale: { zero: false }, axis: { title: 'best AUC', format: '.3f' } },
            },
          },
          {
            mark: { type: 'point', size: 36, filled: true },
            encoding: {
              y: encodeY,
              shape: { field: 'series', type: 'nominal', sort: series, legend: { title: null } },
            },
          },
          {
            mark: { type: 'rule', strokeWidth: 1 },
            encoding: { y: { field: 'low', type: 'quantitative' }, y2: { field: 'high' } },
          },
        ],
      },
    ],
  };
}

function pointOf({ labels, bestAuc }: TableRow): QualityPoint[] {
  const { [COMPRESSION_AXIS]: label, ...others } = labels;
  const compression = Number.parseFloat(label ?? '');
  // The original has no number of times.
  if (!(compression > 1) || bestAuc === null) return [];
  const { mean, deviation } = bestAuc;
  const series = Object.values(others).join(', ');
  return [
    {
      compression,
      series,
      auc: mean,
      low: mean - (deviation ?? 0),
      high: mean + (deviation ?? 0),
    },
  ];
}
