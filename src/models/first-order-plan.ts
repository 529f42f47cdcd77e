import type { Config } from '../config/config.ts';
import { isDeep } from '../config/model-schema.ts';
import { chooseGradient, type DataFacts, type EmbeddingPlan, planEmbedding } from './embedding-plan.ts';

/** The embeddings of a model with a first-order term. */
export interface DeepPlan {
  readonly embedding: EmbeddingPlan;
  /** One float an id; null where the first component of its embedding stands in (compat criteo_deepctr). */
  readonly linear: EmbeddingPlan | null;
}

/** Standard deviation that criteo_deepctr gives all its tables and arrays: N(0, 1e-4). */
const COMPAT_STD = 1e-4;
/** Beyond every configured seed, so that ids that share floats in one array don't in the other. */
const LINEAR_HASH_SEED = 2 ** 32;

/**
 * Plans the embedding and the dim-1 tables of the first-order term. Full tables get dim-1 tables beside them; under every other kind the
 * first-order weights are hashed one by one into an array of their own, which takes its share, one float in dim + 1, of the one budget.
 * @throws UsageError ERR_CONFIG as `planEmbedding` does
 */
export function planDeep(config: Config, facts: DataFacts): DeepPlan {
  const whole = planEmbedding(config, facts);
  if (isDeep(config.model) && config.model.compat === 'criteo_deepctr') {
    const inits = [{ kind: 'normal', std: COMPAT_STD }] as const;
    return { embedding: { ...whole, inits }, linear: null };
  }
  const { attributes } = whole;
  const { dim, tableSizes, memorySize } = attributes;
  if (attributes.kind === 'full') {
    const rows = memorySize / dim;
    const linear = { ...attributes, dim: 1, chunkSize: 1, memorySize: rows };
    return { embedding: whole, linear: planned(linear, tableSizes.length) };
  }
  const first = Math.max(1, Math.floor(memorySize / (dim + 1)));
  const unit = attributes.kind === 'hash' ? dim : attributes.aligned ? attributes.chunkSize : 1;
  const rest = memorySize - first;
  const linear = {
    ...attributes,
    kind: 'hashednet',
    dim: 1,
    chunkSize: 1,
    aligned: false,
    memorySize: first,
    hashSeed: attributes.hashSeed + LINEAR_HASH_SEED,
    gradient: chooseGradient(config, first, facts.numTables, 1, 1),
  } as const;
  return {
    embedding: {
      ...whole,
      attributes: { ...attributes, memorySize: Math.max(rest - (rest % unit), attributes.chunkSize) },
    },
    linear: planned(linear, 1),
  };
}

function planned(attributes: EmbeddingPlan['attributes'], arrays: number): EmbeddingPlan {
  return { attributes, inits: Array.from({ length: arrays }, () => ({ kind: 'zeros' })), compression: null };
}
