import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type CheckpointTensors,
  findCheckpoint,
  restoreCheckpoint,
  type TrainingState,
  writeCheckpoint,
} from '../../src/checkpoint/checkpoint.ts';
import { describeSafetensors, loadSafetensors, writeSafetensors } from '../../src/checkpoint/safetensors.ts';

const test = suite<{ dir: string }>('checkpoint');

test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'pss-checkpoint-'));
});
test.after.each(({ dir }) => {
  rmSync(dir, { recursive: true, force: true });
});

/** Tensors in memory. */
function memoryTensors(fill: number): CheckpointTensors & { values: Map<string, Float32Array> } {
  const parameters = [
    { name: 'a.weight', shape: [2, 3], size: 6 },
    { name: 'embedding.memory', shape: [5], size: 5 },
  ];
  const optimizerState = [{ name: 'a.weight.moment1', shape: [2, 3], size: 6 }];
  const values = new Map(
    [...parameters, ...optimizerState].map(({ name, size }, t) => [
      name,
      Float32Array.from({ length: size }, (_, i) => fill + t * 10 + i),
    ]),
  );
  return {
    values,
    parameters: () => parameters,
    optimizerState: () => optimizerState,
    read: async (name, offset, out) => {
      out.set((values.get(name) as Float32Array).subarray(offset, offset + out.length));
    },
    write: async (name, offset, from) => {
      (values.get(name) as Float32Array).set(from, offset);
    },
  };
}

function stateAt(step: number): TrainingState {
  return {
    schema: 1,
    step,
    epoch: 0,
    rowInEpoch: step * 4,
    samples: step * 4,
    seed: 1,
    runHash: 'x',
    bestAuc: 0.1 + 0.2,
    bestStep: step,
    epochsToTarget: null,
    stuckEvaluations: 0,
    lastEvalStep: null,
    lastAuc: null,
    unloggedLoss: { sum: 1 / 3, steps: 1 },
    trainSeconds: 1,
    wallSeconds: 2,
  };
}

async function failure(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
  } catch (error) {
    assert.is((error as Error).name, 'PssError', String((error as Error).stack));
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}

const silent = () => {};

test('what is written is what is read, and the same weights give the same bytes', async ({ dir }) => {
  const tensors = memoryTensors(1);
  assert.is(await writeCheckpoint(dir, tensors, { graph: '{}' }, stateAt(7), 2), 'checkpoints/step-7');
  await writeCheckpoint(join(dir, 'other'), tensors, { graph: '{}' }, { ...stateAt(7), wallSeconds: 99 }, 2);
  const path = 'checkpoints/step-7/model.safetensors';
  assert.equal(readFileSync(join(dir, path)), readFileSync(join(dir, 'other', path)));
  const checkpoint = await findCheckpoint(dir, silent);
  assert.equal(checkpoint.state, stateAt(7));
  const restored = memoryTensors(500);
  await restoreCheckpoint(checkpoint, restored);
  assert.equal(restored.values, tensors.values);
});

test('a model file is safetensors: 8-byte aligned header, float32, metadata', async ({ dir }) => {
  const path = join(dir, 'm.safetensors');
  await writeSafetensors(path, memoryTensors(0).parameters(), { pss: '1' }, memoryTensors(0));
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  assert.is(length % 8, 0);
  assert.equal(JSON.parse(bytes.subarray(8, 8 + length).toString()), {
    __metadata__: { pss: '1' },
    'a.weight': { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
    'embedding.memory': { dtype: 'F32', shape: [5], data_offsets: [24, 44] },
  });
  assert.is(bytes.length, 8 + length + 44);
  assert.is(bytes.readFloatLE(8 + length + 4), 1);
});

test('keeps the newest checkpoints asked for, and at least one', async ({ dir }) => {
  for (const step of [2, 10, 9, 100]) await writeCheckpoint(dir, memoryTensors(step), {}, stateAt(step), 2);
  assert.equal(readdirSync(join(dir, 'checkpoints')).sort(), ['step-10', 'step-100']);
  await writeCheckpoint(dir, memoryTensors(0), {}, stateAt(200), 0);
  assert.equal(readdirSync(join(dir, 'checkpoints')), ['step-200']);
});

test('a damaged checkpoint is passed over with a warning for the one before, whatever the damage', async ({
  dir,
}) => {
  const latest = join(dir, 'checkpoints', 'step-2');
  const damages: Record<string, () => void> = {
    'model.safetensors differs': () => appendFileSync(join(latest, 'model.safetensors'), 'x'),
    'optimizer.safetensors differs': () => rmSync(join(latest, 'optimizer.safetensors')),
    "state.json isn't what it should be": () => writeFileSync(join(latest, 'state.json'), '{"schema": 1'),
    "state.json can't be read": () => rmSync(join(latest, 'state.json')),
  };
  for (const [expected, damage] of Object.entries(damages)) {
    rmSync(join(dir, 'checkpoints'), { recursive: true, force: true });
    await writeCheckpoint(dir, memoryTensors(1), {}, stateAt(1), 2);
    await writeCheckpoint(dir, memoryTensors(2), {}, stateAt(2), 2);
    damage();
    const warnings: string[] = [];
    assert.is((await findCheckpoint(dir, (line) => warnings.push(line))).state.step, 1);
    assert.is(warnings.length, 1);
    assert.ok(warnings[0]?.includes(expected), warnings[0]);
  }
  rmSync(join(dir, 'checkpoints', 'step-1'), { recursive: true });
  assert.match(await failure(() => findCheckpoint(dir, silent)), /has no undamaged checkpoint/);
  assert.match(await failure(() => findCheckpoint(join(dir, 'none'), silent)), /has no checkpoint/);
});

test('leftovers of a crash are ignored, then removed, and a damaged step is written anew', async ({
  dir,
}) => {
  await writeCheckpoint(dir, memoryTensors(1), {}, stateAt(1), 2);
  mkdirSync(join(dir, 'checkpoints', '.step-2.partial'));
  mkdirSync(join(dir, 'checkpoints', 'step-2'));
  assert.is((await findCheckpoint(dir, silent)).state.step, 1);
  await writeCheckpoint(dir, memoryTensors(2), {}, stateAt(2), 2);
  assert.is((await findCheckpoint(dir, assert.unreachable)).state.step, 2);
  assert.equal(readdirSync(join(dir, 'checkpoints')).sort(), ['step-1', 'step-2']);
});

test('writing a step again replaces its state only', async ({ dir }) => {
  await writeCheckpoint(dir, memoryTensors(1), {}, stateAt(1), 2);
  await writeCheckpoint(dir, memoryTensors(999), {}, { ...stateAt(1), lastEvalStep: 1 }, 2);
  const checkpoint = await findCheckpoint(dir, assert.unreachable);
  assert.is(checkpoint.state.lastEvalStep, 1);
  const restored = memoryTensors(0);
  await restoreCheckpoint(checkpoint, restored);
  assert.equal(restored.values, memoryTensors(1).values);
});

test('a failing write leaves the earlier checkpoints and nothing half-written', async ({ dir }) => {
  await writeCheckpoint(dir, memoryTensors(1), {}, stateAt(1), 2);
  const failing = { ...memoryTensors(2), read: () => Promise.reject(new Error('disk full')) };
  try {
    await writeCheckpoint(dir, failing, {}, stateAt(2), 2);
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, 'disk full');
  }
  assert.equal(readdirSync(join(dir, 'checkpoints')), ['step-1']);
});

test('weights with other names or shapes are refused by name, before anything is loaded', async ({ dir }) => {
  const path = join(dir, 'm.safetensors');
  const source = memoryTensors(1);
  const [a, b] = source.parameters();
  await writeSafetensors(path, source.parameters(), {}, source);
  const target = memoryTensors(50);
  for (const [wanted, expected] of [
    [[a, { ...b, shape: [6], size: 6 }], /has embedding\.memory \[5\] where the model has \[6\]/],
    [[a, b, { name: 'c.bias', shape: [1], size: 1 }], /lacks tensor c\.bias \[1\]/],
    [[a], /has tensor embedding\.memory, which the model doesn't know/],
  ] as const) {
    assert.match(await failure(() => loadSafetensors(path, wanted as never, target)), expected);
  }
  assert.equal(target.values, memoryTensors(50).values);
});

test('weights in another number format are refused by name', async ({ dir }) => {
  const path = join(dir, 'm.safetensors');
  const header = JSON.stringify({ a: { dtype: 'F16', shape: [2], data_offsets: [0, 4] } }).padEnd(64);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(64n);
  writeFileSync(path, Buffer.concat([length, Buffer.from(header), Buffer.alloc(4)]));
  const [info] = (await describeSafetensors(path)).tensors;
  assert.equal([info?.dtype, info?.size, info?.sizeBytes], ['F16', 2, 4]);
  const wanted = [{ name: 'a', shape: [2], size: 2 }];
  assert.match(
    await failure(() => loadSafetensors(path, wanted, memoryTensors(1))),
    /has a in F16 where the model has F32/,
  );
});

test('broken safetensors files are refused with what is wrong', async ({ dir }) => {
  const path = join(dir, 'm.safetensors');
  const file = (header: string | object, data = 0, declared?: number) => {
    const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(declared ?? json.length));
    writeFileSync(path, Buffer.concat([length, json, Buffer.alloc(data)]));
  };
  const tensor = (begin: number, end: number, shape = [(end - begin) / 4], dtype = 'F32') => ({
    dtype,
    shape,
    data_offsets: [begin, end],
  });
  const cases: [string | object, number, RegExp, number?][] = [
    ['{}', 0, /says its header has 1000 bytes/, 1000],
    ['{}', 0, /says its header has 9223372036854775807 bytes/, Number.NaN],
    ['{"a": ', 0, /header that isn't JSON/],
    ['[1]', 0, /isn't a JSON object|describes tensor 0 wrongly/],
    [{ a: tensor(0, 8) }, 4, /has \d+ bytes where its header describes/],
    [{ a: tensor(0, 8), b: tensor(4, 12) }, 12, /an overlap before tensor b/],
    [{ a: tensor(0, 8), b: tensor(12, 16) }, 16, /a gap before tensor b/],
    [{ a: tensor(0, 8, [3]) }, 8, /gives tensor a 8 bytes for shape \[3\]/],
    [{ a: tensor(0, 8, [4], 'F31') }, 8, /tensor a in F31/],
    [{ a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, 4, /describes tensor a wrongly/],
    [{ __metadata__: { x: 1 } }, 0, /metadata that is more than strings/],
  ];
  for (const [header, data, expected, declared] of cases) {
    if (Number.isNaN(declared)) {
      file(header, data);
      const bytes = readFileSync(path);
      bytes.writeBigUInt64LE(2n ** 63n - 1n, 0);
      writeFileSync(path, bytes);
    } else file(header, data, declared);
    assert.match(await failure(() => describeSafetensors(path)), expected);
  }
  writeFileSync(path, 'abc');
  assert.match(await failure(() => describeSafetensors(path)), /has only 3 bytes/);
  assert.match(
    await failure(() => describeSafetensors(join(dir, 'none'))),
    /can't be opened \(there is no such file/,
  );
  assert.match(await failure(() => describeSafetensors(dir)), /./);
});

test.run();
