import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { areaUnderRoc } from '../../src/metrics/auc.ts';
import { CompensatedSum } from '../../src/metrics/compensated-sum.ts';
import { EvaluationMetrics } from '../../src/metrics/evaluation-metrics.ts';

const test = suite('metrics');

/** The definition: every pair compared. */
function aucByPairs(positives: readonly number[], negatives: readonly number[]): number {
  let wins = 0;
  for (const p of positives) for (const n of negatives) wins += p > n ? 1 : p === n ? 0.5 : 0;
  return wins / (positives.length * negatives.length);
}

const scores = fc.array(
  fc.integer({ min: -4, max: 4 }).map((n) => n / 2),
  { minLength: 1, maxLength: 40 },
);

test('AUC is the share of pairs in order, ties counted half', () => {
  fc.assert(
    fc.property(scores, scores, (positives, negatives) => {
      const auc = areaUnderRoc(Float32Array.from(positives), Float32Array.from(negatives));
      assert.ok(Math.abs((auc as number) - aucByPairs(positives, negatives)) < 1e-12);
    }),
    { seed: 21, numRuns: 500 },
  );
});

test('AUC of positive and negative zero is a tie', () => {
  assert.is(areaUnderRoc(Float32Array.of(0), Float32Array.of(-0)), 0.5);
});

test('AUC without positives or without negatives is undefined', () => {
  assert.is(areaUnderRoc(new Float32Array(), Float32Array.of(1)), undefined);
  assert.is(areaUnderRoc(Float32Array.of(1), new Float32Array()), undefined);
});

test('log loss, baseline and calibration follow their definitions', () => {
  const logits = [-2, -0.5, 0, 0.5, 3, 1];
  const labels = [0, 1, 0, 1, 1, 0];
  const metrics = new EvaluationMetrics(6);
  metrics.add(Float32Array.from(logits), Uint8Array.from(labels));
  const result = metrics.result();
  const p = logits.map((z) => 1 / (1 + Math.exp(-z)));
  const logLoss = p.reduce((sum, q, i) => sum - Math.log(labels[i] ? q : 1 - q), 0) / 6;
  assert.ok(Math.abs(result.logLoss - logLoss) < 1e-12);
  assert.ok(Math.abs(result.baselineLogLoss - Math.log(2)) < 1e-12);
  assert.ok(Math.abs((result.calibration as number) - p.reduce((a, b) => a + b, 0) / 3) < 1e-12);
  assert.is(result.positives, 3);
  assert.is(result.constantScores, false);
});

test('log loss of huge logits is finite and exact', () => {
  const metrics = new EvaluationMetrics(2);
  metrics.add(Float32Array.of(-300, 300), Uint8Array.of(1, 1));
  assert.is(metrics.result().logLoss, 150);
});

test('the result does not depend on how rows are cut into batches', () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 3 }),
      fc.nat(),
      (values, cut) => {
        const labels = Uint8Array.from(values, (_, i) => (i % 3 === 0 ? 1 : 0));
        const logits = Float32Array.from(values);
        const [whole, parts] = [new EvaluationMetrics(values.length), new EvaluationMetrics(values.length)];
        whole.add(logits, labels);
        const at = cut % values.length;
        parts.add(logits.subarray(0, at), labels.subarray(0, at));
        parts.add(logits.subarray(at), labels.subarray(at));
        assert.equal(parts.result(), whole.result());
      },
    ),
    { seed: 22 },
  );
});

test('one label only gives no AUC but a log loss; reset forgets', () => {
  const metrics = new EvaluationMetrics(3);
  metrics.add(Float32Array.of(1, 2), Uint8Array.of(0, 0));
  const { auc, calibration, baselineLogLoss } = metrics.result();
  assert.equal([auc, calibration, baselineLogLoss], [null, null, 0]);
  metrics.reset();
  metrics.add(Float32Array.of(1, 2, Number.NaN), Uint8Array.of(0, 1, 1));
  assert.is(metrics.result().rows, 3);
  assert.is(metrics.result().notFinite, 1);
});

test('constant scores are noticed', () => {
  const metrics = new EvaluationMetrics(3);
  metrics.add(Float32Array.of(0.25, 0.25, 0.25), Uint8Array.of(0, 1, 0));
  assert.is(metrics.result().constantScores, true);
  assert.is(metrics.result().auc, 0.5);
});

test('a compensated sum keeps what a plain one loses', () => {
  const sum = new CompensatedSum();
  for (const term of [1, 1e100, 1, -1e100]) sum.add(term);
  assert.is(sum.value, 2);
});

test.run();
