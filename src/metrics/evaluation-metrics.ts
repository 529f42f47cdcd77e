import { areaUnderRoc, aucStandardError } from './auc.ts';
import { CompensatedSum } from './compensated-sum.ts';

/** How good a model's scores are on a set of rows. */
export interface EvaluationResult {
  readonly rows: number;
  readonly positives: number;
  /** Exact, ties counted half; null when all rows have the same label. */
  readonly auc: number | null;
  /** Standard error the AUC would have if the scores said nothing; null with `auc`. */
  readonly aucNoise: number | null;
  /** Mean of −log p(label). */
  readonly logLoss: number;
  /** Log loss of always predicting these rows' mean label: what a model has to beat. */
  readonly baselineLogLoss: number;
  /** Mean prediction / mean label; null when no row is positive. */
  readonly calibration: number | null;
  readonly meanPrediction: number;
  /** Every score is the same number. */
  readonly constantScores: boolean;
  /** Scores that are NaN or infinite; metrics mean nothing unless 0. */
  readonly notFinite: number;
}

/**
 * Collects logits and labels of a known number of rows, batch by batch, and computes the metrics at the end.
 * Holds 4 bytes a row. Sums run in row order in float64, so the result doesn't depend on how rows were cut into batches.
 */
export class EvaluationMetrics {
  /** Positives' scores from the front, negatives' from the back. */
  readonly #scores: Float32Array;
  #positives = 0;
  #negatives = 0;
  #logLoss = new CompensatedSum();
  #prediction = new CompensatedSum();
  #smallest = Number.POSITIVE_INFINITY;
  #largest = Number.NEGATIVE_INFINITY;
  #notFinite = 0;

  /** @param rows how many rows will be added at most before a `reset` */
  constructor(rows: number) {
    this.#scores = new Float32Array(rows);
  }

  /**
   * @param logits scores before the sigmoid
   * @param labels 0 or 1, one for each logit
   */
  add(logits: Float32Array, labels: Uint8Array): void {
    const last = this.#scores.length - 1;
    for (let i = 0; i < logits.length; i++) {
      const logit = logits[i] as number;
      const positive = labels[i] === 1;
      const small = Math.exp(-Math.abs(logit));
      // log(1 + e^z) − y·z without overflow, and the sigmoid from the same exponential.
      this.#logLoss.add(Math.log1p(small) + Math.max(positive ? -logit : logit, 0));
      this.#prediction.add(logit >= 0 ? 1 / (1 + small) : small / (1 + small));
      if (logit < this.#smallest) this.#smallest = logit;
      if (logit > this.#largest) this.#largest = logit;
      if (!Number.isFinite(logit)) this.#notFinite++;
      if (positive) this.#scores[this.#positives++] = logit;
      else this.#scores[last - this.#negatives++] = logit;
    }
  }

  /** The metrics of all rows added. Reorders the scores kept: call `reset` before adding more. */
  result(): EvaluationResult {
    const [p, n] = [this.#positives, this.#negatives];
    const rows = p + n;
    const auc = areaUnderRoc(this.#scores.subarray(0, p), this.#scores.subarray(this.#scores.length - n));
    const meanPrediction = this.#prediction.value / rows;
    return {
      rows,
      positives: p,
      auc: auc ?? null,
      aucNoise: auc === undefined ? null : aucStandardError(p, n),
      logLoss: this.#logLoss.value / rows,
      baselineLogLoss: entropy(p / rows),
      calibration: p === 0 ? null : meanPrediction / (p / rows),
      meanPrediction,
      constantScores: this.#smallest === this.#largest,
      notFinite: this.#notFinite,
    };
  }

  /** Forgets all rows, keeping the memory. */
  reset(): void {
    this.#positives = 0;
    this.#negatives = 0;
    this.#logLoss = new CompensatedSum();
    this.#prediction = new CompensatedSum();
    this.#smallest = Number.POSITIVE_INFINITY;
    this.#largest = Number.NEGATIVE_INFINITY;
    this.#notFinite = 0;
  }
}

/** Log loss of the constant prediction p on rows of which the share p is positive. */
function entropy(p: number): number {
  return p <= 0 || p >= 1 ? 0 : -(p * Math.log(p) + (1 - p) * Math.log(1 - p));
}
