import type { TableRow } from '../sweep/sweep-table.ts';
import { colour, type Figure, themed } from './figure.ts';

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
 * scale of its own.
 * @returns nothing when all rows are of one size, since there is nothing to trade then
 */
export function tradeOffFigure(rows: readonly TableRow[], id: string): Figure[] {
  const sized = rows.filter(({ embeddingBytes }) => embeddingBytes !== null);
  if (new Set(sized.map(({ embeddingBytes }) => embeddingBytes)).size < 2) return [];
  const points = sized.map((row) => ({
    row,
    label: labelOf(row),
    megabytes: (row.embeddingBytes ?? 0) / 1e6,
  }));
  return [
    {
      id,
      title: 'What size costs and wins',
      caption:
        'A smaller model takes more epochs to the target and less time for each; their product is the time that training takes. A missing point: the target was not reached.',
      spec: ({ width, height }) =>
        themed({
          vconcat: MEASURES.map((measure, i) => ({
            width,
            height: height / 2.4,
            data: {
              values: points.flatMap(({ row, label, megabytes }) => {
                const value = measure.of(row);
                return value === null ? [] : [{ label, megabytes, value }];
              }),
            },
            encoding: {
              x: {
                field: 'megabytes',
                type: 'quantitative',
                scale: { type: 'log', domain: domainOf(points.map((point) => point.megabytes)), nice: false },
                axis: {
                  title: i === MEASURES.length - 1 ? 'embeddings, MB' : null,
                  format: '~g',
                  tickCount: 6,
                },
              },
              y: {
                field: 'value',
                type: 'quantitative',
                scale: { zero: i > 0, nice: true },
                axis: { title: null, format: '~g', tickCount: 4 },
              },
            },
            title: measure.title,
            layer: [
              {
                mark: {
                  type: 'line',
                  color: colour(i),
                  strokeWidth: 2,
                  point: { size: 40, color: colour(i) },
                },
              },
              {
                mark: { type: 'text', dy: -11, fontSize: 11, color: 'var(--muted)' },
                encoding: { text: { field: 'label' } },
              },
            ],
          })),
          spacing: 14,
        }),
    },
  ];
}

/** A little more than the values' range, so that labels have room. */
function domainOf(values: readonly number[]): [number, number] {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const margin = (most / least) ** 0.08;
  return [least / margin, most * margin];
}

function labelOf({ labels }: TableRow): string {
  return Object.values(labels).join(', ');
}
