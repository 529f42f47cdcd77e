import type { Config } from '../../config/config.ts';
import { UsageError } from '../../errors.ts';
import type { GraphBuilder, TensorRef } from '../../graph/graph-builder.ts';
import type { EmbeddingAttributes, InitSpec } from '../../graph/graph-spec.ts';
import { fasterGradient } from './gradient-cost.ts';

/** One embedding table. */
export interface Table {
  /** Its id column, which is also its slot. */
  readonly column: number;
  /** E_t, or an estimate of it where ids are raw hashes. */
  readonly size: number;
}

/** What a kind's plan is made from. */
export interface PlanContext {
  readonly config: Config;
  /** T */
  readonly numTables: number;
  /** Undefined where not even an estimate is known. */
  readonly tables: readonly Table[] | undefined;
  /** Whether ids are row numbers below E_t, rather than raw hashes. */
  readonly numbered: boolean;
  /** Most floats of all parameters together. */
  readonly budget: number;
}

/** Part of an embedding: some of its slots, and how they are made. */
export interface EmbeddingPart {
  /** Names the part's node where an embedding has several. */
  readonly suffix: string;
  /** The id columns looked up, in the order of the part's slots. */
  readonly columns: readonly number[];
  /** Floats of the part's parameters. */
  readonly floats: number;
  /** Adds the part's nodes; the last is called `name` and gives the slots [B, columns, D]. */
  build(graph: GraphBuilder, name: string, ids: TensorRef): TensorRef;
  readonly warnings?: readonly string[];
}

/** U(±√(1/E)), the initial values of a full table of E rows. */
export function tableInit(size: number): InitSpec {
  return { kind: 'uniform', bound: Math.sqrt(1 / Math.max(1, size)) };
}

/** The initial values of an array that tables share: those of the largest. */
export function sharedInit(tables: readonly Table[] | undefined): InitSpec {
  return tableInit(Math.max(1, ...(tables ?? []).map(({ size }) => size)));
}

/** The attributes that all of a config's lookups have in common. */
export function commonAttributes(
  { config, numbered }: PlanContext,
  tables: readonly Table[] | undefined,
): Pick<EmbeddingAttributes, 'hash' | 'hashSeed' | 'aligned' | 'tableSizes'> {
  const { hash, aligned } = config.embedding;
  const tableSizes = numbered && tables ? tables.map(({ size }) => size) : [];
  return { hash, hashSeed: config.seed, aligned, tableSizes };
}

/** `columns` as attributes have them: left out where they are all columns in order. */
export function columnsAttribute(
  { numTables }: PlanContext,
  tables: readonly Table[],
): { readonly columns?: readonly number[] } {
  if (tables.length === numTables) return {};
  return { columns: tables.map(({ column }) => column) };
}

/**
 * Resolves `gradient: auto` for one array: the faster by the measured model of gradient-cost.ts. Full tables are always updated sparsely, and
 * under Adam always densely: leaving untouched moments out is another algorithm, to be asked for by name.
 * @param lookup the array's kind, and the floats and chunk size of what one slot looks up; by default the config's
 */
export function chooseGradient(
  config: Config,
  memorySize: number,
  numSlots: number,
  lookup: { readonly kind: string; readonly dim: number; readonly chunkSize: number } = config.embedding,
): 'dense' | 'sparse' {
  const { gradient } = config.embedding;
  if (gradient !== 'auto') return gradient;
  const optimizer = config.optimizer.kind;
  if (lookup.kind === 'full' && optimizer !== 'adam') return 'sparse';
  return fasterGradient({
    memorySize,
    chunks: config.data.batchSize * numSlots * Math.ceil(lookup.dim / lookup.chunkSize),
    chunkFloats: Math.min(lookup.chunkSize, lookup.dim),
    optimizer,
  });
}

/**
 * The tables, where a kind can't do without their sizes.
 * @throws UsageError ERR_CONFIG when the data don't say
 */
export function knownTables({ tables, config }: PlanContext): readonly Table[] {
  if (tables) return tables;
  throw new UsageError(
    'ERR_CONFIG',
    `embedding.kind: ${config.embedding.kind} needs to know how many ids each column has, but the data's manifest doesn't say; prepare the data again.`,
  );
}

/** An error about a budget that is too small. */
export function tooSmall(context: PlanContext, least: number, why: string): UsageError {
  const key = context.config.embedding.memorySize === undefined ? 'compression' : 'memorySize';
  return new UsageError(
    'ERR_CONFIG',
    `embedding.${key}: ${context.budget} floats are too few for kind ${context.config.embedding.kind}, which needs at least ${least} with this data (${why}); ask for less compression.`,
  );
}

/**
 * The least x in [from, to] whose cost is within the budget, for a cost that falls as x grows.
 * @returns undefined when even `to` costs too much
 */
export function leastWithin(
  cost: (x: number) => number,
  budget: number,
  from: number,
  to: number,
): number | undefined {
  if (cost(from) <= budget) return from;
  if (cost(to) > budget) return undefined;
  let [low, high] = [from, to];
  for (let i = 0; i < 200 && high - low > 1e-12 * high; i++) {
    const middle = Math.sqrt(low * high);
    if (cost(middle) <= budget) high = middle;
    else low = middle;
  }
  return high;
}

/** Σ value(item) */
export function sumOf<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((sum, item) => sum + value(item), 0);
}
