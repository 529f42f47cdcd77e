import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EvaluationResult } from '../../src/metrics/evaluation-metrics.ts';
import { explainEngineError, guardEvaluation, guardLabels, guardLosses } from '../../src/train/guards.ts';
import { learningRate, learningRates } from '../../src/train/learning-rate.ts';
import { checkResumable } from '../../src/train/resume-rules.ts';
import { Schedule } from '../../src/train/schedule.ts';
import { StepLog } from '../../src/train/step-log.ts';
import { testConfig } from '../helpers/configs.ts';

const test = suite('schedule');

test('the learning rate warms up linearly, then decays as a polynomial to a floor', () => {
  const { optimizer } = testConfig(
    'optimizer.learningRate=2',
    'optimizer.warmupSteps=4',
    'optimizer.decayStart=6',
    'optimizer.decaySteps=4',
  );
  assert.equal([...learningRates(1, 11, optimizer)], [0.5, 1, 1.5, 2, 2, 2, 1.125, 0.5, 0.125, 0.125, 0.125]);
  const { optimizer: linear } = testConfig('optimizer.decaySteps=10', 'optimizer.decayPower=1');
  assert.ok(Math.abs(learningRate(5, linear) - 0.05) < 1e-15);
  const { optimizer: steep } = testConfig('optimizer.decaySteps=1000', 'optimizer.decayPower=9');
  assert.is(learningRate(5000, steep), 1e-7);
  assert.is(learningRate(5000, testConfig().optimizer), 0.1);
});

test('places, samples and fractional epochs follow from the step alone', () => {
  const schedule = new Schedule(testConfig('train.epochs=2.5'), 100);
  assert.is(schedule.stepsPerEpoch, 4);
  assert.is(schedule.totalSteps, 10);
  assert.equal(schedule.position(0), { step: 0, epoch: 0, rowInEpoch: 0, samples: 0 });
  assert.equal(schedule.position(3), { step: 3, epoch: 0, rowInEpoch: 96, samples: 96 });
  assert.equal(schedule.position(4), { step: 4, epoch: 1, rowInEpoch: 0, samples: 100 });
  assert.is(schedule.epochs(10), 2.64);
  assert.is(new Schedule(testConfig('train.epochs=0.001'), 100).totalSteps, 1);
});

test('no native call passes an evaluation, a checkpoint or the end', () => {
  const sets = ['train.evalEvery=7', 'train.checkpointEvery=5', 'train.epochs=10'];
  const schedule = new Schedule(testConfig(...sets), 1000);
  for (let step = 0; step < schedule.totalSteps; ) {
    const steps = schedule.stepsInOneCall(step);
    assert.ok(steps >= 1 && steps <= schedule.superbatchSteps);
    for (let inside = step + 1; inside < step + steps; inside++) {
      assert.ok(inside % 7 !== 0 && inside % 5 !== 0 && inside !== schedule.totalSteps);
    }
    step += steps;
  }
  assert.is(new Schedule(testConfig('data.batchSize=16384'), 1000).superbatchSteps, 1);
});

test('a run is finished when its last step has been evaluated, or at the target', () => {
  const schedule = new Schedule(testConfig('train.targetAuc=0.8', 'train.stopAtTarget=true'), 64);
  const at = (step: number, lastEvalStep: number | null, epochsToTarget: number | null = null) => ({
    step,
    lastEvalStep,
    epochsToTarget,
  });
  assert.is(schedule.isFinished(at(4, null)), false);
  assert.is(schedule.owesEvaluation(at(4, null)), true);
  assert.is(schedule.endReason(at(4, 4)), 'finished');
  assert.is(schedule.endReason(at(2, 2, 1)), 'target');
  assert.is(schedule.endReason(at(2, null)), 'interrupted');
});

test('step events carry the mean loss since the event before, also across a resume', () => {
  const schedule = new Schedule(testConfig('train.logEvery=3'), 1000);
  const rates = (n: number) => new Float64Array(n).fill(0.1);
  const whole = new StepLog(schedule, { sum: 0, steps: 0 });
  const events = whole.add(1, Float64Array.of(1, 2, 3, 4, 5, 6, 7), rates(7), 1, 5);
  assert.equal(
    events.map(({ step, loss }) => [step, loss]),
    [
      [3, 2],
      [6, 5],
    ],
  );
  assert.equal(whole.unlogged, { sum: 7, steps: 1 });
  const resumed = new StepLog(schedule, whole.unlogged);
  assert.is(resumed.add(8, Float64Array.of(8, 9), rates(2), 1, 0)[0]?.loss, 8);
});

test('a loss that is no number stops the run and says at which step', () => {
  const rates = Float64Array.of(0.1, 0.2);
  guardLosses(Float64Array.of(0.5, 0.6), 10, rates);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(
      () => guardLosses(Float64Array.of(0.5, bad), 10, rates),
      new RegExp(`became ${bad} at step 11 with learning rate 0.2.*diverged`),
    );
  }
});

test('useless scores stop the run; a slow start, a small evaluation set and a good model do not', () => {
  const good: EvaluationResult = {
    rows: 100_000,
    positives: 25_000,
    auc: 0.7,
    aucNoise: 0.002,
    logLoss: 0.5,
    baselineLogLoss: 0.56,
    calibration: 1,
    meanPrediction: 0.25,
    constantScores: false,
    notFinite: 0,
  };
  const stuck = { ...good, auc: 0.5005 };
  assert.is(guardEvaluation(good, 1, 3), 0);
  assert.is(guardEvaluation(stuck, 1, 0), 1);
  assert.is(guardEvaluation(stuck, 1, 3), 4);
  assert.throws(() => guardEvaluation(stuck, 99, 4), /AUC was 0\.5 in 5 evaluations in a row, up to step 99/);
  assert.is(guardEvaluation({ ...stuck, aucNoise: 0.02 }, 1, 4), 0);
  assert.throws(
    () => guardEvaluation({ ...good, constantScores: true }, 9, 0),
    /All 100000 .* same score at step 9/,
  );
  assert.is(guardEvaluation({ ...good, constantScores: true, rows: 3 }, 9, 0), 0);
  assert.throws(() => guardEvaluation({ ...good, notFinite: 4 }, 9, 0), /^PssError: 4 of 100000|4 of 100000/);
});

test('labels of one kind are refused before training', () => {
  guardLabels({ rows: 10, clicks: 3 });
  assert.throws(() => guardLabels({ rows: 10, clicks: 0 }), /All 10 training rows have the label 0/);
  assert.throws(() => guardLabels({ rows: 10, clicks: 10 }), /the label 1/);
});

test('an id beyond its table is explained; other engine errors pass unchanged', () => {
  const native = Object.assign(new Error('Row 3 has id 9 in table 2, which has 5 rows.'), {
    code: 'ERR_ID_RANGE',
  });
  const explained = explainEngineError(native) as Error;
  assert.match(explained.message, /^Row 3 has id 9 in table 2, which has 5 rows: .*another vocabulary/);
  const other = new Error('x');
  assert.is(explainEngineError(other), other);
});

test('a resumed run may change how long and how often, but not what is computed', () => {
  const begun = testConfig();
  checkResumable(
    begun,
    testConfig('train.epochs=9', 'threads=2', 'train.evalEvery=5', 'data.eval=elsewhere'),
  );
  for (const [set, key] of [
    ['seed=4', 'seed'],
    ['optimizer.learningRate=0.2', 'optimizer.learningRate'],
    ['model.topMlp=[16, 4, 1]', 'model.topMlp.1'],
    ['data.shuffle=none', 'data.shuffle'],
  ] as const) {
    assert.throws(
      () => checkResumable(begun, testConfig(set)),
      (error: Error) => error.message.startsWith(`${key} is `),
    );
  }
});

test.run();
