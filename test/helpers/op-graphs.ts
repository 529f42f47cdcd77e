import type {
  EngineOptions,
  Isa,
  NativeBatch,
  NativeEngine,
  OptimizerSpec,
  Trace,
} from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { GraphBuilder } from '../../src/graph/graph-builder.ts';
import type { EmbeddingAttributes, GraphSpec } from '../../src/graph/graph-spec.ts';

export const SGD: OptimizerSpec = {
  kind: 'sgd',
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  initialAccumulator: 0,
};

/** N of every graph here. */
export const NUM_DENSE = 3;

const UNIFORM = { kind: 'uniform', bound: 0.5 } as const;
const LAYER = { weight: UNIFORM, bias: UNIFORM };

/** Complete attributes from those that matter to a test; kind, dim, chunkSize and memorySize keep their rules. */
export function embeddingAttributes(given: Partial<EmbeddingAttributes>): EmbeddingAttributes {
  const { kind = 'robe', dim = 16, tableSizes = [] } = given;
  const chunkSize = kind === 'hashednet' ? 1 : kind === 'robe' ? (given.chunkSize ?? dim) : dim;
  const rows = tableSizes.reduce((sum, size) => sum + size, 0);
  return {
    kind,
    dim,
    chunkSize,
    memorySize: kind === 'full' ? rows * dim : (given.memorySize ?? 1000 * dim),
    hash: given.hash ?? 'mix64',
    hashSeed: given.hashSeed ?? 1,
    aligned: given.aligned ?? false,
    tableSizes,
    gradient: given.gradient ?? 'dense',
  };
}

/** Ids → embedding, with the slots as output (materialised, since nothing reads them). */
export function embeddingGraph(numTables: number, attributes: EmbeddingAttributes): GraphSpec {
  const graph = new GraphBuilder(NUM_DENSE, numTables);
  const dense = graph.denseInput();
  const slots = graph.embedding('slots', graph.sparseInput(), attributes, inits(attributes));
  return endingAt(slots.index, graph.build(graph.linear('end', dense, 1, 'none', LAYER)));
}

/** Dense features → linear `bottom`; ids → embedding `slots`; dot interaction `interaction` as output. */
export function interactionGraph(numTables: number, attributes: EmbeddingAttributes): GraphSpec {
  const graph = new GraphBuilder(NUM_DENSE, numTables);
  const bottom = graph.linear('bottom', graph.denseInput(), attributes.dim, 'none', LAYER);
  const slots = graph.embedding('slots', graph.sparseInput(), attributes, inits(attributes));
  const interaction = graph.dotInteraction('interaction', bottom, slots);
  return endingAt(interaction.index, graph.build(graph.linear('end', interaction, 1, 'none', LAYER)));
}

/** The interaction graph with a linear layer to one logit behind it: the smallest model that trains. */
export function smallModel(numTables: number, attributes: EmbeddingAttributes): GraphSpec {
  const graph = new GraphBuilder(NUM_DENSE, numTables);
  const bottom = graph.linear('bottom', graph.denseInput(), attributes.dim, 'none', LAYER);
  const slots = graph.embedding('slots', graph.sparseInput(), attributes, inits(attributes));
  return graph.build(
    graph.linear('end', graph.dotInteraction('interaction', bottom, slots), 1, 'none', LAYER),
  );
}

/** Ids → embedding `slots` → one logit by `end`: M trains alone, by gradients that are one product each. */
export function lookupModel(numTables: number, attributes: EmbeddingAttributes): GraphSpec {
  const graph = new GraphBuilder(NUM_DENSE, numTables);
  const slots = graph.embedding('slots', graph.sparseInput(), attributes, inits(attributes));
  const flat = { index: slots.index, shape: [numTables * attributes.dim] };
  return graph.build(graph.linear('end', flat, 1, 'none', LAYER));
}

/** Every parameter and state tensor. */
export async function readAll(engine: NativeEngine): Promise<Map<string, Float32Array>> {
  const all = new Map<string, Float32Array>();
  for (const { name } of [...engine.parameters(), ...engine.optimizerState()]) {
    all.set(name, await readTensor(engine, name));
  }
  return all;
}

/** Runs `use` with an engine for the graph and disposes of it. */
export async function withEngine<T>(
  graph: GraphSpec,
  options: Partial<EngineOptions>,
  use: (engine: NativeEngine) => Promise<T>,
): Promise<T> {
  const { Engine } = loadAddon();
  const engine = new Engine(graph, {
    batchSize: 64,
    threads: 2,
    seed: 7,
    optimizer: SGD,
    isa: 'auto',
    training: true,
    guards: true,
    ...options,
  });
  try {
    return await use(engine);
  } finally {
    await engine.dispose();
  }
}

/** One forward and backward pass of a fresh engine. */
export function traceGraph(
  graph: GraphSpec,
  options: Partial<EngineOptions>,
  batch: NativeBatch,
  outputGradient: Float32Array,
): Promise<Trace> {
  return withEngine(graph, { batchSize: batch.labels.length, ...options }, (engine) =>
    engine.trace(batch, outputGradient),
  );
}

/** The whole of a parameter or state tensor. */
export async function readTensor(engine: NativeEngine, name: string): Promise<Float32Array> {
  const info = [...engine.parameters(), ...engine.optimizerState()].find((tensor) => tensor.name === name);
  if (!info) throw new Error(`no tensor ${name}`);
  const out = new Float32Array(info.size);
  await engine.read(name, 0, out);
  return out;
}

/** The instruction sets that this machine can run; the reference always. */
export function availableIsas(): readonly Isa[] {
  const { features } = loadAddon().machine();
  const has = (...names: string[]) => names.every((name) => features.includes(name));
  const wide = has('avx512f', 'avx512bw', 'avx512dq', 'avx512vl');
  return [
    'reference',
    ...(has('avx2', 'fma') ? (['avx2'] as const) : []),
    ...(wide ? (['avx512'] as const) : []),
    ...(wide && has('avx512_bf16') ? (['avx512bf16'] as const) : []),
  ];
}

/** A value that must be there. */
export function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('expected a value');
  return value;
}

/** The graph without its last layer, and with a tensor [B, ...] of any shape as output. */
function endingAt(output: number, graph: GraphSpec): GraphSpec {
  return {
    ...graph,
    tensors: graph.tensors.slice(0, -1),
    parameters: graph.parameters.slice(0, -2),
    nodes: graph.nodes.slice(0, -1),
    logits: output,
  };
}

function inits(attributes: EmbeddingAttributes) {
  return attributes.kind === 'full' ? attributes.tableSizes.map(() => UNIFORM) : [UNIFORM];
}
