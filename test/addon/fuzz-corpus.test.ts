import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TARGETS } from '../fuzz/targets.ts';
import { parseReference, withinOneUlp } from '../helpers/criteo-reference.ts';
import { readRaw } from '../helpers/read-raw.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';

const test = suite('fuzz corpus');
const corpus = join(repositoryRoot, 'test', 'fuzz', 'corpus');

function inputs(name: string): string[] {
  return readdirSync(join(corpus, name)).map((file) => join(corpus, name, file));
}

for (const [name, target] of Object.entries(TARGETS)) {
  test(`every ${name} file is read or refused with a sentence, in bounded time and memory`, async () => {
    for (const path of inputs(name)) {
      await target(readFileSync(path)).catch((error: Error) => assert.unreachable(`${path}: ${error.stack}`));
    }
  });
}

test('every raw file gives the rows of the plain parser, wherever blocks are cut, or an error with a code', async () => {
  for (const path of inputs('raw')) {
    const expected = parseReference(textOf(path));
    for (const blockBytes of [64, 1 << 20]) {
      const actual = await readRaw([path], { blockBytes }).catch(
        (error: NodeJS.ErrnoException) => error.code,
      );
      if (typeof actual === 'string') {
        assert.ok(['ERR_FORMAT', 'ERR_GZIP'].includes(actual), `${path}: ${actual}`);
        continue;
      }
      assert.ok(typeof actual === 'object', path);
      // What a file cut off holds beyond its last whole row depends on how decompression stops.
      if (actual.summary.inputs[0]?.truncated) continue;
      assert.equal(actual.label, expected.label, path);
      assert.equal(actual.sparse, expected.sparse, path);
      assert.ok(
        actual.dense.every((value, i) => withinOneUlp(value, expected.dense[i] as number)),
        path,
      );
      assert.is(actual.summary.inputs[0]?.rejected, expected.rejected.length, path);
    }
  }
});

/** The text in a raw file, one character a byte; of gzip data that isn't whole, none. */
function textOf(path: string): string {
  const bytes = readFileSync(path);
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('latin1');
  try {
    return gunzipSync(bytes).toString('latin1');
  } catch {
    return '';
  }
}

test.run();
