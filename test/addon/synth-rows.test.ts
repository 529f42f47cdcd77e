import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAddon } from '../../src/addon/load.ts';
import { type NativeSynthRows, SYNTH_PROFILES, type SynthProfile } from '../../src/addon/synth-types.ts';
import { areaUnderRoc } from '../../src/metrics/auc.ts';
import { createRowBuffer } from '../../src/prepare/row-buffer.ts';
import { philox4x32 } from '../../src/random/philox.ts';

const test = suite('synthetic rows');
const { SynthRows, synthMaxRowBytes } = loadAddon();

function source(options: { profile?: SynthProfile; seed?: number; dayRows?: number; jobs?: number } = {}) {
  return new SynthRows({ profile: 'tiny', seed: 1, dayRows: 0, jobs: 1, ...options });
}

async function textOf(rows: NativeSynthRows, first: number, count: number): Promise<string> {
  const text = new Uint8Array(count * synthMaxRowBytes);
  const bytes = await rows.write(first, count, text);
  return Buffer.from(text.buffer, 0, bytes).toString('latin1');
}

async function columnsOf(rows: NativeSynthRows, first: number, count: number) {
  const out = { ...createRowBuffer(count), logit: new Float32Array(count) };
  await rows.fill(first, count, out);
  return out;
}

/** Pins the definition: a change of any draw changes it. */
const DIGESTS: Record<SynthProfile, string> = {
  kaggle: 'a3766ebe5edfddfb',
  tb: 'c184b73f2b2f91bd',
  tiny: 'ee2fc7cb3b6ee199',
};

test('rows of a seed are what they have always been', async () => {
  for (const profile of SYNTH_PROFILES) {
    const text = await textOf(source({ profile }), 1_000_000_000, 500);
    assert.is(createHash('sha256').update(text).digest('hex').slice(0, 16), DIGESTS[profile], profile);
  }
});

test('a row depends on its number, not on threads or on where the work starts', async () => {
  const whole = await textOf(source(), 70_000, 5000);
  assert.is(await textOf(source({ jobs: 3 }), 70_000, 5000), whole);
  const pieces = source({ jobs: 2 });
  const parts = [];
  for (let first = 70_000; first < 75_000; first += 1250) parts.push(await textOf(pieces, first, 1250));
  assert.is(parts.join(''), whole);
  assert.is.not(await textOf(source({ seed: 2 }), 70_000, 5000), whole);
});

test('text and columns are the same rows', async () => {
  const count = 300;
  const columns = await columnsOf(source(), 12_345, count);
  const lines = (await textOf(source(), 12_345, count)).trimEnd().split('\n');
  assert.is(lines.length, count);
  lines.forEach((line, row) => {
    const fields = line.split('\t');
    assert.is(fields.length, 40);
    assert.is(Number(fields[0]), columns.label[row]);
    for (let i = 0; i < 13; i++) {
      const value = Math.fround(Math.log1p(Math.max(0, Number(fields[1 + i]))));
      assert.is(columns.dense[row * 13 + i], value);
    }
    for (let t = 0; t < 26; t++) {
      assert.match(fields[14 + t] ?? '', /^([0-9a-f]{8})?$/);
      assert.is(columns.sparse[row * 26 + t], Number.parseInt(fields[14 + t] || '0', 16));
    }
  });
});

test('the best AUC and log loss are those of the probabilities behind the labels', async () => {
  const rows = source({ profile: 'kaggle' });
  const count = 200_000;
  const { label, logit } = await columnsOf(rows, 0, count);
  const summary = rows.summary();
  let logLoss = 0;
  for (let i = 0; i < count; i++) {
    const signed = (label[i] ? 1 : -1) * (logit[i] as number);
    logLoss += Math.log1p(Math.exp(-signed)) / count;
  }
  // Four standard errors: 0.5/√clicks bounds that of the AUC, and the log loss of a row has a deviation near 0.5.
  const auc = areaUnderRoc(
    logit.filter((_, i) => label[i] === 1),
    logit.filter((_, i) => label[i] === 0),
  );
  assert.ok(Math.abs((auc ?? 0) - summary.bestAuc) < 2 / Math.sqrt(summary.clicks), `${auc}`);
  assert.ok(Math.abs(logLoss - summary.bestLogLoss) < 2 / Math.sqrt(count));
  assert.ok(summary.bestAuc > 0.8 && summary.bestAuc < 0.9);
  assert.ok(summary.bestLogLoss < summary.baselineLogLoss);
});

test('a label is 1 where its word of the row is below the probability', async () => {
  const [first, count, seed] = [99_990, 50, 7];
  const { label, logit } = await columnsOf(source({ seed }), first, count);
  const stream = nameKey('synth.row');
  const words = new Uint32Array(4);
  for (let i = 0; i < count; i++) {
    // Word 65 of a row lies in its block 16.
    const block = 32 * (first + i) + 16;
    philox4x32(words, [block, 0, Number(stream & 0xffffffffn), Number(stream >> 32n)], [seed, 0]);
    const probability = 1 / (1 + Math.exp(-(logit[i] as number)));
    assert.is(label[i], (words[1] as number) < probability * 2 ** 32 ? 1 : 0, `row ${first + i}`);
  }
});

/** FNV-1a, 64 bits. */
function nameKey(name: string): bigint {
  return [...name].reduce(
    (hash, letter) => BigInt.asUintN(64, (hash ^ BigInt(letter.charCodeAt(0))) * 0x100000001b3n),
    0xcbf29ce484222325n,
  );
}

test('the share of clicks is the profile’s', async () => {
  for (const [profile, rate] of [
    ['kaggle', 0.256],
    ['tb', 0.034],
  ] as const) {
    const rows = source({ profile, jobs: 2 });
    await columnsOf(rows, 0, 200_000);
    const { clicks } = rows.summary();
    // The days move it by a few tenths of its logit's tenth.
    assert.ok(Math.abs(clicks / 200_000 / rate - 1) < 0.3, `${profile}: ${clicks / 200_000}`);
  }
});

test('missing values, negative integers and distinct tokens are as in Criteo Kaggle', async () => {
  const count = 10_000;
  const rows = source({ profile: 'kaggle', jobs: 2 });
  const lines = (await textOf(rows, 0, count)).trimEnd().split('\n');
  const fields = lines.map((line) => line.split('\t'));
  const missing = (column: number) => fields.filter((row) => row[column] === '').length / count;
  for (const [column, share] of [
    [1, 0.45],
    [2, 0],
    [12, 0.77],
    [14, 0],
    [16, 0.034],
    [35, 0.76],
  ] as const) {
    assert.ok(Math.abs(missing(column) - share) < 0.02, `column ${column}: ${missing(column)}`);
  }
  assert.ok(fields.some((row) => row[2]?.startsWith('-')));
  const { distinct } = rows.summary();
  // The first 10,000 rows of the real data have 175, 5,520 and 3,184 in C1, C3 and C7.
  for (const [table, expected] of [
    [0, 175],
    [2, 5520],
    [6, 3184],
  ] as const) {
    const ratio = (distinct[table] ?? 0) / expected;
    assert.ok(ratio > 0.8 && ratio < 1.2, `C${table + 1}: ${distinct[table]} distinct`);
  }
});

test('rarer tokens give way to new ones as days pass, frequent ones stay', async () => {
  const tokens = async (day: number) => {
    const { sparse } = await columnsOf(source({ dayRows: 20_000, jobs: 2 }), day * 20_000, 20_000);
    return new Set(sparse.filter((_, i) => i % 26 === 2));
  };
  const [first, second, late] = [await tokens(0), await tokens(1), await tokens(40)];
  const shared = (a: Set<number>, b: Set<number>) => [...a].filter((token) => b.has(token)).length / a.size;
  assert.ok(shared(first, second) > 2 * shared(first, late));
  assert.ok(shared(first, late) > 0.005 && shared(first, late) < 0.05);
});

test('calling again before an answer and arrays too short are refused', async () => {
  const rows = source();
  const busy = rows.fill(0, 2000, createRowBuffer(2000));
  assert.throws(
    () => rows.fill(0, 1, createRowBuffer(1)),
    (error: NodeJS.ErrnoException) => error.code === 'ERR_BUSY',
  );
  await busy;
  assert.throws(() => rows.fill(0, 11, createRowBuffer(10)), /too short/);
  assert.throws(() => rows.write(0, 2, new Uint8Array(synthMaxRowBytes)), /too short/);
});

test.run();
