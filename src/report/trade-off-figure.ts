import { COMPRESSION_AXIS } from '../sweep/sweep-schema.ts';
import type { TableRow } from '../sweep/sweep-table.ts';
import { colour, colourScale, type Figure, type Layout, themed } from './figure.ts';

/** A measure that a model's size moves. */
interface Measure {
  readonly title: string;
  readonly of: (row: TableRow) => number | null;
}

const MEASURES: readonly Measure[] = [
  { title: 'best AUC', of: (row) => row.bestAuc?.mean ?? null },
  { title: 'epochs to target (A)', of: (row) => row.epochsToTarget?.mean ?? null },
  { title: 's per 1000 iterations (B)', of: (row) => row.secondsPer1000?.mean ?? null },
  { title: 'A·B, relative', of: (row) => row.relativeTime },
];

/**
 * What a smaller model costs in epochs and wins in time: the paper's Figure 1, with axes. One panel a measure, since each has a
 * scale of its own; a line for each combination of what else is varied.
 * @returns nothing when all rows are of one size, since there is nothing to trade then
 */
export function tradeOffFigure(rows: readonly TableRow[], id: string): Figure[] {
  const points = rows.flatMap(pointOf);
  const sizes = points.map(({ megabytes }) => megabytes);
  if (new Set(sizes).size < 2) return [];
  const groups = [...new Set(points.map(({ group }) => group))];
  return [
    {
      id,
      title: 'What size costs and wins',
      caption:
        'Epochs that a model of a size needs to reach the target (A), the time of 1000 iterations (B), and the product of the two: the time of training. Where a point is missing, the target was not reached.',
      spec: (layout) =>
        themed({
          vconcat: MEASURES.map((measure, i) => panel(measure, i, points, groups, layout)),
          spacing: 14,
        }),
    },
  ];
}

interface Point {
  readonly row: TableRow;
  readonly group: string;
  readonly label: string;
  readonly megabytes: number;
}

function pointOf(row: TableRow): Point[] {
  if (row.embeddingBytes === null) return [];
  const { [COMPRESSION_AXIS]: compression, ...others } = row.labels;
  const rest = Object.values(others).join(', ');
  const names = compression === undefined ? { group: '', label: rest } : { group: rest, label: compression };
  return [{ row, ...names, megabytes: row.embeddingBytes / 1e6 }];
}

function panel(
  { title, of }: Measure,
  i: number,
  points: readonly Point[],
  groups: readonly string[],
  { width, height, legendColumns }: Layout,
) {
  const last = i === MEASURES.length - 1;
  const values = points.flatMap(({ row, group, label, megabytes }) => {
    const value = of(row);
    return value === null ? [] : [{ group, label, megabytes, value }];
  });
  const legend = i === 0 ? { title: null, orient: 'top', columns: legendColumns } : null;
  return {
    title,
    width,
    height: height / 2.4,
    data: { values },
    encoding: {
      x: {
        field: 'megabytes',
        type: 'quantitative',
        scale: { type: 'log', domain: domainOf(points.map(({ megabytes }) => megabytes)), nice: false },
        axis: { title: last ? 'embeddings, MB' : null, format: ',~r', tickCount: 6, grid: false },
      },
      y: {
        field: 'value',
        type: 'quantitative',
        scale: { zero: i > 0, nice: true },
        axis: { title: null, format: ',~r', tickCount: 4 },
      },
      color:
        groups.length === 1
          ? { value: colour(i) }
          : { field: 'group', type: 'nominal', sort: null, scale: colourScale(groups), legend },
    },
    layer: [
      { mark: { type: 'line', strokeWidth: 2, point: { size: 40 } } },
      {
        mark: { type: 'text', dy: -11, fontSize: 11, limit: width / 3 },
        encoding: { text: { field: 'label' }, color: { value: 'var(--muted)' } },
      },
    ],
  };
}

/** More than the values' range, so that labels have room. */
function domainOf(values: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = (most / least) ** 0.12;
  return [least / margin, most * margin];
}
