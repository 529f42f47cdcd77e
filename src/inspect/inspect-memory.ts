import type { Addon } from '../addon/addon-types.ts';
import type { EmbeddingAttributes, GraphSpec, NodeSpec } from '../graph/graph-spec.ts';
import type { KnownIds } from './known-ids.ts';
import { type Imbalance, RangeLoads } from './range-loads.ts';
import { TableCover } from './table-cover.ts';
import { tableColumns, visitChunks } from './visit-chunks.ts';

/** How lookups share floats of M with others. */
export interface Sharing {
  /** Share of the floats read by lookups that something else reads too. */
  readonly collided: number;
  /** Share of the reads of these floats that are other ids': 0 where nothing is shared, near 1 where an id is lost among others. */
  readonly interference: number;
}

export interface TableSharing extends Sharing {
  /** Id column. */
  readonly column: number;
  /** Known ids. */
  readonly ids: number;
  /** Their occurrences in the data, or their number where no data were counted. */
  readonly lookups: number;
  /** Share of M's floats that at least one of the table's known ids reads. */
  readonly occupancy: number;
  readonly imbalance: Imbalance;
}

/** How the known ids use the floats of one embedding node. */
export interface MemoryReport extends Sharing {
  /** Name of the node. */
  readonly node: string;
  readonly kind: EmbeddingAttributes['kind'];
  /** |M| */
  readonly floats: number;
  /** Floats that all known ids read, over |M|. */
  readonly load: number;
  /** Share of the floats that at least one known id reads. */
  readonly occupancy: number;
  /** What perfectly random places would occupy, 1 − e^−load; null where places aren't hashed. */
  readonly randomOccupancy: number | null;
  /** Of so many equal ranges of M. */
  readonly imbalance: Imbalance & { readonly ranges: number };
  readonly tables: readonly TableSharing[];
}

/**
 * How known ids share the arrays of a model's embeddings, one report for each embedding node.
 *
 * With w_i occurrences of id i, and W_f reads of float f in all, the interference of a lookup of i is the mean over its floats of
 * 1 − w_i / W_f; that of a table is its mean over lookups.
 */
export function inspectMemory(addon: Addon, graph: GraphSpec, known: KnownIds): MemoryReport[] {
  return graph.nodes
    .filter(({ op }) => op === 'embedding')
    .map((node) => inspectNode(addon, graph, node, known));
}

function inspectNode(addon: Addon, graph: GraphSpec, node: NodeSpec, known: KnownIds): MemoryReport {
  const { kind, memorySize: floats, dim, chunkSize } = node.attributes as unknown as EmbeddingAttributes;
  const numTables = tableColumns(graph, node).length;
  const loads = new RangeLoads(floats, numTables);
  const cover = new TableCover(floats, numTables, Math.min(chunkSize, dim), dim % chunkSize);
  const readers = new Float64Array(floats + 1);
  const reads = new Float64Array(floats + 1);
  visitChunks(addon, graph, node, known, (table, begin, end, count) => {
    loads.add(table, begin, end, count);
    cover.mark(table, begin, end);
    addToRange(readers, begin, end, 1);
    addToRange(reads, begin, end, count);
  });
  sumUp(readers);
  sumUp(reads);
  const load = total(readers, floats) / floats;
  const occupied = cover.occupied();
  const tables = sharingOf(addon, graph, node, known, { readers, reads, floats, dim }).map((sharing, t) => ({
    ...sharing,
    occupancy: (occupied[t] as number) / floats,
    imbalance: loads.imbalanceOf(t),
  }));
  const lookups = tables.reduce((sum, table) => sum + table.lookups, 0);
  const meanOf = (key: keyof Sharing) =>
    tables.reduce((sum, table) => sum + table[key] * table.lookups, 0) / Math.max(1, lookups);
  return {
    node: node.name,
    kind,
    floats,
    load,
    occupancy: readers.subarray(0, floats).filter((count) => count > 0).length / floats,
    randomOccupancy: ['full', 'rows'].includes(kind) ? null : 1 - Math.exp(-load),
    collided: meanOf('collided'),
    interference: meanOf('interference'),
    imbalance: { ranges: loads.ranges, ...loads.imbalance() },
    tables,
  };
}

interface FloatLoads {
  /** Chunks of known ids that hold each float, [|M|]. */
  readonly readers: Float64Array;
  /** The same, each by its occurrences. */
  readonly reads: Float64Array;
  /** |M| */
  readonly floats: number;
  /** D */
  readonly dim: number;
}

function sharingOf(
  addon: Addon,
  graph: GraphSpec,
  node: NodeSpec,
  known: KnownIds,
  { readers, reads, floats, dim }: FloatLoads,
): Omit<TableSharing, 'occupancy' | 'imbalance'>[] {
  // Running sums, so that a chunk's share is a difference of two of them.
  const collidedBefore = new Float64Array(floats + 1);
  const inverseBefore = new Float64Array(floats + 1);
  for (let f = 0; f < floats; f++) {
    const read = reads[f] as number;
    collidedBefore[f + 1] = (collidedBefore[f] as number) + ((readers[f] as number) > 1 ? 1 : 0);
    inverseBefore[f + 1] = (inverseBefore[f] as number) + (read > 0 ? 1 / read : 0);
  }
  const columns = tableColumns(graph, node);
  const collided = new Float64Array(columns.length);
  const own = new Float64Array(columns.length);
  visitChunks(addon, graph, node, known, (table, begin, end, count) => {
    const collisions = (collidedBefore[end] as number) - (collidedBefore[begin] as number);
    const inverses = (inverseBefore[end] as number) - (inverseBefore[begin] as number);
    collided[table] = (collided[table] as number) + count * collisions;
    own[table] = (own[table] as number) + count * count * inverses;
  });
  return columns.map((column, t) => {
    const counts = known.columns[column]?.counts ?? new Uint32Array(0);
    const lookups = counts.reduce((sum, count) => sum + count, 0);
    const floatsRead = Math.max(1, lookups * dim);
    return {
      column,
      ids: counts.length,
      lookups,
      collided: (collided[t] as number) / floatsRead,
      // Rounding may leave a trace below 0.
      interference: lookups === 0 ? 0 : Math.max(0, 1 - (own[t] as number) / floatsRead),
    };
  });
}

/** Adds a value to a range of floats of which only the differences are stored. */
function addToRange(differences: Float64Array, begin: number, end: number, value: number): void {
  differences[begin] = (differences[begin] as number) + value;
  differences[end] = (differences[end] as number) - value;
}

/** Differences to values. */
function sumUp(differences: Float64Array): void {
  for (let i = 1; i < differences.length; i++) {
    differences[i] = (differences[i] as number) + (differences[i - 1] as number);
  }
}

function total(values: Float64Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += values[i] as number;
  return sum;
}
