import type {
  EngineOptions,
  NativeBatch,
  NativeEngine,
  TensorInfo,
  TrainResult,
} from '../../src/addon/addon-types.ts';
import type { GraphSpec } from '../../src/graph/graph-spec.ts';
import type { EngineFactory } from '../../src/train/engine-factory.ts';

/** What a fake engine does besides learning. */
export interface FakeBehaviour {
  /** Called before each native call, e.g. to abort a run at a certain step. */
  readonly onTrain?: (firstStep: number) => void;
  /** Steps from this one on have the loss NaN. */
  readonly divergeAt?: number;
  /** Every score is zero. */
  readonly constantScores?: boolean;
  /** Fail with this code. */
  readonly failWith?: { code: string; message: string };
}

/**
 * An engine in JavaScript for tests of what surrounds it: logistic regression on the dense features, with momentum as its optimizer state,
 * under the graph's first parameter. It refuses overlapping calls and notices when its input changes under way.
 */
export function fakeEngines(behaviour: FakeBehaviour = {}): EngineFactory & { readonly live: () => number } {
  let live = 0;
  return {
    live: () => live,
    machine: () => ({ cpu: 'a fake', isa: 'reference' }),
    findGpu: () => {
      throw new Error('fakes run on no GPU');
    },
    createEngine: (graph, options) => {
      live++;
      return new FakeEngine(graph, options, behaviour, () => {
        live--;
      });
    },
  };
}

class FakeEngine implements NativeEngine {
  readonly #graph: GraphSpec;
  readonly #options: EngineOptions;
  readonly #behaviour: FakeBehaviour;
  readonly #onDispose: () => void;
  readonly #tensors = new Map<string, Float32Array>();
  readonly #weightName: string;
  #busy = false;
  #disposed = false;

  constructor(graph: GraphSpec, options: EngineOptions, behaviour: FakeBehaviour, onDispose: () => void) {
    this.#graph = graph;
    this.#options = options;
    this.#behaviour = behaviour;
    this.#onDispose = onDispose;
    this.#weightName = graph.parameters[0]?.name ?? '';
    for (const { name, size } of [...this.parameters(), ...this.optimizerState()]) {
      this.#tensors.set(name, new Float32Array(size));
    }
  }

  parameters(): TensorInfo[] {
    return this.#graph.parameters.map(({ name, shape }) => ({
      name,
      shape,
      size: shape.reduce((a, b) => a * b, 1),
    }));
  }

  optimizerState(): TensorInfo[] {
    if (!this.#options.training) return [];
    const [first] = this.parameters();
    return first ? [{ ...first, name: `${first.name}.moment1` }] : [];
  }

  async train(
    batch: NativeBatch,
    batchSize: number,
    firstStep: number,
    rates: Float64Array,
  ): Promise<TrainResult> {
    const { onTrain, divergeAt = Number.POSITIVE_INFINITY, failWith } = this.#behaviour;
    if (failWith) throw Object.assign(new Error(failWith.message), { code: failWith.code });
    const before = fingerprint(batch);
    await this.#exclusively();
    onTrain?.(firstStep);
    const losses = new Float64Array(Math.ceil(batch.labels.length / batchSize));
    if (losses.length !== rates.length) throw new Error('one learning rate for each step');
    for (let step = 0; step < losses.length; step++) {
      const end = Math.min(batch.labels.length, (step + 1) * batchSize);
      losses[step] = this.#step(batch, step * batchSize, end, rates[step] as number);
      if (firstStep + step >= divergeAt) losses[step] = Number.NaN;
    }
    this.#busy = false;
    if (fingerprint(batch) !== before) throw new Error('the batch changed while it was in use');
    return { losses, appliedSteps: losses.length };
  }

  async predict(batch: NativeBatch): Promise<Float32Array> {
    await this.#exclusively();
    const logits = Float32Array.from(batch.labels, (_, row) => this.#logit(batch, row));
    this.#busy = false;
    return this.#behaviour.constantScores ? logits.fill(0) : logits;
  }

  async read(name: string, offset: number, out: Float32Array): Promise<void> {
    out.set(this.#tensor(name).subarray(offset, offset + out.length));
  }

  async write(name: string, offset: number, values: Float32Array): Promise<void> {
    this.#tensor(name).set(values, offset);
  }

  trace(): never {
    throw new Error('a fake engine has no trace');
  }

  describe(): never {
    throw new Error('a fake engine has nothing to describe');
  }

  async takeTimings(): Promise<Record<string, number>> {
    return {};
  }

  async dispose(): Promise<void> {
    if (!this.#disposed) this.#onDispose();
    this.#disposed = true;
  }

  #step(batch: NativeBatch, first: number, end: number, rate: number): number {
    const { numDense } = this.#graph;
    const weights = this.#tensor(this.#weightName);
    const momentum = this.#tensor(`${this.#weightName}.moment1`);
    const gradient = new Float64Array(numDense);
    let loss = 0;
    for (let row = first; row < end; row++) {
      const logit = this.#logit(batch, row);
      const error = 1 / (1 + Math.exp(-logit)) - (batch.labels[row] as number);
      loss += Math.log1p(Math.exp(batch.labels[row] ? -logit : logit));
      for (let i = 0; i < numDense; i++) {
        gradient[i] = (gradient[i] as number) + error * (batch.dense[row * numDense + i] as number);
      }
    }
    for (let i = 0; i < numDense; i++) {
      momentum[i] = 0.5 * (momentum[i] as number) + (gradient[i] as number) / (end - first);
      weights[i] = (weights[i] as number) - rate * (momentum[i] as number);
    }
    return loss / (end - first);
  }

  #logit(batch: NativeBatch, row: number): number {
    const { numDense } = this.#graph;
    const weights = this.#tensor(this.#weightName);
    let logit = 0;
    for (let i = 0; i < numDense; i++) {
      logit += (weights[i] as number) * (batch.dense[row * numDense + i] as number);
    }
    return logit;
  }

  #tensor(name: string): Float32Array {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`no tensor ${name}`);
    return tensor;
  }

  async #exclusively(): Promise<void> {
    if (this.#disposed || this.#busy) {
      throw Object.assign(new Error('busy'), { code: this.#busy ? 'ERR_BUSY' : 'ERR_DISPOSED' });
    }
    this.#busy = true;
    // Long enough for the next superbatch to be made meanwhile, as with a real engine.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

function fingerprint(batch: NativeBatch): number {
  let sum = 0;
  for (let i = 0; i < batch.dense.length; i++)
    sum = (Math.imul(sum, 31) + (batch.dense[i] as number) * 1e4) | 0;
  for (let i = 0; i < batch.sparse.length; i++) sum = (Math.imul(sum, 31) + (batch.sparse[i] as number)) | 0;
  return sum;
}
