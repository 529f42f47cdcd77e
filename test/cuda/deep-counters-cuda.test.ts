import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Counters, countKernels } from '../helpers/cuda-counters.ts';
import { isEmulated, missingCuda } from '../helpers/cuda-device.ts';
import { given } from '../helpers/op-graphs.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('counters of deep models on CUDA');
const reason = missingCuda() ?? (isEmulated() ? undefined : 'only the emulated driver counts');

/** 26 slots of 16 floats and 13 dense features, as on Criteo's Kaggle data. */
const ROWS = 64;
/** Sectors of eight floats that a row of so many lies in, beginning on one. */
const sectors = (floats: number) => Math.ceil(floats / 8);
const SLOTS = sectors(26 * 16);
const INPUT = sectors(26 * 16 + 13);
const HIDDEN = 64;

/** One step of a model, counted, by kernel. */
function countStep(model: string): (kernel: string) => Counters {
  const counters = countKernels(`
    import { withEngine } from './test/helpers/op-graphs.ts';
    import { tinyBatch, tinyGraph } from './test/helpers/tiny-model.ts';
    const graph = tinyGraph('model={ ${model}, mlp: [${HIDDEN}], dropout: 0.5 }');
    await withEngine(graph, { device: 'cuda', batchSize: ${ROWS}, guards: false }, (engine) =>
      engine.train(tinyBatch(${ROWS}), ${ROWS}, 1, Float64Array.of(0.1)));
  `);
  return (kernel) => given(counters.get(kernel));
}

/** Checks that a kernel reads and writes at most `allowed` times so many sectors a row, and spills nothing. */
function assertMoves(kernel: Counters, reads: number, writes: number, allowed: number): void {
  for (const [way, least] of [
    ['globalLoad', reads],
    ['globalStore', writes],
  ] as const) {
    const ratio = kernel[way].sectors / (ROWS * least);
    assert.ok(ratio <= allowed, `${way}: ${ratio} times the least`);
  }
  assert.is(kernel.localBytes, 0);
}

testUnless(test, reason, 'DeepFM moves hardly more than it must', () => {
  const counters = countStep('kind: deepfm');
  // Slots and dense features, each at its place in the MLP's input; and back.
  assertMoves(counters('concat_join'), SLOTS + sectors(13), SLOTS + sectors(13), 1.2);
  // The sums of a sample's slots are kept for the backward; logits and their gradients lie apart.
  assertMoves(counters('fm_forward_quads'), SLOTS, SLOTS / 26 + 1, 1.01);
  assertMoves(counters('fm_backward_quads'), SLOTS + SLOTS / 26 + 1, SLOTS, 1.01);
  // What the MLP sends back to the slots, and the second order.
  assertMoves(counters('gradient_sum'), 2 * SLOTS, SLOTS, 1.05);
  // Forward and backward; the step's number is read by every warp.
  assertMoves(counters('dropout'), 2 * sectors(HIDDEN), 2 * sectors(HIDDEN), 1.1);
});

testUnless(test, reason, 'cross layers read a row once for all its products', () => {
  const counters = countStep('kind: dcn');
  // Weights and the sum of biases come with every row, from the cache; one sector holds what the backward needs of a row.
  assertMoves(counters('cross_forward'), 3 * INPUT, INPUT + 1, 1.04);
  assertMoves(counters('cross_backward_rows'), 3 * INPUT, INPUT + 1, 1.06);
  const columns = counters('cross_backward_columns');
  assertMoves(columns, 2 * INPUT, (2 * INPUT) / ROWS, 1.06);
  assert.is(columns.sharedLoad.bankConflicts + columns.sharedStore.bankConflicts, 0);
});

test.run();
