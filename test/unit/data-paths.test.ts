import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { expandDataPaths } from '../../src/config/data-paths.ts';
import { UsageError } from '../../src/errors.ts';

const test = suite('data paths');
const folder = mkdtempSync(join(tmpdir(), 'pss-paths-'));
for (let day = 0; day < 12; day++) mkdirSync(join(folder, `day_${day}`));
test.after(() => rmSync(folder, { recursive: true }));

const expand = (...patterns: string[]) => expandDataPaths(patterns, 'data.train', folder);

test('keeps the order of a list and of a brace range', () => {
  assert.equal(expand('day_3', 'day_1'), ['day_3', 'day_1']);
  assert.equal(expand('day_{9..11}'), ['day_9', 'day_10', 'day_11']);
  assert.equal(expand('day_{4,2}'), ['day_4', 'day_2']);
});

test('puts what a glob finds in natural order', () => {
  assert.equal(
    expand('day_*'),
    Array.from({ length: 12 }, (_, day) => `day_${day}`),
  );
  assert.equal(expand('day_1?'), ['day_10', 'day_11']);
});

test('takes a path found twice once, where it came first', () => {
  assert.equal(expand('day_1', 'day_{0..2}'), ['day_1', 'day_0', 'day_2']);
});

test('takes absolute paths', () => {
  assert.equal(expand(join(folder, 'day_{0..1}')), [join(folder, 'day_0'), join(folder, 'day_1')]);
});

test('names the pattern that finds nothing, even one member of a range', () => {
  const messageOf = (pattern: string) => {
    try {
      expand(pattern);
    } catch (error) {
      if (error instanceof UsageError) return error.message;
    }
    throw new Error(`${pattern} found something`);
  };
  assert.match(messageOf('night_*'), /^data\.train: nothing matches "night_\*"; prepare the data first/);
  assert.match(messageOf('day_{10..12}'), /nothing matches "day_\{10\.\.12\}" \(day_12\);/);
});

test.run();
