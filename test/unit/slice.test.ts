import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { repositoryRoot } from '../helpers/shared-folder.ts';

const test = suite('slice');
const committed = readFileSync(join(repositoryRoot, 'data', 'criteo-slice.tsv'), 'utf8');
const rows = committed
  .slice(0, -1)
  .split('\n')
  .map((line) => line.split('\t'));

test('comes out of its generator byte for byte', () => {
  const made = execFileSync(process.execPath, ['scripts/make-slice.mjs', '-'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
    maxBuffer: 1 << 24,
  });
  assert.ok(made === committed, 'data/criteo-slice.tsv differs from what scripts/make-slice.mjs makes');
});

test('has the raw Criteo layout', () => {
  assert.is(rows.length, 6000);
  for (const row of rows) {
    assert.is(row.length, 40);
    assert.match(row[0] ?? '', /^[01]$/);
    for (const integer of row.slice(1, 14)) assert.match(integer, /^(-?\d+)?$/);
    for (const token of row.slice(14)) assert.match(token, /^([0-9a-f]{8})?$/);
  }
});

test('has missing values, negative integers, power-law tokens and a plausible share of clicks', () => {
  assert.ok(Buffer.byteLength(committed) < 1_500_000);
  const clicks = rows.filter((row) => row[0] === '1').length / rows.length;
  assert.ok(clicks > 0.2 && clicks < 0.35, `clicks ${clicks}`);
  assert.ok(rows.some((row) => row.slice(1, 14).some((integer) => integer.startsWith('-'))));
  assert.ok(rows.some((row) => row.slice(1, 14).includes('')));
  assert.ok(rows.some((row) => row.slice(14).includes('')));
  const frequencies = [...countBy(rows.map((row) => row[16] ?? '')).values()].sort((a, b) => b - a);
  const head = frequencies.slice(0, 10).reduce((sum, count) => sum + count, 0);
  assert.ok(
    head > rows.length / 3,
    `the ten most frequent of ${frequencies.length} tokens have ${head} rows`,
  );
});

function countBy(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

test.run();
