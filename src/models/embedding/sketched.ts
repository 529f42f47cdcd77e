import { combine, sketch } from '../../graph/embedding-nodes.ts';
import type { EmbeddingAttributes } from '../../graph/graph-spec.ts';
import { fullTables, splitByMinRows } from './full-tables.ts';
import {
  chooseGradient,
  columnsAttribute,
  commonAttributes,
  type EmbeddingPart,
  type PlanContext,
  sharedInit,
  sumOf,
  type Table,
  tooSmall,
} from './plan-context.ts';

/** Multiply-adds of a lookup above which a person is asked whether this is meant: those of a layer of 256 × 256. */
const MANY = 65_536;

/**
 * Kind jlt (paper, section 2): M = S·E is trained end to end, and the embedding of id i is (S·e_i)ᵀ·M, with S a Johnson-Lindenstrauss matrix
 * over the rows of all tables that is generated on the fly. Its k rows are what the budget allows.
 */
export function planSketch(context: PlanContext): EmbeddingPart[] {
  const { config, budget } = context;
  const { dim, nonZeros } = config.embedding;
  const kind = config.embedding.sketch as 'gaussian' | 'achlioptas' | 'sparse';
  const { small, large } = splitByMinRows(context);
  if (small.length > 0 && large.length === 0) return [fullTables(context, small)];
  const smallFloats = sumOf(small, ({ size }) => size) * dim;
  const blocks = kind === 'sparse' ? (nonZeros as number) : 1;
  const k = Math.floor((budget - smallFloats) / dim / blocks) * blocks;
  if (k < blocks) throw tooSmall(context, smallFloats + blocks * dim, `${blocks} rows of M`);
  const tables = context.tables ? large : undefined;
  const part = kind === 'sparse' ? sparse(context, tables, k, blocks) : dense(context, tables, k, kind);
  return small.length > 0 ? [part, fullTables(context, small)] : [part];
}

/** s rows of M a lookup, one of each of s blocks: their signed sum. */
function sparse(
  context: PlanContext,
  tables: readonly Table[] | undefined,
  k: number,
  nonZeros: number,
): EmbeddingPart {
  const { config } = context;
  const { dim } = config.embedding;
  const columns = columnsOf(context, tables);
  const width = nonZeros * dim;
  const attributes: EmbeddingAttributes = {
    kind: 'memories',
    dim: width,
    chunkSize: dim,
    memorySize: k * dim,
    ...commonAttributes(context, tables),
    gradient: chooseGradient(config, k * dim, columns.length, {
      kind: 'memories',
      dim: width,
      chunkSize: dim,
    }),
    ...(tables ? columnsAttribute(context, tables) : {}),
  };
  const memory = { name: 'embedding.memory', shape: [k, dim], init: sharedInit(tables) };
  return {
    suffix: 'sketch',
    columns,
    floats: k * dim,
    build: (graph, name, ids) => {
      const vectors = graph.lookup(`${name}.vectors`, ids, attributes, [memory]);
      return combine(graph, name, vectors, 'signedSum', nonZeros, { seed: config.seed, columns });
    },
  };
}

/** All k rows of M a lookup. */
function dense(
  context: PlanContext,
  tables: readonly Table[] | undefined,
  k: number,
  kind: 'gaussian' | 'achlioptas',
): EmbeddingPart {
  const { config } = context;
  const { dim } = config.embedding;
  const columns = columnsOf(context, tables);
  const init = sharedInit(tables);
  const memory = { name: 'embedding.memory', shape: [k, dim] as const, init };
  const cost = k * dim;
  const { tableSizes } = commonAttributes(context, tables);
  return {
    suffix: 'sketch',
    columns,
    floats: cost,
    build: (graph, name, ids) =>
      sketch(graph, name, ids, { kind, seed: config.seed }, memory, columns, tableSizes),
    warnings:
      cost < MANY
        ? []
        : [
            `Every lookup of a ${kind} sketch reads all of M: k·d = ${cost} multiply-adds a lookup, ${(cost * columns.length).toExponential(1)} a sample and pass; embedding.sketch sparse takes ${4 * dim} a lookup.`,
          ],
  };
}

function columnsOf({ numTables }: PlanContext, tables: readonly Table[] | undefined): number[] {
  return tables ? tables.map(({ column }) => column) : [...Array(numTables).keys()];
}
