import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeFolder } from '../../src/make-folder.ts';

const test = suite('make-folder');
const root = mkdtempSync(join(tmpdir(), 'pss-make-folder-'));
test.after(() => rmSync(root, { recursive: true, force: true }));

async function codeOf(path: string): Promise<string | undefined> {
  return makeFolder(path).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
}

test('makes what is missing, and leaves what is there', async () => {
  const path = join(root, 'a', 'b', 'c');
  await makeFolder(path);
  assert.ok(statSync(path).isDirectory());
  writeFileSync(join(path, 'kept'), '');
  await makeFolder(path);
  assert.ok(existsSync(join(path, 'kept')));
});

test('several at once may make the same', async () => {
  const paths = Array.from({ length: 8 }, (_, i) => join(root, 'x', 'y', String(i % 2)));
  await Promise.all(paths.map((path) => makeFolder(path)));
  assert.ok(statSync(paths[0] as string).isDirectory());
});

test('a file in the way is an error', async () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  assert.is(await codeOf(file), 'EEXIST');
  assert.is(await codeOf(join(file, 'below')), 'ENOTDIR');
});

test('ends where the system makes no folders', async () => {
  if (!existsSync('/proc/self')) return;
  assert.is(await codeOf('/proc/pss-no-such-folder'), 'ENOENT');
});

test.run();
