import { z } from 'zod';
import { PssError } from '../errors.ts';
import type { EmbeddingAttributes, GraphSpec, NodeSpec } from '../graph/graph-spec.ts';
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
  const { hash, hashSeed } = hashOf(graph);
  const constants = hash === 'apd10' ? APD10 : { seed: hashSeed };
  const { numDense, numTables, ids, denseProfile, tableSizes } = facts;
  return {
    pss: version,
    graph: JSON.stringify(graph),
    hash: JSON.stringify({ family: hash, ...constants }),
    data: JSON.stringify({ numDense, numTables, ids, denseProfile, ...(tableSizes && { tableSizes }) }),
  };
}

/** The hash family that finds a model's embeddings and its seed, which is also that of a generated sketch. */
function hashOf(graph: GraphSpec): Pick<EmbeddingAttributes, 'hash' | 'hashSeed'> {
  const node = graph.nodes.find(({ op }) => op === 'embedding' || op === 'sketch');
  const { hash = 'mix64', hashSeed } = (node?.attributes ?? {}) as unknown as EmbeddingAttributes;
  return { hash, hashSeed };
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

/** Nodes that make embeddings, in whose attributes two models must agree for weights to mean the same in both. */
const EMBEDDING_OPS: readonly NodeSpec['op'][] = [
  'embedding',
  'combine',
  'projection',
  'tensorTrain',
  'sketch',
  'joinSlots',
];

/** Attributes of a graph's first embedding node. */
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
  const nodesOf = (graph: GraphSpec) => graph.nodes.filter(({ op }) => EMBEDDING_OPS.includes(op));
  const [ours, theirs] = [nodesOf(wanted), nodesOf(stored)];
  const kindsOf = (nodes: readonly NodeSpec[]) =>
    nodes.map(({ op, attributes }) => attributes['kind'] ?? attributes['operation'] ?? op).join(', ');
  if (kindsOf(ours) !== kindsOf(theirs)) {
    throw mismatch(path, `embedding kind ${kindsOf(theirs)}, not ${kindsOf(ours)}`, AGREE);
  }
  ours.forEach((node, n) => {
    const other = theirs[n] as NodeSpec;
    for (const key of Object.keys({ ...node.attributes, ...other.attributes })) {
      const [a, b] = [node.attributes[key], other.attributes[key]];
      if (!matters(node, key) || String(a) === String(b)) continue;
      if (key === 'tableSizes') {
        throw mismatch(path, 'another vocabulary', 'prepare the data together with those it was trained on');
      }
      throw mismatch(path, `embedding ${key} ${b}, not ${a}`, AGREE);
    }
  });
}

const AGREE = 'make the config (hashSeed is its seed) agree with it';

/** Whether an attribute changes what weights mean; sizes of arrays show in the tensors' shapes. */
function matters({ op, attributes }: NodeSpec, key: string): boolean {
  if (key === 'gradient' || key === 'memorySize' || key === 'rows') return false;
  if (key !== 'hashSeed') return true;
  if (op === 'combine') return attributes['operation'] === 'signedSum';
  if (op !== 'embedding') return true;
  const { kind, hash, divisors } = attributes as unknown as EmbeddingAttributes;
  return kind !== 'full' && hash !== 'apd10' && !(kind === 'rows' && divisors?.every((each) => each > 0));
}

function mismatch(path: string, is: string, what: string): PssError {
  return new PssError('ERR_TENSOR_MISMATCH', `The weights in ${path} are for ${is}; ${what}.`);
}
