import type { Addon } from '../addon/addon-types.ts';
import type { EmbeddingAttributes, GraphSpec, NodeSpec } from '../graph/graph-spec.ts';
import type { KnownIds } from './known-ids.ts';

/**
 * What is done with a chunk of a lookup: floats [begin, end) of M.
 * @param table index among the node's tables
 * @param count occurrences of the id
 */
export type VisitChunk = (table: number, begin: number, end: number, count: number) => void;

/** Rows of ids whose addresses are computed at once. */
const BLOCK_ROWS = 16_384;

/** The id column of each table of an embedding node. */
export function tableColumns(graph: GraphSpec, node: NodeSpec): readonly number[] {
  const { columns } = node.attributes as { columns?: readonly number[] };
  return columns && columns.length > 0 ? columns : [...Array(graph.numTables).keys()];
}

/** Visits every chunk of every known id of an embedding node's tables. */
export function visitChunks(
  addon: Addon,
  graph: GraphSpec,
  node: NodeSpec,
  known: KnownIds,
  visit: VisitChunk,
): void {
  const { dim, chunkSize } = node.attributes as unknown as EmbeddingAttributes;
  const columns = tableColumns(graph, node);
  const tables = columns.map((column) => known.columns[column] ?? { counts: new Uint32Array(0) });
  const longest = Math.max(...tables.map(({ counts }) => counts.length));
  for (let first = 0; first < longest; first += BLOCK_ROWS) {
    const rows = Math.min(BLOCK_ROWS, longest - first);
    const sparse = new Uint32Array(rows * graph.numTables);
    tables.forEach(({ ids, counts }, t) => {
      const column = columns[t] as number;
      for (let b = 0; b < Math.min(rows, counts.length - first); b++) {
        sparse[b * graph.numTables + column] = ids ? (ids[first + b] as number) : first + b;
      }
    });
    const { starts, unit, chunks } = addon.chunkStarts(graph, node.name, sparse);
    tables.forEach(({ counts }, t) => {
      for (let b = 0; b < Math.min(rows, counts.length - first); b++) {
        const count = counts[first + b] as number;
        for (let c = 0; c < chunks; c++) {
          const begin = (starts[(b * tables.length + t) * chunks + c] as number) * unit;
          visit(t, begin, begin + Math.min(chunkSize, dim - c * chunkSize), count);
        }
      }
    });
  }
}
