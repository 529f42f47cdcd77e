import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Counters, countKernels } from '../helpers/cuda-counters.ts';
import { isEmulated, missingCuda } from '../helpers/cuda-device.ts';
import { given } from '../helpers/op-graphs.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('counters of interactions on CUDA');
const reason = missingCuda() ?? (isEmulated() ? undefined : 'only the emulated driver counts');

/** Criteo's slots, and the layers of the kernels' comments. */
const [F, D, A, PAIRS] = [26, 16, 64, 325];
const SECTOR = 8; // floats

/** One forward and backward pass of an interaction over slots, counted, by kernel. */
function count(interaction: string, rows: number): (kernel: string) => Counters {
  const counters = countKernels(`
    import { GraphBuilder } from './src/graph/graph-builder.ts';
    import * as build from './src/graph/interactions.ts';
    import { embeddingAttributes, NUM_DENSE, traceGraph } from './test/helpers/op-graphs.ts';
    import { SeededRandom } from './test/helpers/seeded-random.ts';
    const graph = new GraphBuilder(NUM_DENSE, ${F});
    graph.denseInput();
    const attributes = embeddingAttributes({ kind: 'hashednet', dim: ${D}, memorySize: 999 });
    const init = { kind: 'uniform', bound: 0.5 };
    const slots = graph.embedding('slots', graph.sparseInput(), attributes, [init]);
    const spec = graph.buildPart(build.${interaction});
    const outputs = spec.tensors[spec.logits].shape.reduce((a, b) => a * b, 1);
    const random = new SeededRandom(1);
    const batch = {
      labels: new Uint8Array(${rows}),
      dense: random.floats(${rows} * NUM_DENSE),
      sparse: random.ids(${rows}, new Array(${F}).fill(50)),
    };
    await traceGraph(spec, { device: 'cuda', guards: false }, batch, random.floats(${rows} * outputs));
  `);
  return (kernel) => {
    const found = given(counters.get(kernel));
    assert.is(found.localBytes, 0, kernel);
    return found;
  };
}

const reads = ({ globalLoad }: Counters, least: number) => globalLoad.sectors / (least / SECTOR);
const writes = ({ globalStore }: Counters, least: number) => globalStore.sectors / (least / SECTOR);
const conflicts = ({ sharedLoad }: Counters) => sharedLoad.bankConflicts / sharedLoad.wavefronts;

testUnless(test, reason, 'squeeze and excitation reads a sample once and writes it once', () => {
  const kernel = count(`senet(graph, 'op', slots, 8)`, 32);
  const [forward, backward] = [kernel('senet_forward'), kernel('senet_backward')];
  const sample = 32 * F * D;
  assert.ok(reads(forward, sample) <= 1.05);
  assert.is(writes(forward, sample), 1);
  assert.ok(reads(backward, 2 * sample) <= 1.05);
  // And a block's share of the weights' gradients, every 32 samples: W2's floats a sector each.
  assert.ok(writes(backward, sample) <= 1.15);
  assert.ok(conflicts(forward) <= 0.12 && conflicts(backward) <= 0.06);
});

testUnless(test, reason, 'the bilinear interaction writes its output once', () => {
  const kernel = count(`bilinearInteraction(graph, 'op', [slots], 'interaction')`, 32);
  const [sample, out, weights] = [32 * F * D, 32 * PAIRS * D, PAIRS * D * D];
  const forward = kernel('bilinear_forward');
  assert.is(writes(forward, out), 1);
  // Four blocks share a sample; weights are read from the L1 cache, half a sector a lane, for 16 samples at a time.
  assert.ok(reads(forward, 4 * sample + 4 * weights) <= 1.05);
  const inputs = kernel('bilinear_input_gradient');
  assert.is(writes(inputs, sample), 1);
  // As first and as second of every pair.
  assert.ok(reads(inputs, 4 * sample + 2 * out + 8 * weights) <= 1.05);
  const matrices = kernel('bilinear_weight_gradient');
  assert.is(writes(matrices, weights), 1);
  assert.ok(reads(matrices, 3 * out) <= 1);
  for (const each of [forward, inputs, matrices]) assert.is(conflicts(each), 0);
});

testUnless(test, reason, 'attention reads and writes its projections once', () => {
  const kernel = count(`selfAttention(graph, 'op', slots, 2, ${A / 2})`, 32);
  const [forward, backward] = [kernel('attention_forward'), kernel('attention_backward')];
  const part = 32 * F * A;
  assert.is(reads(forward, 4 * part), 1);
  assert.is(writes(forward, part), 1);
  assert.ok(reads(backward, 5 * part) <= 1.1);
  assert.ok(writes(backward, 4 * part) <= 1.1);
  assert.ok(conflicts(forward) <= 0.12 && conflicts(backward) <= 0.1);
});

testUnless(test, reason, 'the compressed interaction network writes maps and gradients, never z', () => {
  const rows = 8;
  const kernel = count(`cin(graph, 'op', slots, [64, 64])`, rows);
  const [forward, inputs] = [kernel('cin_forward_f32'), kernel('cin_input_gradient_f32')];
  const map = rows * D;
  assert.is(writes(forward, 2 * 64 * map), 1);
  // The gradient of the maps that go on, and that of the slots once a layer.
  assert.is(writes(inputs, (32 + 2 * F) * map), 1);
  for (const each of [forward, inputs, kernel('cin_weight_gradient_f32')]) assert.is(conflicts(each), 0);
  assert.is(forward.sharedStore.bankConflicts, 0);
  assert.is(reads(kernel('cin_pool'), (32 + 64) * map), 1);
  assert.is(reads(kernel('cin_columns'), F * map), 1);
  assert.is(writes(kernel('cin_slots'), F * map), 1);
});

test.run();
