import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NativeEngine } from '../../src/addon/addon-types.ts';
import { loadModel } from '../../src/index.ts';
import type { Rows } from '../../src/reader/rows.ts';
import { type CalibrationRows, openQuantized, sampleRows } from '../../src/train/quantized-model.ts';
import { withEngine } from '../helpers/op-graphs.ts';
import { runPss } from '../helpers/run-pss.ts';
import { syntheticRows, writeShards } from '../helpers/shards.ts';
import { missingShared, sharedPath } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';
import { tinyBatch, tinyGraph, tinyOptions } from '../helpers/tiny-model.ts';

const test = suite('int8 predictions');
const cwd = temporaryFolder();
/** What int8 may change of an AUC. */
const TOLERANCE = 3e-4;

function configOf(model: string): string {
  return `
data: { train: shards/train, eval: shards/test, batchSize: 128, evalBatchSize: 2000, shuffle: rows }
embedding: { kind: robe, dim: 32, memorySize: 20000, chunkSize: 8 }
model: ${model}
optimizer: { kind: adam, learningRate: 0.001 }
train: { epochs: 2 }
`;
}

function pss(args: readonly string[], folder = cwd) {
  return runPss(args, { cwd: folder });
}

function train(model: string, folder: string, run = 'run'): void {
  writeFileSync(join(folder, 'config.yaml'), configOf(model));
  const { code, stderr } = pss(['train', '--config', 'config.yaml', '--run-dir', run], folder);
  assert.is(code, 0, stderr);
}

function evaluate(folder: string, args: readonly string[] = []) {
  const { code, stdout, stderr } = pss(
    ['eval', '--run', 'run', '--precision', 'int8', '--json', ...args],
    folder,
  );
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as {
    auc: number;
    aucDifference: number;
    precision: string;
    f32: { auc: number };
    calibrated: { rows: number; folders: string[]; auc: { f32: number; int8: number } };
  };
}

test.before(() => {
  writeShards(join(cwd, 'shards/train'), syntheticRows(12_000, 1));
  writeShards(join(cwd, 'shards/test'), syntheticRows(20_000, 2));
  train('{ kind: dlrm, bottomMlp: [64, 32], topMlp: [128, 64, 1] }', cwd);
});

test('the AUC of synthetic rows is that of f32 within 0.0003', () => {
  const result = evaluate(cwd, ['--compare']);
  process.stdout.write(`AUC ${result.auc}, changed by ${result.aucDifference}\n`);
  assert.ok(result.f32.auc > 0.6);
  assert.not.equal(result.auc, result.f32.auc);
  assert.is(result.aucDifference, result.auc - result.f32.auc);
  assert.ok(Math.abs(result.aucDifference) <= TOLERANCE, `${result.aucDifference}`);
  assert.is(result.precision, 'int8');
  assert.equal([result.calibrated.rows, result.calibrated.folders], [12_000, ['shards/train']]);
});

for (const model of ['{ kind: dcn, mlp: [200, 200] }', '{ kind: deepfm, mlp: [200, 200] }']) {
  testUnless(
    test,
    missingShared('data', 'criteo-kaggle-10k.tsv'),
    `the AUC of real rows is that of f32 within 0.0003 (${model})`,
    () => {
      const folder = temporaryFolder();
      writeFileSync(join(folder, 'rows.tsv'), readFileSync(sharedPath('data', 'criteo-kaggle-10k.tsv')));
      const prepared = pss(['prepare', 'rows.tsv', '--out', 'shards', '--split', 'head:4000'], folder);
      assert.is(prepared.code, 0, prepared.stderr);
      train(model, folder);
      const { auc, aucDifference, calibrated } = evaluate(folder, ['--compare']);
      process.stdout.write(
        `AUC ${auc}, changed by ${aucDifference}, ${JSON.stringify(calibrated.auc)} on 4,000\n`,
      );
      assert.ok(Math.abs(aucDifference) <= TOLERANCE, `${aucDifference}`);
      assert.ok(Math.abs(calibrated.auc.int8 - calibrated.auc.f32) <= TOLERANCE);
    },
  );
}

test('says what it was calibrated with, and what it changes', () => {
  const args = [
    '--precision',
    'int8',
    '--compare',
    '--calibration-data',
    'shards/train',
    '--calibration-rows',
    '3000',
  ];
  const { code, stdout, stderr } = pss(['eval', '--run', 'run', ...args]);
  assert.is(code, 0, stderr);
  assert.match(
    stderr,
    /Calibrated int8 with 3000 rows of shards\/train: AUC 0\.\d{5} on them, in f32 0\.\d{5}\./,
  );
  assert.match(stdout, /^AUC 0.*\nf32: AUC 0.*\nint8 changes the AUC by -?0\.000\d{3}\.\n$/);
});

/** Numbered rows in record batches of `batchRows`. */
function numberedRows(rows: number, batchRows: number) {
  const lengths = Array.from({ length: Math.ceil(rows / batchRows) }, (_, i) =>
    Math.min(batchRows, rows - i * batchRows),
  );
  return {
    facts: { numDense: 1, numTables: 1 },
    rows,
    batchRows: lengths,
    readBatchInto: async (index: number, { labels, dense, sparse }: Rows) => {
      for (let i = 0; i < labels.length; i++) {
        const number = index * batchRows + i;
        labels[i] = number % 2;
        dense[i] = number;
        sparse[i] = number;
      }
    },
  };
}

test('takes rows in blocks from all of the data', async () => {
  const all = await sampleRows(numberedRows(1000, 300), 5000);
  assert.equal([...all.sparse], [...Array(1000).keys()]);
  const some = await sampleRows(numberedRows(4000, 100), 2000);
  assert.equal([...some.sparse].slice(0, 1024), [...Array(1024).keys()]);
  assert.equal(
    [...some.sparse].slice(1024),
    Array.from({ length: 976 }, (_, i) => 2048 + i),
  );
  assert.equal([...some.dense], [...some.sparse]);
  assert.equal(
    [...some.labels],
    [...some.sparse].map((n) => n % 2),
  );
});

/** The tiny model's initial weights, and an int8 engine of it that is off. */
function openTiny(rows: CalibrationRows, spoil: (logits: Float32Array) => Float32Array) {
  return withEngine(tinyGraph(), tinyOptions({ training: false }), (exact) =>
    openQuantized(tinyGraph(), rows, async (_, precision): Promise<NativeEngine> => {
      const dispose = async () => {};
      const own = { trace: exact.trace.bind(exact), dispose } as NativeEngine;
      if (precision === 'f32') return own;
      return { ...own, predict: async (batch) => spoil(await exact.predict(batch)) } as NativeEngine;
    }),
  );
}

test('is refused where it would change the AUC, and where rows say nothing about that', async () => {
  const rows = tinyBatch(900);
  const { calibration } = await openTiny(rows, (logits) => logits);
  assert.is(calibration.auc.int8, calibration.auc.f32);
  const rejected = async (open: Promise<unknown>) =>
    (await open.then(
      () => assert.unreachable(),
      (error: Error) => error,
    )) as Error;
  const worse = await rejected(openTiny(rows, (logits) => logits.map((logit) => -logit)));
  assert.match(
    worse.message,
    /int8 has an AUC of 0\.\d{5} on the 900 rows for calibration, where f32 has 0\.\d{5}/,
  );
  const clicks = { ...rows, labels: new Uint8Array(900).fill(1) };
  const same = await rejected(openTiny(clicks, (logits) => logits));
  assert.match(same.message, /All 900 rows for calibration have the same label/);
});

test('a model loaded in int8 predicts near what it does in f32, and needs rows for calibration', async () => {
  const run = join(cwd, 'run');
  const rows = syntheticRows(3000, 1);
  const calibration = { labels: rows.labels, dense: rows.dense, sparse: rows.sparse };
  const [quantized, exact] = await Promise.all([
    loadModel(run, { precision: 'int8', calibration, device: 'cpu' }),
    loadModel(run, { device: 'cpu' }),
  ]);
  const [a, b] = await Promise.all([quantized.predict(rows), exact.predict(rows)]);
  const apart = a.map((probability, i) => Math.abs(probability - (b[i] as number)));
  // Logits move by a hundredth of their spread at most, and a probability by a quarter of that.
  assert.ok(Math.max(...apart) < 0.02, `${Math.max(...apart)}`);
  assert.ok(Math.max(...apart) > 0);
  await quantized.dispose();
  await exact.dispose();
  for (const [options, expected] of [
    [{ precision: 'int8' }, /give some thousand rows with labels as `calibration`/],
    [
      { precision: 'int8', calibration, device: 'cuda' },
      /Precision int8 runs on the CPU alone; set device to cpu/,
    ],
    [
      { precision: 'int8', calibration: { ...calibration, labels: new Uint8Array(7) } },
      /39000 dense values and 78000 ids; give 13 and 26 for each row/,
    ],
  ] as const) {
    const error = await loadModel(run, options).then(
      () => assert.unreachable(),
      (e: Error) => e,
    );
    assert.match((error as Error).message, expected);
  }
});

test('wrong use is one sentence and exit code 2', () => {
  for (const [args, expected] of [
    [
      ['eval', '--run', 'run', '--precision', 'int8', '--calibration-data', 'shards/test'],
      /shards\/test is evaluated and can't be what int8 is calibrated with too; give other rows with --calibration-data/,
    ],
    [
      ['eval', '--run', 'run', '--precision', 'int8', '--set', 'device=cuda'],
      /Precision int8 runs on the CPU alone; set device to cpu instead of cuda, or precision to bf16/,
    ],
    [
      ['eval', '--run', 'run', '--calibration-rows', '5'],
      /Precision f32 needs no calibration; add --precision int8/,
    ],
    [
      ['eval', '--run', 'run', '--compare'],
      /--compare scores in f32 too; give --precision bf16 or int8 beside it/,
    ],
    [
      ['eval', '--run', 'run', '--precision', 'int8', '--calibration-data', 'nowhere'],
      /--calibration-data: nothing matches "nowhere"/,
    ],
    [
      ['train', '--config', 'config.yaml', '--set', 'precision=int8'],
      /precision must be f32 or bf16; int8 is for predictions \(pss eval --precision int8\)/,
    ],
    [['bench', 'step', '--precision', 'int8'], /'int8' is invalid\. Allowed choices are f32, bf16/],
    [
      ['bench', 'inference', '--precision', 'int8', '--device', 'cuda'],
      /Precision int8 runs on the CPU alone; leave out --device, or give bf16/,
    ],
  ] as const) {
    const { code, stderr } = pss(args);
    assert.is(code, 2, stderr);
    assert.match(stderr, expected);
  }
});

test('a model without hidden layers is told that int8 would change nothing', async () => {
  const rows = tinyBatch(100);
  const graph = tinyGraph('model.bottomMlp=[16]', 'model.topMlp=[1]');
  const flat = {
    ...graph,
    nodes: graph.nodes.map((node) => ({ ...node, attributes: { ...node.attributes, activation: 'none' } })),
  };
  const error = await withEngine(flat, tinyOptions({ training: false }), (engine) =>
    openQuantized(
      flat,
      rows,
      async () => ({ trace: engine.trace.bind(engine), dispose: async () => {} }) as never,
    ),
  ).then(
    () => assert.unreachable(),
    (e: Error) => e,
  );
  assert.match((error as Error).message, /The model has no hidden layer, so int8 would change nothing/);
});

test.run();
