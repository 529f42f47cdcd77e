import { UsageError } from '../../errors.ts';
import type { EmbeddingAttributes } from '../../graph/graph-spec.ts';
import { fullTableParameters, fullTables, needsVocabulary, splitByMinRows } from './full-tables.ts';
import {
  chooseGradient,
  commonAttributes,
  type EmbeddingPart,
  knownTables,
  leastWithin,
  type PlanContext,
  sharedInit,
  sumOf,
  tableInit,
  tooSmall,
} from './plan-context.ts';

/** One array for all tables (hash, robe, hashednet), behind it the tables that stay full. */
export function planSharedArray(context: PlanContext): EmbeddingPart[] {
  const { config, budget } = context;
  const { dim, chunkSize, hash } = config.embedding;
  const kind = config.embedding.kind as 'hash' | 'robe' | 'hashednet';
  if (hash === 'apd10' && !context.numbered) throw needsVocabulary('hash', 'apd10');
  const { small, large } = splitByMinRows(context);
  if (small.length > 0 && large.length === 0) return [fullTables(context, small)];
  const fullFloats = sumOf(small, ({ size }) => size) * dim;
  const shared = sharedFloats(context, budget - fullFloats, small.length > 0);
  const memorySize = shared + fullFloats;
  const attributes: EmbeddingAttributes = {
    kind,
    dim,
    chunkSize,
    memorySize,
    ...commonAttributes(context, context.tables),
    gradient: chooseGradient(config, memorySize, context.numTables),
    ...(small.length > 0 ? { fullTables: small.map(({ column }) => column) } : {}),
  };
  const memory = {
    name: 'embedding.memory',
    shape: kind === 'hash' ? [shared / dim, dim] : [shared],
    init: sharedInit(large.length > 0 ? large : undefined),
  };
  return [
    {
      suffix: 'shared',
      columns: [...Array(context.numTables).keys()],
      floats: memorySize,
      build: (graph, name, ids) =>
        graph.lookup(name, ids, attributes, [memory, ...fullTableParameters(small, dim)]),
    },
  ];
}

/** The floats of the shared array: whole rows (hash) or chunks (aligned, or with full tables behind it), and at least one of them. */
function sharedFloats(context: PlanContext, floats: number, hasFullTables: boolean): number {
  const { kind, dim, chunkSize, memorySize, aligned } = context.config.embedding;
  const unit = kind === 'hash' ? dim : aligned || hasFullTables ? chunkSize : 1;
  if (memorySize !== undefined && !hasFullTables && memorySize % unit !== 0) {
    throw new UsageError(
      'ERR_CONFIG',
      `embedding.memorySize: ${memorySize} isn't a multiple of ${unit}, the ${kind === 'hash' ? 'row' : 'chunk'} it is cut into; use ${Math.max(unit, memorySize - (memorySize % unit))}.`,
    );
  }
  return Math.max(floats - (floats % unit), chunkSize);
}

/** Kind hash with `perTable`: an array of rows for each table, in proportion to its size; `embedding.<t>.weight`. */
export function planHashPerTable(context: PlanContext): EmbeddingPart[] {
  const { config, numbered, budget } = context;
  const { dim, minRows } = config.embedding;
  const tables = knownTables(context);
  const { small } = splitByMinRows(context);
  const rowsAt = (shrink: number) =>
    tables.map((table) =>
      small.includes(table) ? table.size : Math.max(1, Math.floor(table.size / shrink)),
    );
  const costAt = (shrink: number) => sumOf(rowsAt(shrink), (rows) => rows) * dim;
  const largest = Math.max(...tables.map(({ size }) => size));
  const shrink = leastWithin(costAt, budget, 1, largest);
  if (shrink === undefined) {
    const why = minRows > 0 ? 'its full tables, and a row for each other table' : 'a row for each table';
    throw tooSmall(context, costAt(largest), why);
  }
  const rows = rowsAt(shrink);
  const memorySize = costAt(shrink);
  const attributes: EmbeddingAttributes = {
    kind: 'rows',
    dim,
    chunkSize: dim,
    memorySize,
    ...commonAttributes(context, tables),
    gradient: chooseGradient(config, memorySize, tables.length),
    rows,
    divisors: rows.map((count, t) => (numbered && count === tables[t]?.size ? 1 : 0)),
  };
  const parameters = tables.map(({ column, size }, t) => ({
    name: `embedding.${column}.weight`,
    shape: [rows[t] as number, dim],
    init: tableInit(size),
  }));
  return [
    {
      suffix: 'hashed',
      columns: tables.map(({ column }) => column),
      floats: memorySize,
      build: (graph, name, ids) => graph.lookup(name, ids, attributes, parameters),
    },
  ];
}
