/** npm run check: everything about the code that can be checked without running it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkFileLengths, checkLayers } from './check-layers.mjs';
import { say } from './run-command.mjs';
import { listFiles, root } from './staleness.mjs';

const CLANG_FORMAT = 'clang-format-19';

const COLORS = process.stdout.isTTY ? [] : ['--colors=off'];

/** Runs a command with its output shown; true when it succeeds. */
function passes(name, command, args) {
  say(`${name} ...`);
  return spawnSync(command, args, { cwd: root, stdio: 'inherit' }).status === 0;
}

function formatsNativeCode() {
  if (spawnSync(CLANG_FORMAT, ['--version'], { stdio: 'ignore' }).status !== 0) {
    say(
      `native formatting: not checked, for ${CLANG_FORMAT} isn't installed (apt-get install ${CLANG_FORMAT})`,
    );
    return true;
  }
  const files = ['native', 'test']
    .flatMap((folder) => listFiles(join(root, folder)))
    .filter((file) => /\.(cc|h|cu|cuh)$/.test(file));
  return passes('native formatting', CLANG_FORMAT, ['--dry-run', '-Werror', ...files]);
}

function listsNothing(name, complaints) {
  say(`${name} ...`);
  for (const complaint of complaints) say(`  ${complaint}`);
  return complaints.length === 0;
}

const bin = (name) => join(root, 'node_modules', '.bin', name);
const results = [
  passes('lint and formatting', bin('biome'), ['ci', '--error-on-warnings', ...COLORS, '.']),
  passes('types', bin('tsc'), ['-p', 'tsconfig.json']),
  formatsNativeCode(),
  listsNothing('layers', checkLayers()),
  listsNothing('file lengths', checkFileLengths()),
];
say(results.every(Boolean) ? 'all well' : 'something is wrong, see above');
process.exitCode = results.every(Boolean) ? 0 : 1;
