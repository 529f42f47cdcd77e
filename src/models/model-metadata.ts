import { z } from 'zod';
import { PssError } from '../errors.ts';
import type { EmbeddingAttributes, GraphSpec } from '../graph/graph-spec.ts';
import type { DataFacts } from './embedding-plan.ts';

/** What a model file says besides its weights: enough to use it without config or training data. */
export interface ModelMetadata {
  readonly graph: GraphSpec;
  readonly facts: DataFacts & { readonly denseProfile: string };
}

/** Constants of the public ROBE code's hash: ((id + rowOffset)·a + chunk·b + c) mod p, then modulo |M| − Z + 1. */
const APD10 = { p: 2038074743, a: 871205356, b: 1825252241, c: 634329019 };

const factsSchema = z.object({
  numDense: z.int().positive(),
  numTables: z.int().positive(),
  ids: z.enum(['raw', 'vocab']),
  denseProfile: z.string(),
  tableSizes: z.array(z.int().positive()).optional(),
});

/** The metadata of model.safetensors. The same model gives the same strings: nothing in them depends on time or place. */
export function encodeModelMetadata(metadata: ModelMetadata, version: string): Record<string, string> {
  const { graph, facts } = metadata;
  const embedding = embeddingAttributes(graph);
  const constants = embedding.hash === 'apd10' ? APD10 : { seed: embedding.hashSeed };
  const { numDense, numTables, ids, denseProfile, tableSizes } = facts;
  return {
    pss: version,
    graph: JSON.stringify(graph),
    hash: JSON.stringify({ family: embedding.hash, ...constants }),
    data: JSON.stringify({ numDense, numTables, ids, denseProfile, ...(tableSizes && { tableSizes }) }),
  };
}

/**
 * Reads what `encodeModelMetadata` wrote.
 * @returns undefined when the file has no such metadata (weights from elsewhere)
 * @throws PssError ERR_MODEL_FILE when it has, but they can't be understood
 */
export function decodeModelMetadata(
  metadata: Readonly<Record<string, string>>,
  path: string,
): ModelMetadata | undefined {
  const { graph, data } = metadata as { graph?: string; data?: string };
  if (graph === undefined || data === undefined) return undefined;
  try {
    const spec = JSON.parse(graph) as GraphSpec;
    if (spec.schema !== 1) throw new Error(`graph schema ${spec.schema} is unknown`);
    return { graph: spec, facts: factsSchema.parse(JSON.parse(data)) as ModelMetadata['facts'] };
  } catch (cause) {
    throw new PssError(
      'ERR_MODEL_FILE',
      `${path} has metadata this version can't read (${(cause as Error).message.split('\n')[0]}); use the version of pss that wrote it.`,
      { cause },
    );
  }
}

/** Attributes of a graph's embedding node; of the first, where the ids have first-order weights too. */
export function embeddingAttributes(graph: GraphSpec): EmbeddingAttributes {
  const node = graph.nodes.find(({ op }) => op === 'embedding');
  if (!node) throw new PssError('ERR_MODEL', 'The graph has no embedding node; build it from a config.');
  return node.attributes as unknown as EmbeddingAttributes;
}

/**
 * Checks that weights made for one embedding mean the same in another: the shapes alone don't tell, since a shared array of the same
 * length under another hash is noise.
 * @throws PssError ERR_TENSOR_MISMATCH naming the first difference
 */
export function checkSameEmbedding(wanted: GraphSpec, stored: GraphSpec, path: string): void {
  const a = embeddingAttributes(wanted);
  const b = embeddingAttributes(stored);
  const keys = ['kind', 'dim', 'chunkSize', 'hash', 'hashSeed', 'aligned', 'tableSizes'] as const;
  for (const key of keys) {
    if (key === 'hashSeed' && (a.kind === 'full' || a.hash === 'apd10')) continue;
    if (String(a[key]) === String(b[key])) continue;
    const [is, what] =
      key === 'tableSizes'
        ? ['another vocabulary', 'prepare the data together with those it was trained on']
        : [
            `embedding ${key} ${b[key]}, not ${a[key]}`,
            'make the config (hashSeed is its seed) agree with it',
          ];
    throw new PssError('ERR_TENSOR_MISMATCH', `The weights in ${path} are for ${is}; ${what}.`);
  }
}
