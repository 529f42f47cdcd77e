import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Manifest } from '../../src/manifest/manifest.ts';
import { prepare } from '../../src/prepare/prepare.ts';
import type { PrepareOptions, PrepareOutput } from '../../src/prepare/prepare-options.ts';
import { parseReference } from '../helpers/criteo-reference.ts';
import { makeRawRows } from '../helpers/criteo-rows.ts';
import { fingerprint } from '../helpers/fingerprint.ts';
import { runPss } from '../helpers/run-pss.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('prepare, dictionaries');
const folder = temporaryFolder();
const silent: PrepareOutput = {
  info: () => {},
  warn: () => {},
  progress: () => ({ update: () => {}, stop: () => {} }),
};
// More than one record batch, with up to two thousand distinct values a column.
const text = makeRawRows(70_000, 51);
const input = join(folder, 'rows.tsv');
writeFileSync(input, text);
const { sparse } = parseReference(text);
let made = 0;

async function prepareTo(options: Partial<PrepareOptions>): Promise<{ out: string; manifest: Manifest }> {
  const out = join(folder, `out-${made++}`);
  const [manifest] = await prepare({ inputs: [input], ids: 'vocab', ...options, out }, silent);
  return { out, manifest: manifest as Manifest };
}

/** Ids, sizes and values as --min-count defines them, the plain way. */
function numberFrequent(minCount: number): { ids: number[]; tables: number[][] } {
  const counts = Array.from({ length: 26 }, () => new Map<number, number>());
  for (const [i, value] of sparse.entries()) {
    const column = counts[i % 26] as Map<number, number>;
    column.set(value, (column.get(value) ?? 0) + 1);
  }
  const seen = Array.from({ length: 26 }, () => new Map<number, number>());
  const ids = sparse.map((value, i) => {
    if ((counts[i % 26]?.get(value) ?? 0) < minCount) return 0;
    const column = seen[i % 26] as Map<number, number>;
    if (!column.has(value)) column.set(value, column.size + 1);
    return column.get(value) as number;
  });
  return { ids, tables: seen.map((column) => [...column.keys()]) };
}

function sparseOf(out: string): number[] {
  const { batches } = tableFromIPC(readFileSync(join(out, 'part-00000.arrow')));
  return batches.flatMap(({ data, numRows }) => {
    const values = data.children[2]?.children[0]?.values as Uint32Array;
    return [...values.subarray(0, numRows * 26)];
  });
}

test('dictionaries that outgrow their memory give the same bytes in rounds, however little it is', async () => {
  const whole = fingerprint((await prepareTo({})).out);
  for (const [dictionaryBytes, jobs] of [
    [200_000, 1],
    [60_000, 3],
    [0, 2],
  ] as const) {
    const { out } = await prepareTo({ dictionaryBytes, jobs });
    assert.equal(fingerprint(out), whole, `${dictionaryBytes} bytes`);
  }
});

test('rare values share id 0, and the others are numbered from 1 by first appearance, within memory and beyond', async () => {
  for (const [minCount, dictionaryBytes] of [
    [2, 1e9],
    [40, 1e9],
    [40, 60_000],
    [1e6, 60_000],
  ] as const) {
    const { ids, tables } = numberFrequent(minCount);
    const { out, manifest } = await prepareTo({ minCount, dictionaryBytes });
    assert.equal(sparseOf(out), ids);
    assert.is(manifest.minCount, minCount);
    assert.equal(
      manifest.tableSizes,
      tables.map((table) => table.length + 1),
    );
    const vocabulary = tableFromIPC(readFileSync(join(out, 'vocabulary.arrow')));
    const column = (name: string) => [...((vocabulary.getChild(name)?.toArray() as Uint32Array) ?? [])];
    assert.equal(column('value'), tables.flat());
    assert.equal(
      column('id'),
      tables.flatMap((table) => table.map((_, i) => i + 1)),
    );
  }
});

test('a least count of 1 keeps everything, and without dictionaries there is nothing to count', async () => {
  const plain = await prepareTo({});
  const counted = await prepareTo({ minCount: 1 });
  assert.equal(fingerprint(counted.out), fingerprint(plain.out));
  const run = runPss(['prepare', input, '--out', join(folder, 'none'), '--min-count', '5']);
  assert.is(run.code, 2);
  assert.match(run.stderr, /--ids raw has none; add --ids vocab/);
});

test('a dry run says rows, time and disk, and leaves nothing', () => {
  const out = join(folder, 'dry', 'out');
  const run = runPss(['prepare', input, '--out', out, '--ids', 'vocab', '--dry-run', '--quiet']);
  assert.is(run.code, 0, run.stderr);
  assert.match(
    run.stdout,
    /^rows: {2}about 70,000, from a sample of 70,000\ntime: {2}about \d+s\ndisk: {2}11\.0 MB, up to 29\.3 MB/,
  );
  assert.equal(existsSync(join(folder, 'dry')) ? readdirSync(join(folder, 'dry')) : [], []);
  const piped = runPss(['prepare', '-', '--out', out, '--dry-run']);
  assert.is(piped.code, 1);
  assert.match(piped.stderr, /give --dry-run regular files/);
});

test.run();
