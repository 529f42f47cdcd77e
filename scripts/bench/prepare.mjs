/**
 * npm run bench:prepare [-- --rows N | --text FILE] [--scale N] [--values N] [--memory AMOUNT] [--kills N] [--folder DIR]
 *
 * Times `pss prepare` on synthetic rows, or those of a raw text file, beside what the system's own tools take for the same files. With --scale, rows of
 * many-ids.mjs, with six columns of up to --values distinct ids, are piped in, with dictionaries, and the most memory that was
 * resident is measured; with --kills, a run
 * killed that often at random moments is compared with one that wasn't. DuckDB is timed too where it is installed
 * (npm install --no-save @duckdb/node-api).
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setup } from '../setup.mjs';
import { root } from '../staleness.mjs';

const PSS = [process.execPath, join(root, 'dist', 'cli', 'main.js')];
const ROUNDS = 3;

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '2000000' },
    text: { type: 'string' },
    scale: { type: 'string' },
    memory: { type: 'string', default: '2GB' },
    values: { type: 'string', default: '10000000' },
    kills: { type: 'string' },
    folder: { type: 'string', default: tmpdir() },
  },
});

setup();
const folder = mkdtempSync(join(options.folder, 'pss-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
if (options.scale) await measureScale(Number(options.scale), options);
else if (options.kills) await measureKills(Number(options.kills));
else measureRates();

/** Seconds that a shell command takes. */
function time(command) {
  const startedAt = performance.now();
  const { status, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', command], { encoding: 'utf8' });
  const seconds = (performance.now() - startedAt) / 1000;
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return seconds;
}

/** Raw rows as text, with the same gzipped beside it, twice. */
function makeText() {
  const text = join(folder, 'rows.tsv');
  if (options.text) {
    time(`ln -s "$(realpath '${options.text}')" '${text}'`);
  } else {
    const made = join(folder, 'text');
    time(`'${PSS.join("' '")}' synth --rows ${options.rows} --profile kaggle --out '${made}' --quiet`);
    time(`cat '${made}'/* > '${text}' && rm -r '${made}'`);
  }
  time(`gzip -6 -c '${text}' > '${text}.gz' && cp '${text}.gz' '${text}.copy.gz'`);
  return text;
}

function measureRates() {
  const text = makeText();
  const gz = `${text}.gz`;
  const out = join(folder, 'out');
  const prepare = (inputs, more = '') =>
    `rm -rf '${out}' && '${PSS.join("' '")}' prepare ${inputs} --out '${out}' --quiet ${more}`;
  const onCores = (cores, command) => `taskset -c ${cores} bash -c "${command}"`;
  const cases = {
    'zcat | wc -l': `zcat '${gz}' | wc -l`,
    'wc -w': `wc -w '${text}'`,
    'prepare .gz': prepare(`'${gz}'`),
    'prepare two .gz': prepare(`'${gz}' '${text}.copy.gz'`),
    'one .gz, one core': onCores('0', prepare(`'${gz}'`, '--jobs 1')),
    'two .gz, two cores': onCores('0,1', prepare(`'${gz}' '${text}.copy.gz'`, '--jobs 2')),
    'prepare text': prepare(`'${text}'`),
    'prepare text, vocab': prepare(`'${text}'`, '--ids vocab'),
    ...duckdbCases(text, gz),
  };
  const bytes = statSync(text).size;
  const best = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, command] of Object.entries(cases)) {
      const seconds = time(command);
      best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, seconds);
    }
  }
  print(
    `${options.rows} rows, ${(bytes / 1e6).toFixed(0)} MB of text, ${statSync(gz).size / 1e6} MB gzipped`,
  );
  for (const [name, seconds] of Object.entries(best)) {
    const amount = name.includes('two .gz') ? 2 * bytes : bytes;
    print(
      `${name.padEnd(24)} ${seconds.toFixed(2).padStart(6)} s ${(amount / seconds / 1e6).toFixed(0).padStart(6)} MB/s`,
    );
  }
  const ratio = (a, b) => (best[b] / best[a]).toFixed(2);
  print(`.gz against zcat | wc -l: ${ratio('prepare .gz', 'zcat | wc -l')}`);
  print(`text against wc -w: ${ratio('prepare text', 'wc -w')}`);
  const twice = (one, two) => ((2 * best[one]) / best[two]).toFixed(2);
  print(`two .gz on two cores against one on one core: ${twice('one .gz, one core', 'two .gz, two cores')}`);
  print(`two .gz on all cores against one on all cores: ${twice('prepare .gz', 'prepare two .gz')}`);
}

/** DuckDB, which parses the same columns and writes them as Parquet, or only counts them. */
function duckdbCases(text, gz) {
  try {
    createRequire(join(process.cwd(), 'x.js')).resolve('@duckdb/node-api');
  } catch {
    print('DuckDB is not installed; "npm install --no-save @duckdb/node-api" adds it to the comparison.');
    return {};
  }
  const script = (query) => `node -e "
    const { DuckDBInstance } = require('@duckdb/node-api');
    DuckDBInstance.create(':memory:').then((db) => db.connect()).then((c) => c.run(process.argv[1]))" "${query}"`;
  const integers = Array.from({ length: 13 }, (_, i) => `'i${i}':'INTEGER'`);
  const values = Array.from({ length: 26 }, (_, i) => `'c${i}':'VARCHAR'`);
  const columns = `{'label':'UTINYINT',${[...integers, ...values].join()}}`;
  const read = (path) =>
    `read_csv('${path}', delim='\\t', header=false, quote='', escape='', columns=${columns})`;
  const all = [...integers, ...values].map((column) => column.split("'")[1]);
  const hex = all.slice(13).map((name) => `coalesce(('0x'||${name})::UINTEGER,0) AS ${name}`);
  const logs = all.slice(0, 13).map((name) => `ln(1+greatest(coalesce(${name},0),0))::FLOAT AS ${name}`);
  const parquet = join(folder, 'rows.parquet');
  const copy = (path) =>
    script(
      `COPY (SELECT label,${[...logs, ...hex].join()} FROM ${read(path)}) TO '${parquet}' (FORMAT parquet, COMPRESSION uncompressed)`,
    );
  return {
    'DuckDB counts .gz': script(`SELECT count(c25), sum(i0) FROM ${read(gz)}`),
    'DuckDB .gz to Parquet': copy(gz),
    'DuckDB text to Parquet': copy(text),
  };
}

async function measureScale(rows, { memory, values }) {
  const out = join(folder, 'out');
  const startedAt = performance.now();
  const source = spawn(process.execPath, [join(import.meta.dirname, 'many-ids.mjs'), String(rows), values], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const args = ['prepare', '-', '--out', out, '--ids', 'vocab', '--memory', memory];
  const prepare = spawn(PSS[0], [PSS[1], ...args], { stdio: [source.stdout, 'inherit', 'inherit'] });
  source.stdout.destroy();
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, peakBytes(prepare.pid));
  }, 100);
  const code = await new Promise((resolve) => prepare.on('exit', resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`prepare ended with ${code}`);
  const { tableSizes } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'));
  const ids = tableSizes.reduce((sum, size) => sum + size, 0);
  const seconds = (performance.now() - startedAt) / 1000;
  print(
    `${rows} rows with ${ids} distinct ids, --memory ${memory}: ${seconds.toFixed(0)} s with making them`,
  );
  print(`most resident memory: ${(peak / 1e6).toFixed(0)} MB`);
}

function peakBytes(pid) {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

async function measureKills(kills) {
  const text = makeText();
  const run = (out, ...more) => {
    const args = [
      `${text}.gz`,
      text,
      '--ids',
      'vocab',
      '--min-count',
      '2',
      '--split',
      'tail:0.2',
      '--memory',
      '512MB',
    ];
    return spawn(PSS[0], [PSS[1], 'prepare', ...args, '--out', out, '--quiet', ...more], {
      stdio: 'inherit',
    });
  };
  const ended = (child) =>
    new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  const startedAt = performance.now();
  const whole = join(folder, 'whole');
  await ended(run(whole));
  const duration = performance.now() - startedAt;
  const out = join(folder, 'out');
  let killed = 0;
  for (let done = false; !done || killed < kills; ) {
    // It ended before it could be killed as often as asked for: once more from the beginning.
    if (done) rmSync(out, { recursive: true });
    const child = run(out, '--resume');
    const end = ended(child);
    const timer = setTimeout(() => killed < kills && child.kill('SIGKILL'), (Math.random() * duration) / 2);
    const { code, signal } = await end;
    clearTimeout(timer);
    if (signal === 'SIGKILL') killed++;
    else if (code !== 0) throw new Error(`prepare ended with ${code}`);
    done = code === 0;
  }
  const same = hashFolder(whole) === hashFolder(out);
  print(
    `killed ${killed} times, ${same ? 'the same bytes' : 'OTHER BYTES'} as without (${(duration / 1000).toFixed(1)} s)`,
  );
  process.exitCode = same ? 0 : 1;
}

function hashFolder(path) {
  const hash = createHash('sha256');
  for (const name of readdirSync(path, { recursive: true }).sort()) {
    const file = join(path, name);
    if (statSync(file).isFile()) hash.update(name).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function print(line) {
  process.stdout.write(`${line}\n`);
}
