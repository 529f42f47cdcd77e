import type { NativeEngine } from '../addon/addon-types.ts';
import { BatchStream } from '../batch/batch-stream.ts';
import type { RecordBatchSource } from '../batch/window-buffer.ts';
import { EvaluationMetrics, type EvaluationResult } from '../metrics/evaluation-metrics.ts';
import { explainEngineError } from './guards.ts';

/** Scores data with an engine, in the data's order, keeping its buffers from one evaluation to the next. */
export class Evaluator {
  readonly #source: RecordBatchSource;
  readonly #batchSize: number;
  readonly #metrics: EvaluationMetrics;

  /** @param batchSize rows scored in one call */
  constructor(source: RecordBatchSource, batchSize: number) {
    this.#source = source;
    this.#batchSize = batchSize;
    this.#metrics = new EvaluationMetrics(source.rows);
  }

  /**
   * Scores every row once.
   * @returns undefined when `signal` was aborted before the end
   * @param options.onScores given each batch's logits and labels, in order; valid during the call only
   */
  async run(
    engine: Pick<NativeEngine, 'predict'>,
    options: {
      readonly signal?: AbortSignal;
      readonly onScores?: (logits: Float32Array, labels: Uint8Array) => void | Promise<void>;
    } = {},
  ): Promise<EvaluationResult | undefined> {
    this.#metrics.reset();
    const stream = new BatchStream(this.#source, {
      batchSize: this.#batchSize,
      maxBatches: 1,
      shuffle: 'none',
      seed: 0,
      epochs: 1,
    });
    try {
      let batch = await stream.read();
      while (batch) {
        const predicting = engine.predict(batch);
        const reading = stream.read();
        reading.catch(() => undefined);
        const logits = await predicting;
        this.#metrics.add(logits, batch.labels);
        await options.onScores?.(logits, batch.labels);
        if (options.signal?.aborted) return undefined;
        batch = await reading;
      }
    } catch (error) {
      throw explainEngineError(error);
    } finally {
      await stream.close();
    }
    return this.#metrics.result();
  }
}
