/**
 * npm start: from a fresh clone to a trained model. Sets up, prepares the slice in data/, trains a compressed DLRM on it,
 * evaluates it and says where the run is. Set-up and preparation aren't repeated the next time; training makes a new run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runScript, say } from './run-command.mjs';
import { setup } from './setup.mjs';
import { fingerprint, isFresh, root, writeStamp } from './staleness.mjs';

const SLICE = 'data/criteo-slice.tsv';
const PREPARED = 'data/slice';

function main() {
  setup();
  return prepareSlice() || trainAndEvaluate();
}

/** @returns the exit code */
function prepareSlice() {
  const stamp = `${PREPARED}.sha256`;
  const inputs = fingerprint([SLICE, 'src/prepare', 'src/manifest', 'src/cli/prepare.ts', 'native/criteo']);
  if (isFresh(`${PREPARED}/train/manifest.json`, stamp, inputs)) return 0;
  say(`Preparing ${SLICE} ...`);
  rmSync(join(root, PREPARED), { recursive: true, force: true });
  const code = pss('prepare', SLICE, '--out', PREPARED, '--split', 'head:5000');
  if (code === 0) writeStamp(stamp, inputs);
  return code;
}

/** @returns the exit code */
function trainAndEvaluate() {
  const run = newRunFolder();
  return (
    announce('Training a DLRM with embeddings compressed 50 times (configs/smoke.yaml) ...') ||
    pss('train', '--config', 'configs/smoke.yaml', '--run-dir', run) ||
    announce('Evaluating the trained model on the held-out rows ...') ||
    pss('eval', '--run', run) ||
    announce(`\nThe run is in ${run}: run.jsonl (the log), config.yaml, checkpoints/ (the model).`)
  );
}

function announce(line) {
  say(line);
  return 0;
}

function newRunFolder() {
  mkdirSync(join(root, 'runs'), { recursive: true });
  const stamp = new Date().toISOString().slice(0, 19).replace(/:/g, '-');
  let folder = `runs/smoke-${stamp}`;
  for (let n = 2; existsSync(join(root, folder)); n++) folder = `runs/smoke-${stamp}-${n}`;
  return folder;
}

function pss(...args) {
  const { status, signal, error } = spawnSync(process.execPath, [join('dist', 'cli', 'main.js'), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (error) throw error;
  return signal === 'SIGINT' ? 130 : (status ?? 1);
}

await runScript(main);
