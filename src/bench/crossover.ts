import { formatQuantity } from '../format/quantity.ts';
import { fasterGradient } from '../models/embedding/gradient-cost.ts';
import type { EmbeddingRow } from './embedding.ts';
import { BATCH_SIZE, DIM } from './embedding-cases.ts';

/** Sizes of M between which `auto`'s crossover is sought, in floats. */
const SMALLEST = 1e3;
const LARGEST = 1e12;

/** Rows of one chunk size and optimizer, which differ in |M|. */
interface Series {
  readonly chunkSize: number;
  readonly optimizer: EmbeddingRow['optimizer'];
  readonly points: { readonly memorySize: number; readonly dense: number; readonly sparse: number }[];
}

/** For each chunk size and optimizer that were timed at several |M|: from which size on a sparse gradient is faster, as measured and as `auto` has it. */
export function describeCrossovers(rows: readonly EmbeddingRow[]): string[] {
  return seriesOf(rows)
    .filter(({ points }) => new Set(points.map(({ memorySize }) => memorySize)).size > 1)
    .map((series) => {
      const measured = measuredCrossover(series.points);
      const { chunkSize, optimizer } = series;
      return `Z=${chunkSize} ${optimizer}: sparse is faster from |M| = ${measured} on as measured, from ${modelCrossover(chunkSize, optimizer)} on for auto.`;
    });
}

function seriesOf(rows: readonly EmbeddingRow[]): Series[] {
  const found = new Map<string, Series>();
  for (const row of rows.filter(({ pass, kind }) => pass === 'backward-dense' && kind === 'robe')) {
    const sparse = rows.find((other) => other.case === row.case && other.pass === 'backward-sparse');
    if (!sparse) continue;
    const { chunkSize, optimizer, memorySize } = row;
    const key = `${chunkSize} ${optimizer}`;
    const series = found.get(key) ?? { chunkSize, optimizer, points: [] };
    series.points.push({ memorySize, dense: row.medianMs, sparse: sparse.medianMs });
    found.set(key, series);
  }
  return [...found.values()];
}

/** Where the ratio of the times becomes one, between neighbouring sizes on logarithmic scales; the last such place. */
export function measuredCrossover(points: Series['points']): string {
  const sorted = [...points].sort((a, b) => a.memorySize - b.memorySize);
  const gain = ({ dense, sparse }: Series['points'][number]) => Math.log(dense / sparse);
  for (let i = sorted.length - 2; i >= 0; i--) {
    const [below, above] = [sorted[i], sorted[i + 1]] as [Series['points'][number], Series['points'][number]];
    if (gain(below) > 0 || gain(above) <= 0) continue;
    const part = gain(below) / (gain(below) - gain(above));
    return quantity(below.memorySize * (above.memorySize / below.memorySize) ** part);
  }
  const [first, last] = [sorted[0], sorted.at(-1)] as [Series['points'][number], Series['points'][number]];
  return gain(last) > 0 ? `at most ${quantity(first.memorySize)}` : `more than ${quantity(last.memorySize)}`;
}

function modelCrossover(chunkSize: number, optimizer: EmbeddingRow['optimizer']): string {
  const chunks = BATCH_SIZE * Math.ceil(DIM / chunkSize);
  const isSparse = (memorySize: number) =>
    fasterGradient({ memorySize, chunks, chunkFloats: Math.min(chunkSize, DIM), optimizer }) === 'sparse';
  let [low, high] = [SMALLEST, LARGEST];
  while (high / low > 1.01) {
    const middle = Math.sqrt(low * high);
    if (isSparse(middle)) high = middle;
    else low = middle;
  }
  return high === LARGEST ? `more than ${quantity(LARGEST)}` : quantity(high);
}

const quantity = (floats: number) => formatQuantity(floats, 'floats');
