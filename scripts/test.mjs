/**
 * npm test [-- FILTER...]
 *
 * Sets up, then runs each test file in a process of its own, two at a time. A file fails when a test of it fails, when it
 * dies, when it ran no test at all (uvu passes silently when a suite forgets `.run()`), or when it takes too long.
 * A FILTER is a part of a file's path. The last line is always `N passed, N failed, N skipped`.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { runScript } from './run-command.mjs';
import { setup } from './setup.mjs';
import { listFiles, root } from './staleness.mjs';

const TIMEOUT_MS = 10 * 60 * 1000;
/** Two at a time: the native engine of a test has threads of its own. */
const JOBS = Math.min(2, availableParallelism());

async function main() {
  const filters = process.argv.slice(2);
  setup();
  const files = listFiles(join(root, 'test'))
    .map((file) => relative(root, file))
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)));
  if (files.length === 0) {
    print(
      `No test file matches ${filters.map((filter) => `"${filter}"`).join(' or ') || 'test/**/*.test.ts'}.`,
    );
  }

  const results = [];
  const waiting = [...files];
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const result = await runFile(file);
      results.push(result);
      report(result);
    }
  };
  await Promise.all(Array.from({ length: JOBS }, worker));
  return summarize(results);
}

function runFile(file) {
  const forgotten = forgottenRuns(file);
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', file], {
      cwd: root,
      // In a process group of its own, so that a timeout also ends what the test has started.
      detached: true,
      env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child);
    }, TIMEOUT_MS);
    running.add(child);
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      const seconds = (performance.now() - startedAt) / 1000;
      resolve({ file, seconds, text, ...judge({ text, code, signal, timedOut, forgotten }) });
    });
  });
}

const running = new Set();

function killGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended on its own since.
  }
}

/** Suites of a file that are made but never run; uvu says nothing of them. */
function forgottenRuns(file) {
  const source = readFileSync(join(root, file), 'utf8');
  const made = source.match(/=\s*suite(<[^>]*>)?\(/g)?.length ?? 0;
  const run = source.match(/\.run\(\)/g)?.length ?? 0;
  return Math.max(0, made - run);
}

function judge({ text, code, signal, timedOut, forgotten }) {
  const count = (word) => Number(text.match(new RegExp(`^\\s*${word}:\\s+(\\d+)\\s*$`, 'm'))?.[1] ?? 0);
  const total = count('Total');
  // Said while a suite runs, it follows that suite's name and marks on the same line.
  const reasons = [...text.matchAll(/(?:^|\s)(skipped: .+)$/gm)].map(([, reason]) => reason);
  const skippedByUvu = count('Skipped');
  // A test that finds out only while running that it can't do its work says so and returns: uvu counts it as passed.
  const skippedWithin = Math.min(Math.max(0, reasons.length - skippedByUvu), count('Passed'));
  const counts = {
    passed: count('Passed') - skippedWithin,
    failed: total - count('Passed'),
    skipped: skippedByUvu + skippedWithin,
    reasons,
  };
  const problem = timedOut
    ? `stopped after ${TIMEOUT_MS / 60_000} minutes`
    : signal
      ? `died of ${signal}`
      : total + skippedByUvu === 0
        ? code === 0
          ? 'ran no test (is .run() missing?)'
          : `exited with code ${code} before its tests had ended`
        : forgotten > 0
          ? `has ${forgotten === 1 ? 'a suite' : `${forgotten} suites`} without .run()`
          : code !== 0 && counts.failed === 0
            ? `exited with code ${code}`
            : undefined;
  return problem === undefined ? counts : { ...counts, failed: Math.max(1, counts.failed), problem };
}

function report({ file, seconds, text, passed, failed, skipped, problem }) {
  const mark = failed > 0 ? 'FAIL' : 'ok  ';
  const counts = [
    `${passed} passed`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ];
  print(`${mark} ${file}: ${counts.join(', ')} (${seconds.toFixed(1)} s)${problem ? `: ${problem}` : ''}`);
  if (failed > 0) print(text.trimEnd().replace(/^/gm, '     '));
}

function summarize(results) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const reasons = results.flatMap(({ file, reasons }) => reasons.map((reason) => `${file}: ${reason}`));
  const failures = results.filter(({ failed }) => failed > 0);
  if (reasons.length > 0) print(`\n${reasons.join('\n')}`);
  if (failures.length > 0) print(`\nFailed: ${failures.map(({ file }) => file).join(', ')}`);
  print(`\n${sum('passed')} passed, ${sum('failed')} failed, ${sum('skipped')} skipped`);
  return failures.length > 0 || results.length === 0 ? 1 : 0;
}

function print(text) {
  process.stdout.write(`${text}\n`);
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    for (const child of running) killGroup(child);
    process.exit(130);
  });
}
await runScript(main);
