import { UsageError } from '../../errors.ts';
import type { EmbeddingAttributes, ParameterSpec } from '../../graph/graph-spec.ts';
import {
  chooseGradient,
  columnsAttribute,
  commonAttributes,
  type EmbeddingPart,
  type PlanContext,
  sumOf,
  type Table,
  tableInit,
} from './plan-context.ts';

/** The parameters of tables stored whole, `embedding.<t>.weight` [E_t, D]. */
export function fullTableParameters(tables: readonly Table[], dim: number): ParameterSpec[] {
  return tables.map(({ column, size }) => ({
    name: `embedding.${column}.weight`,
    shape: [size, dim],
    init: tableInit(size),
  }));
}

/** Tables with a row for every id; raw ids are hashed to as many rows as the table is estimated to have. */
export function fullTables(context: PlanContext, tables: readonly Table[]): EmbeddingPart {
  const { config, numbered } = context;
  const { dim } = config.embedding;
  const floats = sumOf(tables, ({ size }) => size) * dim;
  const attributes: EmbeddingAttributes = {
    kind: numbered ? 'full' : 'rows',
    dim,
    chunkSize: dim,
    memorySize: floats,
    ...commonAttributes(context, tables),
    hash: 'mix64',
    aligned: false,
    gradient: chooseGradient(config, floats, tables.length, { kind: 'full', dim, chunkSize: dim }),
    ...columnsAttribute(context, tables),
    ...(numbered ? {} : { rows: tables.map(({ size }) => size), divisors: tables.map(() => 0) }),
  };
  const parameters = fullTableParameters(tables, dim);
  return {
    suffix: 'full',
    columns: tables.map(({ column }) => column),
    floats,
    build: (graph, name, ids) => graph.lookup(name, ids, attributes, parameters),
  };
}

/** Kind full. @throws UsageError ERR_CONFIG for raw ids */
export function planFull(context: PlanContext): EmbeddingPart[] {
  if (!context.numbered) throw needsVocabulary('kind', 'full');
  return [fullTables(context, context.tables ?? [])];
}

/**
 * Parts the tables that `minRows` keeps full from the others.
 * @throws UsageError ERR_CONFIG when there are such tables but no table sizes, or when they are more than the budget
 */
export function splitByMinRows(context: PlanContext): { small: readonly Table[]; large: readonly Table[] } {
  const { minRows } = context.config.embedding;
  if (minRows === 0) return { small: [], large: context.tables ?? [] };
  if (!context.numbered) throw needsVocabulary('minRows', 'tables that stay full');
  const tables = context.tables ?? [];
  const small = tables.filter(({ size }) => size < minRows);
  const floats = sumOf(small, ({ size }) => size) * context.config.embedding.dim;
  if (floats >= context.budget && small.length < tables.length) {
    throw new UsageError(
      'ERR_CONFIG',
      `embedding.minRows: the ${small.length} tables that stay full take ${floats} floats and leave nothing of the ${context.budget} for the others; lower it or ask for less compression.`,
    );
  }
  return { small, large: tables.filter(({ size }) => size >= minRows) };
}

/** The error of what can't do with raw ids. */
export function needsVocabulary(key: string, value: string): UsageError {
  const verb = key === 'minRows' ? 'need' : 'needs';
  return new UsageError(
    'ERR_CONFIG',
    `embedding.${key}: ${value} ${verb} contiguous ids, but the data hold raw hashes; prepare them with --ids vocab.`,
  );
}
