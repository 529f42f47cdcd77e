import { combine } from '../../graph/embedding-nodes.ts';
import type { EmbeddingAttributes, InitSpec, ParameterSpec } from '../../graph/graph-spec.ts';
import { fullTableParameters, fullTables, splitByMinRows } from './full-tables.ts';
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
  tooSmall,
} from './plan-context.ts';

type Operation = 'product' | 'sum' | 'concat';

interface Pair {
  readonly table: Table;
  readonly remainders: number;
  readonly quotients: number;
  /** Whether quotient and remainder are digits of the id rather than two hashes of it. */
  readonly exact: boolean;
}

/**
 * Kind qr (Shi et al., 2020): id mod m looks up one vector, ⌊id / m⌋ another, and the embedding is their product, sum or concatenation.
 * All tables give up rows by one factor, m = E / factor, until the budget holds; a table that this wouldn't make smaller stays full. Below
 * the least at which quotient and remainder still tell ids apart (m = √E), and for raw ids, which have no bound, both are hashes of the id.
 */
export function planQuotientRemainder(context: PlanContext): EmbeddingPart[] {
  const operation = context.config.embedding.operation as Operation;
  if (context.config.embedding.memories !== undefined) return planMemories(context, operation);
  const { dim } = context.config.embedding;
  const width = operation === 'concat' ? dim / 2 : dim;
  const { small, large } = splitByMinRows({ ...context, tables: knownTables(context) });
  const pairFloats = ({ remainders, quotients }: Pair) => (remainders + quotients) * width;
  const fullFloats = ({ size }: Table) => size * dim;
  const worth = (pair: Pair) => pairFloats(pair) < fullFloats(pair.table);
  const smallFloats = sumOf(small, fullFloats);
  const costAt = (factor: number) =>
    smallFloats +
    sumOf(large, (table) => {
      const pair = pairAt(table, factor, context.numbered);
      return Math.min(pairFloats(pair), fullFloats(table));
    });
  const largest = Math.max(1, ...large.map(({ size }) => size));
  const factor = leastWithin(costAt, context.budget, 1, largest);
  if (factor === undefined) throw tooSmall(context, costAt(largest), 'two rows for each table');
  const pairs = large.map((table) => pairAt(table, factor, context.numbered)).filter(worth);
  const paired = new Set(pairs.map(({ table }) => table));
  const full = [...small, ...large].filter((table) => !paired.has(table));
  if (pairs.length === 0) return [fullTables(context, full)];
  if (operation === 'concat' && context.numbered) return [concatenated(context, pairs, full)];
  const part =
    operation === 'concat' ? concatenated(context, pairs, []) : combined(context, pairs, operation);
  return full.length > 0 ? [part, fullTables(context, full)] : [part];
}

function pairAt(table: Table, factor: number, numbered: boolean): Pair {
  const least = Math.sqrt(table.size);
  const remainders = Math.max(1, Math.ceil(table.size / factor));
  const exact = factor <= least;
  const quotients = exact ? Math.ceil(table.size / remainders) : remainders;
  return { table, remainders, quotients, exact: numbered && exact };
}

/**
 * Initial values such that an embedding's components have the variance of a full table's, 1/(3E): for a product of l uniform factors each
 * within ±b, (b²/3)^l; for a sum, l·b²/3.
 */
export function factorInit(operation: Operation, factors: number, size: number): InitSpec {
  const variance = 1 / (3 * Math.max(1, size));
  const each =
    operation === 'product' ? variance ** (1 / factors) : operation === 'sum' ? variance / factors : variance;
  return { kind: 'uniform', bound: Math.sqrt(3 * each) };
}

const pairRows = (pairs: readonly Pair[]) =>
  pairs.flatMap(({ remainders, quotients }) => [remainders, quotients]);
const pairDivisors = (pairs: readonly Pair[]) =>
  pairs.flatMap(({ exact, remainders }) => (exact ? [1, remainders] : [0, 0]));

function pairParameters(pairs: readonly Pair[], width: number, operation: Operation): ParameterSpec[] {
  return pairs.flatMap(({ table, remainders, quotients }) => {
    const init = factorInit(operation, 2, table.size);
    return [
      { name: `embedding.${table.column}.remainder.weight`, shape: [remainders, width], init },
      { name: `embedding.${table.column}.quotient.weight`, shape: [quotients, width], init },
    ];
  });
}

/** Chunks of half a vector in one array, behind them the tables that stay full. */
function concatenated(context: PlanContext, pairs: readonly Pair[], full: readonly Table[]): EmbeddingPart {
  const { dim } = context.config.embedding;
  const chunkSize = dim / 2;
  const byColumn = new Map(pairs.map((pair) => [pair.table.column, pair]));
  const tables = [...pairs.map(({ table }) => table), ...full].sort((a, b) => a.column - b.column);
  const inOrder = tables.flatMap(({ column }) => byColumn.get(column) ?? []);
  const parameters = [
    ...pairParameters(inOrder, chunkSize, 'concat'),
    ...fullTableParameters(
      full.toSorted((a, b) => a.column - b.column),
      dim,
    ),
  ];
  const memorySize = floatsOf(parameters);
  const rowsOf = ({ column }: Table) => {
    const pair = byColumn.get(column);
    return pair ? pairRows([pair]) : [0, 0];
  };
  const divisorsOf = ({ column }: Table) => {
    const pair = byColumn.get(column);
    return pair ? pairDivisors([pair]) : [0, 0];
  };
  const attributes: EmbeddingAttributes = {
    kind: 'rows',
    dim,
    chunkSize,
    memorySize,
    ...commonAttributes(context, tables),
    gradient: chooseGradient(context.config, memorySize, tables.length, { kind: 'rows', dim, chunkSize }),
    ...columnsAttribute(context, tables),
    rows: tables.flatMap(rowsOf),
    divisors: tables.flatMap(divisorsOf),
    ...(full.length > 0
      ? { fullTables: tables.flatMap((table, t) => (byColumn.has(table.column) ? [] : [t])) }
      : {}),
  };
  return {
    suffix: 'pairs',
    columns: tables.map(({ column }) => column),
    floats: memorySize,
    build: (graph, name, ids) => graph.lookup(name, ids, attributes, parameters),
  };
}

/** Two whole vectors for each slot, then their product or sum. */
function combined(context: PlanContext, pairs: readonly Pair[], operation: 'product' | 'sum'): EmbeddingPart {
  const { config } = context;
  const { dim } = config.embedding;
  const tables = pairs.map(({ table }) => table);
  const parameters = pairParameters(pairs, dim, operation);
  const memorySize = floatsOf(parameters);
  const attributes: EmbeddingAttributes = {
    kind: 'rows',
    dim: 2 * dim,
    chunkSize: dim,
    memorySize,
    ...commonAttributes(context, tables),
    gradient: chooseGradient(config, memorySize, tables.length, {
      kind: 'rows',
      dim: 2 * dim,
      chunkSize: dim,
    }),
    ...columnsAttribute(context, tables),
    rows: pairRows(pairs),
    divisors: pairDivisors(pairs),
  };
  const columns = tables.map(({ column }) => column);
  return {
    suffix: operation,
    columns,
    floats: memorySize,
    build: (graph, name, ids) => {
      const vectors = graph.lookup(`${name}.vectors`, ids, attributes, parameters);
      return combine(graph, name, vectors, operation, 2, { seed: config.seed, columns });
    },
  };
}

/** With `memories`: l hashes of the id, each into a memory that all tables share; the paper's equation (1) for concat. */
function planMemories(context: PlanContext, operation: Operation): EmbeddingPart[] {
  const { config, budget } = context;
  const { dim } = config.embedding;
  const count = config.embedding.memories as number;
  const { small, large } = splitByMinRows(context);
  if (small.length > 0 && large.length === 0) return [fullTables(context, small)];
  const chunkSize = operation === 'concat' ? dim / count : dim;
  const width = chunkSize * count;
  const smallFloats = sumOf(small, ({ size }) => size) * dim;
  const rows = Math.floor((budget - smallFloats) / width);
  if (rows < 1) throw tooSmall(context, smallFloats + width, `a row of each of the ${count} memories`);
  const largest = Math.max(1, ...large.map(({ size }) => size));
  const memories = [...Array(count).keys()].map((j) => ({
    name: `embedding.${j}.memory`,
    shape: [rows, chunkSize],
    init: factorInit(operation, count, largest),
  }));
  const inside = operation === 'concat' ? small : [];
  const tables = operation === 'concat' || small.length === 0 ? context.tables : large;
  const memorySize = rows * width + (inside.length > 0 ? smallFloats : 0);
  const slots = tables?.length ?? context.numTables;
  const columns = tables?.map(({ column }) => column) ?? [...Array(slots).keys()];
  const attributes: EmbeddingAttributes = {
    kind: 'memories',
    dim: width,
    chunkSize,
    memorySize,
    ...commonAttributes(context, tables),
    gradient: chooseGradient(config, memorySize, slots, { kind: 'memories', dim: width, chunkSize }),
    ...(tables ? columnsAttribute(context, tables) : {}),
    ...(inside.length > 0 ? { fullTables: inside.map(({ column }) => column) } : {}),
  };
  const part: EmbeddingPart = {
    suffix: 'memories',
    columns,
    floats: memorySize,
    build: (graph, name, ids) => {
      if (operation === 'concat') {
        return graph.lookup(name, ids, attributes, [...memories, ...fullTableParameters(inside, dim)]);
      }
      const vectors = graph.lookup(`${name}.vectors`, ids, attributes, memories);
      return combine(graph, name, vectors, operation, count, { seed: config.seed, columns });
    },
  };
  return operation !== 'concat' && small.length > 0 ? [part, fullTables(context, small)] : [part];
}

function floatsOf(parameters: readonly ParameterSpec[]): number {
  return sumOf(parameters, ({ shape }) => shape.reduce((product, length) => product * length, 1));
}
