import { PssError } from '../errors.ts';
import type { DataFacts } from '../models/embedding-plan.ts';
import type { Dataset } from '../reader/dataset.ts';

/** The ids of one column, and how often each occurs. */
export interface ColumnIds {
  /** Undefined where ids are the row numbers 0, 1, ... */
  readonly ids?: Uint32Array;
  /** Occurrences of each id; 1 for each where no data were counted. */
  readonly counts: Uint32Array;
}

/** Every id a model is known to meet. */
export interface KnownIds {
  /** One for each id column. */
  readonly columns: readonly ColumnIds[];
  /** Rows of data counted; 0 without data. */
  readonly rows: number;
}

/**
 * All row numbers of every table, each counted once.
 * @throws PssError ERR_DATA for raw ids, of which only data know
 */
export function allIds(facts: DataFacts): KnownIds {
  if (!facts.tableSizes) {
    throw new PssError(
      'ERR_DATA',
      'The model takes raw ids, and only data say which of them there are; name prepared folders with --data.',
    );
  }
  return { columns: facts.tableSizes.map((size) => ({ counts: new Uint32Array(size).fill(1) })), rows: 0 };
}

/**
 * Counts ids in one pass over data: four bytes for each row of a table with a vocabulary, an entry of a map for each distinct raw id.
 * @param onRows rows counted so far
 */
export async function countIds(data: Dataset, onRows: (rows: number) => void = () => {}): Promise<KnownIds> {
  const { numTables, tableSizes } = data.facts;
  const counters = tableSizes
    ? tableSizes.map((size) => new Uint32Array(size))
    : Array.from({ length: numTables }, () => new Map<number, number>());
  let rows = 0;
  for (let batch = 0; batch < data.batchRows.length; batch++) {
    const { sparse, rows: count } = await data.readBatch(batch);
    for (let i = 0; i < sparse.length; i++) countOne(counters[i % numTables], sparse[i] as number);
    rows += count;
    onRows(rows);
  }
  return { columns: counters.map(columnOf), rows };
}

function countOne(counter: Uint32Array | Map<number, number> | undefined, id: number): void {
  if (counter instanceof Map) counter.set(id, (counter.get(id) ?? 0) + 1);
  else if (counter && id < counter.length) counter[id] = (counter[id] as number) + 1;
}

function columnOf(counter: Uint32Array | Map<number, number>): ColumnIds {
  if (!(counter instanceof Map)) return { counts: counter };
  const ids = Uint32Array.from(counter.keys()).sort();
  return { ids, counts: ids.map((id) => counter.get(id) ?? 0) };
}
