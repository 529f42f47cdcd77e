import type { Config } from '../config/config.ts';
import { UsageError } from '../errors.ts';
import type { EmbeddingAttributes, InitSpec } from '../graph/graph-spec.ts';

/** What a model needs to know about its data; a data set's `facts` are this. */
export interface DataFacts {
  readonly numDense: number;
  readonly numTables: number;
  readonly ids: 'raw' | 'vocab';
  /** E_t, with `ids: vocab`. */
  readonly tableSizes?: readonly number[];
  /** Estimate of E_t, with `ids: raw`. */
  readonly distinct?: readonly number[];
}

/** The embedding of a model: attributes of its node, initial values, and what it saves. */
export interface EmbeddingPlan {
  readonly attributes: EmbeddingAttributes;
  readonly inits: readonly InitSpec[];
  /** Σ E_t·D / |M|; null when the table sizes aren't known even as an estimate. */
  readonly compression: number | null;
}

/**
 * Turns the `embedding` section and the data's table sizes into sizes and initial values.
 * Full table t ~ U(±√(1/E_t)); a shared array ~ U(±√(1/max E_t)).
 * @throws UsageError ERR_CONFIG when the data don't have what the kind or hash needs
 */
export function planEmbedding(config: Config, facts: DataFacts): EmbeddingPlan {
  const { kind, dim, chunkSize, hash, aligned } = config.embedding;
  const tableSizes = facts.ids === 'vocab' ? (facts.tableSizes ?? []) : [];
  const sizes = facts.ids === 'vocab' ? tableSizes : facts.distinct;
  if (facts.ids === 'raw' && (kind === 'full' || hash === 'apd10')) {
    const [key, value] = kind === 'full' ? ['kind', 'full'] : ['hash', 'apd10'];
    throw new UsageError(
      'ERR_CONFIG',
      `embedding.${key}: ${value} needs contiguous ids, but the data hold raw hashes; prepare them with --ids vocab.`,
    );
  }
  const floats = sizes && sizes.reduce((sum, size) => sum + size, 0) * dim;
  const memorySize = kind === 'full' ? (floats as number) : sharedMemorySize(config, floats);
  const largest = Math.max(1, ...(sizes ?? [1]));
  const bounds = kind === 'full' ? tableSizes : [largest];
  return {
    attributes: {
      kind,
      dim,
      chunkSize,
      memorySize,
      hash,
      hashSeed: config.seed,
      aligned,
      tableSizes,
      gradient: chooseGradient(config, memorySize, facts.numTables),
    },
    inits: bounds.map((size) => ({ kind: 'uniform', bound: Math.sqrt(1 / size) })),
    compression: floats === undefined ? null : floats / memorySize,
  };
}

/**
 * Resolves `gradient: auto`. Full tables are updated sparsely, and so is a shared array larger than what one batch can touch: the measured
 * crossover (docs/performance.md) lies at |M| = B·F·D for chunks of 16 floats and more, and at 16 times that for smaller ones, where the sparse
 * form has more to sort. Adam is always dense: its moments move every parameter at every step, and leaving untouched ones out is another
 * algorithm, to be asked for by name.
 */
export function chooseGradient(
  config: Config,
  memorySize: number,
  numSlots: number,
  dim = config.embedding.dim,
  chunkSize = config.embedding.chunkSize,
): 'dense' | 'sparse' {
  const { gradient, kind } = config.embedding;
  if (gradient !== 'auto') return gradient;
  if (config.optimizer.kind === 'adam') return 'dense';
  if (kind === 'full') return 'sparse';
  const limit = chunkSize >= 16 ? 1 : 16;
  return memorySize > limit * config.data.batchSize * numSlots * dim ? 'sparse' : 'dense';
}

/** |M| as configured, or ⌊Σ E_t·D / compression⌋ cut to whole rows (hash) or chunks (aligned), and at least one of them. */
function sharedMemorySize(config: Config, floats: number | undefined): number {
  const { kind, dim, chunkSize, compression, memorySize, aligned } = config.embedding;
  const unit = kind === 'hash' ? dim : aligned ? chunkSize : 1;
  if (memorySize !== undefined) {
    if (memorySize % unit !== 0) {
      throw new UsageError(
        'ERR_CONFIG',
        `embedding.memorySize: ${memorySize} isn't a multiple of ${unit}, the ${kind === 'hash' ? 'row' : 'chunk'} it is cut into; use ${Math.max(unit, memorySize - (memorySize % unit))}.`,
      );
    }
    return memorySize;
  }
  if (floats === undefined) {
    throw new UsageError(
      'ERR_CONFIG',
      "embedding.compression means nothing here, since the data's manifest doesn't say how many ids there are; give embedding.memorySize instead.",
    );
  }
  const wanted = Math.floor(floats / (compression as number));
  return Math.max(wanted - (wanted % unit), chunkSize);
}
