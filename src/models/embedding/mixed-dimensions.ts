import { projectSlots } from '../../graph/embedding-nodes.ts';
import type { EmbeddingAttributes } from '../../graph/graph-spec.ts';
import { fullTables, needsVocabulary, splitByMinRows } from './full-tables.ts';
import {
  chooseGradient,
  columnsAttribute,
  commonAttributes,
  type EmbeddingPart,
  knownTables,
  leastWithin,
  type PlanContext,
  sumOf,
  type Table,
  tableInit,
  tooSmall,
} from './plan-context.ts';

/**
 * Kind md (mixed dimensions, Ginart et al., 2019): the fewer rows a table has, the more popular each, and the longer its vectors:
 * d_t = λ·E_t^−α between 1 and D, cut to a power of two, with a projection [D, d_t] to the common length where d_t < D. λ is the largest that
 * the budget allows; what the rounding leaves of it doubles dimensions from the most popular table on, where that fits.
 */
export function planMixedDimensions(context: PlanContext): EmbeddingPart[] {
  if (!context.numbered) throw needsVocabulary('kind', 'md');
  const { dim, alpha } = context.config.embedding;
  const { small, large } = splitByMinRows({ ...context, tables: knownTables(context) });
  const fixed = sumOf(small, ({ size }) => size) * dim;
  const dims = solveDims(context, large, fixed, alpha as number);
  const full = [...small, ...large.filter((table) => dims.get(table) === dim)];
  const widths = [...new Set(dims.values())].filter((width) => width !== dim).sort((a, b) => b - a);
  const parts = widths.map((width) =>
    projectedTables(
      context,
      width,
      large.filter((table) => dims.get(table) === width),
    ),
  );
  return full.length > 0 ? [...parts, fullTables(context, full)] : parts;
}

function solveDims(
  context: PlanContext,
  tables: readonly Table[],
  fixed: number,
  alpha: number,
): Map<Table, number> {
  const { dim } = context.config.embedding;
  const tableFloats = ({ size }: Table, width: number) =>
    width === dim ? size * dim : Math.min(size * dim, (size + dim) * width);
  const widthAt = ({ size }: Table, shrink: number) => {
    const wanted = Math.min(dim, Math.max(1, dim / shrink / size ** alpha));
    return wanted === dim ? dim : 2 ** Math.floor(Math.log2(wanted));
  };
  const costAt = (shrink: number) =>
    fixed + sumOf(tables, (table) => tableFloats(table, widthAt(table, shrink)));
  const largest = Math.max(1, ...tables.map(({ size }) => size));
  // dim / shrink is λ: from every table at D to every table at 1.
  const shrink = leastWithin(costAt, context.budget, largest ** -alpha, dim);
  if (shrink === undefined)
    throw tooSmall(context, costAt(dim), 'vectors of one float and their projections');
  const dims = new Map(tables.map((table) => [table, widthAt(table, shrink)]));
  let left = context.budget - costAt(shrink);
  for (const table of tables.toSorted((a, b) => a.size - b.size || a.column - b.column)) {
    const width = dims.get(table) as number;
    const wider = Math.min(dim, 2 * width);
    const more = tableFloats(table, wider) - tableFloats(table, width);
    if (more > left) continue;
    dims.set(table, wider);
    left -= more;
  }
  // A table that its projection would make larger stays full.
  for (const table of tables) {
    if ((table.size + dim) * (dims.get(table) as number) >= table.size * dim) dims.set(table, dim);
  }
  return dims;
}

/** Tables of one dimension below D, and their projections. */
function projectedTables(context: PlanContext, width: number, tables: readonly Table[]): EmbeddingPart {
  const { config } = context;
  const { dim } = config.embedding;
  const rowFloats = sumOf(tables, ({ size }) => size) * width;
  const attributes: EmbeddingAttributes = {
    kind: 'full',
    dim: width,
    chunkSize: width,
    memorySize: rowFloats,
    ...commonAttributes(context, tables),
    gradient: chooseGradient(config, rowFloats, tables.length, {
      kind: 'full',
      dim: width,
      chunkSize: width,
    }),
    ...columnsAttribute(context, tables),
  };
  const parameters = tables.map(({ column, size }) => ({
    name: `embedding.${column}.weight`,
    shape: [size, width],
    init: tableInit(size),
  }));
  const projections = tables.map(({ column }) => `embedding.${column}.projection.weight`);
  return {
    suffix: `d${width}`,
    columns: tables.map(({ column }) => column),
    floats: rowFloats + tables.length * dim * width,
    build: (graph, name, ids) => {
      const vectors = graph.lookup(`${name}.vectors`, ids, attributes, parameters);
      // Uniform with variance 1/d: components keep the variance of a full table's.
      const init = { kind: 'uniform', bound: Math.sqrt(3 / width) } as const;
      return projectSlots(graph, name, vectors, dim, projections, init);
    },
  };
}
