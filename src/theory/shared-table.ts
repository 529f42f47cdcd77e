import type { Addon, EngineOptions, NativeEngine, Trace } from '../addon/addon-types.ts';
import { parseConfig } from '../config/config.ts';
import { GraphBuilder } from '../graph/graph-builder.ts';
import type { GraphSpec } from '../graph/graph-spec.ts';
import { planEmbedding } from '../models/embedding-plan.ts';
import type { Method } from './methods.ts';

/** Floats of M by parameter name. */
export type Memory = ReadonlyMap<string, Float64Array>;

export interface SharedTableRequest {
  readonly method: Method;
  readonly rows: number;
  readonly dim: number;
  /** Most floats of M, a multiple of the method's unit. */
  readonly memorySize: number;
  readonly seed: number;
  readonly threads: number;
  /** Most rows of one call. */
  readonly blockRows: number;
}

/** Where conjugate gradients stop: the residual over the first one, near what lookups in float32 can tell; and the most steps. */
const CONVERGED = 1e-6;
const MOST_STEPS = 100;

/**
 * The linear map A from M to a virtual n×d table, as the engine computes it when training: looking rows up is A·M, and the gradient that M gets
 * from gradients of rows is Aᵀ times them.
 */
export class SharedTable {
  readonly #addon: Addon;
  readonly #request: SharedTableRequest;
  readonly #graph: GraphSpec;
  readonly #options: EngineOptions;
  /** Name of the tensor of looked-up rows. */
  readonly #slots: string;
  /** |M| in floats. */
  readonly memorySize: number;

  /** @throws UsageError ERR_CONFIG when the method can't have this size */
  constructor(addon: Addon, request: SharedTableRequest) {
    const { seed, threads, blockRows } = request;
    this.#addon = addon;
    this.#request = request;
    this.#graph = lookupGraph(request);
    this.#slots = this.#graph.tensors[this.#graph.logits]?.name as string;
    this.#options = {
      batchSize: blockRows,
      threads,
      seed,
      optimizer: { kind: 'sgd', beta1: 0, beta2: 0, epsilon: 0, initialAccumulator: 0 },
      isa: 'auto',
      training: true,
    };
    this.memorySize = this.#graph.parameters.reduce(
      (sum, { shape }) => sum + shape.reduce((a, b) => a * b),
      0,
    );
  }

  /** Aᵀ times a table given block by block. */
  async transposed(blocks: AsyncIterable<{ first: number; values: Float32Array }>): Promise<Memory> {
    const memory = new Map<string, Float64Array>();
    await this.#withEngine(true, async (engine) => {
      for (const { name, size } of engine.parameters()) memory.set(name, new Float64Array(size));
      for await (const { first, values } of blocks) {
        const { parameterGradients } = await this.#trace(engine, first, values);
        for (const [name, sums] of memory) add(sums, parameterGradients[name] as Float32Array);
      }
    });
    return memory;
  }

  /**
   * The M whose table is nearest to E, where every float of a lookup is one float of M: each float is the mean of the floats of E
   * that it stands for.
   * @param sketch Aᵀ·E
   */
  async mean(sketch: Memory): Promise<Memory> {
    const reads = await this.transposed(this.#ones());
    return new Map(
      [...sketch].map(([name, sums]) => {
        const counts = reads.get(name) as Float64Array;
        return [name, sums.map((sum, i) => sum / Math.max(1, counts[i] as number))];
      }),
    );
  }

  /**
   * The M whose table is nearest to E, for any method: AᵀA·M = Aᵀ·E by conjugate gradients from zero, which also settle on one M, the
   * shortest, where several are as near (a constant may go from one of two summed tables to the other).
   * @param sketch Aᵀ·E
   */
  async nearest(sketch: Memory): Promise<Memory> {
    const memory = new Map([...sketch].map(([name, values]) => [name, new Float64Array(values.length)]));
    const residual = new Map([...sketch].map(([name, values]) => [name, values.slice()]));
    let direction: Memory = new Map([...sketch].map(([name, values]) => [name, values.slice()]));
    let length = product(residual, residual);
    const enough = length * CONVERGED ** 2;
    for (let step = 0; step < MOST_STEPS && length > enough; step++) {
      const image = await this.transposed(this.#rows(direction));
      const along = length / product(direction, image);
      addTo(memory, direction, along);
      addTo(residual, image, -along);
      const before = length;
      length = product(residual, residual);
      const kept = length / before;
      direction = new Map(
        [...residual].map(([name, values]) => {
          const old = direction.get(name) as Float64Array;
          return [name, values.map((value, i) => value + kept * (old[i] as number))];
        }),
      );
    }
    return memory;
  }

  /** A·M, block by block. */
  async *#rows(memory: Memory) {
    const { rows, blockRows } = this.#request;
    const blocks: { first: number; values: Float32Array }[] = [];
    await this.withMemory(memory, async (lookUp) => {
      for (let first = 0; first < rows; first += blockRows) {
        blocks.push({ first, values: await lookUp(first, Math.min(blockRows, rows - first)) });
      }
    });
    yield* blocks;
  }

  /** Calls `use` with a function that gives rows [first, first + count) of A·M, [count, d]. */
  async withMemory(
    memory: Memory,
    use: (lookUp: (first: number, count: number) => Promise<Float32Array>) => Promise<void>,
  ): Promise<void> {
    await this.#withEngine(false, async (engine) => {
      for (const [name, values] of memory) await engine.write(name, 0, Float32Array.from(values));
      await use(async (first, count) => {
        const { values } = await this.#trace(engine, first, new Float32Array(count * this.#request.dim));
        return values[this.#slots] as Float32Array;
      });
    });
  }

  /** A table of ones, so that Aᵀ times it counts how often each float of M is read. */
  async *#ones() {
    const { rows, dim, blockRows } = this.#request;
    const values = new Float32Array(Math.min(rows, blockRows) * dim).fill(1);
    for (let first = 0; first < rows; first += blockRows) {
      yield { first, values: values.subarray(0, Math.min(blockRows, rows - first) * dim) };
    }
  }

  #trace(engine: NativeEngine, first: number, rows: Float32Array): Promise<Trace> {
    const count = rows.length / this.#request.dim;
    const batch = {
      labels: new Uint8Array(count),
      dense: new Float32Array(count),
      sparse: Uint32Array.from({ length: count }, (_, i) => first + i),
    };
    return engine.trace(batch, rows);
  }

  async #withEngine(training: boolean, use: (engine: NativeEngine) => Promise<void>): Promise<void> {
    const engine = new this.#addon.Engine(this.#graph, { ...this.#options, training });
    try {
      await use(engine);
    } finally {
      await engine.dispose();
    }
  }
}

/** Ids of one table → its rows. */
function lookupGraph({ method, rows, dim, memorySize, seed }: SharedTableRequest): GraphSpec {
  const unused = 'unused';
  const config = parseConfig(
    JSON.stringify({
      seed,
      data: { train: unused, eval: unused },
      embedding: { ...method.embedding, dim, memorySize },
      model: { bottomMlp: [dim], topMlp: [1] },
      optimizer: { learningRate: 1 },
    }),
    `method ${method.name}`,
  );
  const facts = { numDense: 1, numTables: 1, ids: 'vocab', tableSizes: [rows] } as const;
  const graph = new GraphBuilder(facts.numDense, facts.numTables);
  return graph.buildPart(planEmbedding(config, facts).build(graph, graph.sparseInput()));
}

function add(sums: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (values[i] as number);
}

/** ⟨a, b⟩ */
function product(a: Memory, b: Memory): number {
  let sum = 0;
  for (const [name, values] of a) {
    const other = b.get(name) as Float64Array;
    for (let i = 0; i < values.length; i++) sum += (values[i] as number) * (other[i] as number);
  }
  return sum;
}

/** sums += factor·values */
function addTo(sums: Memory, values: Memory, factor: number): void {
  for (const [name, to] of sums) {
    const from = values.get(name) as Float64Array;
    for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) + factor * (from[i] as number);
  }
}
