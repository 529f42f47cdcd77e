import type { Problem } from './problems.ts';
import type { CheckedConfig, EmbeddingConfig } from './schema.ts';

/** The largest Z of the paper's measurements (Table 2): fewest hashes, longest runs of consecutive floats. */
const DEFAULT_CHUNK = 32;

/** Z where the configuration doesn't say, and where it has no choice. */
export function impliedChunkSize(kind: EmbeddingConfig['kind'], dim: number): number {
  if (kind === 'hashednet') return 1;
  return kind === 'robe' ? Math.min(DEFAULT_CHUNK, dim) : dim;
}

/** What is wrong between the keys of `embedding`. */
export function embeddingProblems(embedding: EmbeddingConfig): Problem[] {
  const { kind, dim, compression, memorySize, chunkSize, hash, aligned } = embedding;
  const problems: Problem[] = [];
  const add = (key: string, text: string) => problems.push({ path: ['embedding', key], text });

  if (kind === 'full') {
    for (const [key, value] of Object.entries({ compression, memorySize })) {
      if (value !== undefined)
        add(
          key,
          `embedding.${key} has no meaning with kind full, which stores every row; leave it out or set it to null`,
        );
    }
  } else if (compression !== undefined && memorySize !== undefined) {
    add(
      'memorySize',
      'embedding.compression and embedding.memorySize say the same thing; keep one and set the other to null',
    );
  } else if (compression === undefined && memorySize === undefined) {
    add('kind', `embedding.kind ${kind} needs embedding.compression or embedding.memorySize; add one`);
  }

  if (kind === 'robe' && chunkSize > dim) {
    add('chunkSize', `embedding.chunkSize is ${chunkSize} but must be at most embedding.dim, ${dim}`);
  } else if (kind !== 'robe' && chunkSize !== impliedChunkSize(kind, dim)) {
    add(
      'chunkSize',
      `embedding.chunkSize is for kind robe; leave it out with ${kind}, where it is always ${impliedChunkSize(kind, dim)}`,
    );
  }
  if (memorySize !== undefined && kind !== 'full' && memorySize < chunkSize) {
    add(
      'memorySize',
      `embedding.memorySize is ${memorySize} but must hold at least one chunk of ${chunkSize} floats`,
    );
  }
  if (hash === 'apd10' && kind !== 'robe' && kind !== 'hashednet') {
    add('hash', `embedding.hash apd10 is for kinds robe and hashednet; use mix64 with ${kind}`);
  }
  if (aligned && kind !== 'robe') {
    add('aligned', `embedding.aligned is for kind robe; leave it out with ${kind}`);
  } else if (aligned && hash === 'apd10') {
    add('aligned', 'embedding.aligned needs hash mix64; the chunks of apd10 start anywhere');
  }
  for (const [key, kind_] of Object.entries(OWN_KEYS)) {
    if (embedding[key as OwnKey] === undefined || kind === kind_) continue;
    add(key, `embedding.${key} is for kind ${kind_}; leave it out with ${kind}`);
  }
  return [...problems, ...kindProblems(embedding)];
}

/** Keys that one kind alone has. */
export const OWN_KEYS = {
  perTable: 'hash',
  operation: 'qr',
  memories: 'qr',
  alpha: 'md',
  sketch: 'jlt',
  nonZeros: 'jlt',
} as const;
type OwnKey = keyof typeof OWN_KEYS;

/** The keys that only some kinds have: those given, right or wrong, and what their kind takes where they aren't. */
export function ownKeys(given: CheckedConfig['embedding']): Partial<Pick<EmbeddingConfig, OwnKey>> {
  const present = Object.keys(OWN_KEYS).filter((key) => given[key as OwnKey] !== undefined);
  return { ...ownDefaults(given), ...Object.fromEntries(present.map((key) => [key, given[key as OwnKey]])) };
}

function ownDefaults({ kind, sketch }: CheckedConfig['embedding']): Partial<Pick<EmbeddingConfig, OwnKey>> {
  switch (kind) {
    case 'hash':
      return { perTable: false };
    case 'qr':
      return { operation: 'product' };
    case 'md':
      // Where the paper's curves for click-through rates are best.
      return { alpha: 0.3 };
    case 'jlt':
      return { sketch: 'sparse', ...((sketch ?? 'sparse') === 'sparse' ? { nonZeros: 4 } : {}) };
    default:
      return {};
  }
}

/** What is wrong among the keys that some kinds alone have. */
function kindProblems(embedding: EmbeddingConfig): Problem[] {
  const { kind, dim, chunkSize, minRows, operation, memories, sketch, nonZeros, gradient } = embedding;
  const problems: Problem[] = [];
  const add = (key: string, text: string) => problems.push({ path: ['embedding', key], text });
  if (minRows > 0 && kind === 'full') {
    add(
      'minRows',
      'embedding.minRows has no meaning with kind full, where every table is full; leave it out',
    );
  } else if (minRows > 0 && dim % chunkSize !== 0) {
    add(
      'minRows',
      `embedding.minRows needs rows of whole chunks, but embedding.dim ${dim} isn't a multiple of embedding.chunkSize ${chunkSize}; change one of them`,
    );
  }
  const parts = memories ?? 2;
  if (kind === 'qr' && operation === 'concat' && dim % parts !== 0) {
    add(
      memories === undefined ? 'operation' : 'memories',
      `embedding.dim is ${dim} but must be a multiple of ${parts}, the vectors that make it up; change embedding.${memories === undefined ? 'operation' : 'memories'} or embedding.dim`,
    );
  }
  if (kind === 'jlt' && sketch !== 'sparse') {
    if (nonZeros !== undefined)
      add('nonZeros', `embedding.nonZeros is for embedding.sketch sparse; leave it out with ${sketch}`);
    if (gradient === 'sparse')
      add(
        'gradient',
        `embedding.gradient sparse has no meaning with embedding.sketch ${sketch}, whose every lookup touches all of M; use dense or auto`,
      );
  }
  return problems;
}
