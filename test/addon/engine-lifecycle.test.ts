import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { NativeEngine } from '../../src/addon/addon-types.ts';
import { loadAddon } from '../../src/addon/load.ts';
import { constantRates, tinyBatch, tinyGraph, tinyOptions } from '../helpers/tiny-model.ts';

const test = suite('engine lifecycle');
const { Engine } = loadAddon();
const ADDON = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'build', 'Release', 'pss.node');

const makeEngine = (): NativeEngine => new Engine(tinyGraph(), tinyOptions());

/** Runs a promise that must reject and gives its code. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'no error';
}

/** JavaScript for another process or thread: an engine that is given far more work than anyone waits for. */
function endlessTraining(ending: string): string {
  const graph = JSON.stringify(tinyGraph('model.topMlp=[512, 512, 1]'));
  const options = JSON.stringify(tinyOptions({ batchSize: 512, guards: false }));
  return `
    const { Engine } = require(${JSON.stringify(ADDON)});
    const engine = new Engine(${graph}, ${options});
    const rows = 512 * 4000;
    const batch = { labels: new Uint8Array(rows), dense: new Float32Array(rows * 13), sparse: new Uint32Array(rows * 26) };
    engine.train(batch, 512, 1, new Float64Array(4000));
    setTimeout(() => { ${ending} }, 200);
  `;
}

test('disposing twice, before and after the first is done, is fine', async () => {
  const engine = makeEngine();
  const first = engine.dispose();
  await Promise.all([first, engine.dispose()]);
  await engine.dispose();
  assert.is(await codeOf(engine.read('embedding.memory', 0, new Float32Array(1))), 'ERR_DISPOSED');
});

test('a step after dispose rejects, a step before it still ends', async () => {
  const engine = makeEngine();
  const step = engine.train(tinyBatch(128), 64, 1, constantRates(2));
  const disposed = engine.dispose();
  assert.is(await codeOf(engine.train(tinyBatch(64), 64, 1, constantRates(1))), 'ERR_DISPOSED');
  assert.is((await step).appliedSteps, 2);
  await disposed;
});

test('two steps at once: the second rejects, the first is untouched', async () => {
  const engine = makeEngine();
  const alone = makeEngine();
  const batch = tinyBatch(640);
  const first = engine.train(batch, 64, 1, constantRates(10));
  assert.is(await codeOf(engine.train(batch, 64, 1, constantRates(10))), 'ERR_BUSY');
  assert.is(await codeOf(engine.predict(batch)), 'ERR_BUSY');
  const expected = await alone.train(batch, 64, 1, constantRates(10));
  assert.equal((await first).losses, expected.losses);
  await Promise.all([engine.dispose(), alone.dispose()]);
});

test('reading waits for the step before it', async () => {
  const engine = makeEngine();
  const before = new Float32Array(64);
  const after = new Float32Array(64);
  const first = engine.read('topMlp.0.bias', 0, before.subarray(0, 32));
  const step = engine.train(tinyBatch(64), 64, 1, constantRates(1));
  await Promise.all([first, step, engine.read('topMlp.0.bias', 0, after.subarray(0, 32))]);
  assert.not.equal(before, after);
  await engine.dispose();
});

test('wrong arguments reject with a code and change nothing', async () => {
  const engine = makeEngine();
  const batch = tinyBatch(64);
  const short = { ...batch, dense: batch.dense.subarray(1) };
  assert.is(await codeOf(engine.train(short, 64, 1, constantRates(1))), 'ERR_ARGUMENT');
  assert.is(await codeOf(engine.train(batch, 64, 1, new Float64Array(0))), 'ERR_ARGUMENT');
  assert.is(await codeOf(engine.train(batch, 100_000, 1, constantRates(1))), 'ERR_GRAPH');
  assert.is(await codeOf(engine.train(undefined as never, 64, 1, constantRates(1))), 'ERR_ARGUMENT');
  assert.is(await codeOf(engine.read('nothing', 0, new Float32Array(1))), 'ERR_TENSOR');
  assert.is(await codeOf(engine.write('topMlp.0.bias', 31, new Float32Array(2))), 'ERR_TENSOR');
  assert.is((await engine.train(batch, 64, 1, constantRates(1))).appliedSteps, 1);
  await engine.dispose();
});

test('a graph that makes no sense is refused with a sentence', () => {
  const graph = structuredClone(tinyGraph()) as unknown as { nodes: { op: string; inputs: number[] }[] };
  const unknown = structuredClone(graph);
  (unknown.nodes[1] as { op: string }).op = 'convolution';
  assert.throws(() => new Engine(unknown as never, tinyOptions()), /unknown op 'convolution'/);
  const cyclic = structuredClone(graph);
  (cyclic.nodes[1] as { inputs: number[] }).inputs = [5];
  assert.throws(() => new Engine(cyclic as never, tinyOptions()), /before it is written/);
  assert.throws(() => new Engine({} as never, tinyOptions()), /lack the field/);
  const precision = 'f16' as never;
  assert.throws(() => new Engine(tinyGraph(), tinyOptions({ precision })), /Unknown precision 'f16'/);
});

test('ids beyond their table reject before anything changes', async () => {
  const graph = tinyGraph('embedding.kind=full', 'embedding.memorySize=null', 'embedding.chunkSize=null');
  const engine = new Engine(graph, tinyOptions());
  const read = async () => {
    const weights = new Float32Array(320);
    await engine.read('embedding.0.weight', 0, weights);
    return weights;
  };
  const before = await read();
  const batch = tinyBatch(128);
  batch.sparse[100 * 26 + 3] = 41;
  try {
    await engine.train(batch, 64, 1, constantRates(2));
    assert.unreachable();
  } catch (error) {
    assert.is((error as { code: string }).code, 'ERR_ID_RANGE');
    assert.match((error as Error).message, /41/);
  }
  assert.equal(await read(), before);
  await engine.dispose();
});

test('a loss that is not finite stops before the update', async () => {
  const engine = makeEngine();
  await engine.write('topMlp.1.bias', 0, new Float32Array([Number.NaN]));
  const before = new Float32Array(32);
  const after = new Float32Array(32);
  await engine.read('topMlp.0.bias', 0, before);
  const result = await engine.train(tinyBatch(192), 64, 1, constantRates(3));
  await engine.read('topMlp.0.bias', 0, after);
  assert.is(result.appliedSteps, 0);
  assert.is(result.losses.length, 1);
  assert.ok(Number.isNaN(result.losses[0]));
  assert.equal(after, before);
  await engine.dispose();
});

test('200 engines one after another end with the memory they began with', async () => {
  const cycle = async () => {
    const engine = new Engine(tinyGraph('embedding.memorySize=2000000'), tinyOptions());
    await engine.train(tinyBatch(128), 64, 1, constantRates(2));
    await engine.dispose();
  };
  // What is allocated once (the collector's spaces) is there after a few.
  for (let i = 0; i < 30; i++) await cycle();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < 200; i++) await cycle();
  const grownMb = (process.memoryUsage.rss() - before) / 2 ** 20;
  assert.ok(grownMb < 40, `grew by ${grownMb} MB`);
});

test('engines that nobody disposes are taken by the collector', () => {
  const code = `
    const { Engine } = require(${JSON.stringify(ADDON)});
    (async () => {
      for (let i = 0; i < 30; i++) {
        new Engine(${JSON.stringify(tinyGraph())}, ${JSON.stringify(tinyOptions())});
        await new Promise((done) => setImmediate(done));
        gc();
      }
      console.log(process.memoryUsage().external < 30 * 4e6 ? 'collected' : 'kept');
    })();`;
  const child = spawnSync(process.execPath, ['--expose-gc', '-e', code], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.is(child.stdout.trim(), 'collected');
  assert.is(child.status, 0);
});

test('a process may exit in mid-step', () => {
  const child = spawnSync(process.execPath, ['-e', endlessTraining('process.exit(7)')], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.is(child.stderr, '');
  assert.is(child.signal, null);
  assert.is(child.status, 7);
});

test('an idle engine does not keep a process alive', () => {
  const code = `
    const { Engine } = require(${JSON.stringify(ADDON)});
    globalThis.engine = new Engine(${JSON.stringify(tinyGraph())}, ${JSON.stringify(tinyOptions())});`;
  const child = spawnSync(process.execPath, ['-e', code], { encoding: 'utf8', timeout: 60_000 });
  assert.is(child.signal, null);
  assert.is(child.status, 0);
});

test('workers train, and may be terminated in mid-step', async () => {
  const code = `
    const { parentPort } = require('node:worker_threads');
    const { Engine } = require(${JSON.stringify(ADDON)});
    const engine = new Engine(${JSON.stringify(tinyGraph())}, ${JSON.stringify(tinyOptions())});
    const batch = { labels: new Uint8Array(64), dense: new Float32Array(64 * 13), sparse: new Uint32Array(64 * 26) };
    engine.train(batch, 64, 1, new Float64Array([0.1])).then(async ({ losses }) => {
      await engine.dispose();
      parentPort.postMessage(losses[0]);
    });`;
  const losses = await Promise.all(
    [1, 2].map(
      () =>
        new Promise<number>((resolve, reject) => {
          new Worker(code, { eval: true }).on('message', resolve).on('error', reject);
        }),
    ),
  );
  assert.ok(Number.isFinite(losses[0]));
  assert.is(losses[0], losses[1]);
  const endless = new Worker(endlessTraining(''), { eval: true });
  await new Promise((resolve) => setTimeout(resolve, 500));
  assert.is(await endless.terminate(), 1);
  const engine = makeEngine();
  assert.is((await engine.train(tinyBatch(64), 64, 1, constantRates(1))).appliedSteps, 1);
  await engine.dispose();
});

test.run();
