/**
 * npm run experiment:theory
 *
 * Draws docs/figures/theory-*.svg and prints the table of docs/theory.md: how the errors of sketched tables fall with the size of M, on
 * three tables of 100,000 × 16 floats. `pss sketch` does all of the measuring.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSafetensors } from '../../dist/checkpoint/safetensors.js';
import { fillNormal } from '../../dist/random/normal.js';
import { root } from '../staleness.mjs';

const ROWS = 100_000;
const DIM = 16;
const SEED = 1;
/** Nothing else draws from this stream of the seed. */
const STREAM = 3;
const METHODS = 'gaussian,achlioptas,sparse,hash,robe,hashednet';
/** Two decades of k, from 10,000 to 100 rows. */
const COMPRESSIONS = '10,17.8,31.6,56.2,100,178,316,562,1000';

const TABLES = {
  random: { title: 'independent normal values', value: (normal) => normal },
  faded: { title: 'row i scaled by 1/√i', value: (normal, row) => normal / Math.sqrt(row + 1) },
  shifted: { title: 'normal values around 1/2', value: (normal) => normal + 0.5 },
};

const folder = mkdtempSync(join(tmpdir(), 'pss-theory-'));
try {
  const lines = [];
  for (const [name, { title, value }] of Object.entries(TABLES)) {
    const file = join(folder, `${name}.safetensors`);
    await writeTable(file, name, value);
    const plot = join(root, 'docs', 'figures', `theory-${name}.svg`);
    const report = sketch(file, plot);
    lines.push(...describe(name, title, report));
  }
  process.stdout.write(
    `${[
      '| table | method | macro, worst: k = 100 | k = 10,000 | slope | macro, random: slope | micro, important rows: k = 100 | k = 10,000 | slope |',
      '|---|---|---|---|---|---|---|---|---|',
      ...lines,
    ].join('\n')}\n`,
  );
} finally {
  rmSync(folder, { recursive: true });
}

async function writeTable(file, name, value) {
  const values = new Float64Array(ROWS * DIM);
  fillNormal(values, SEED, STREAM);
  const floats = Float32Array.from(values, (normal, i) => value(normal, Math.floor(i / DIM)));
  const read = async (_name, offset, out) => out.set(floats.subarray(offset, offset + out.length));
  await writeSafetensors(file, [{ name, shape: [ROWS, DIM], size: floats.length }], {}, { read });
}

function sketch(file, plot) {
  const args = ['sketch', file, '--method', METHODS, '--compression', COMPRESSIONS, '--plot', plot, '--json'];
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) process.exit(status ?? 1);
  return JSON.parse(stdout);
}

function describe(table, title, { results }) {
  const bin = results[0].micro.findIndex(({ rows }) => rows >= 8);
  return [...new Set(results.map(seriesName))].map((name) => {
    const points = results.filter((result) => seriesName(result) === name);
    const sizes = points.map(({ memorySize }) => memorySize);
    const measures = [
      points.map(({ macro }) => macro.worst),
      points.map(({ macro }) => macro.random.p50),
      points.map(({ micro }) => micro[bin].worst.p50),
    ];
    const [worst, , micro] = measures;
    const ends = (errors) => [errors.at(-1), errors[0]].map((error) => Number(error.toPrecision(2)));
    const slopes = measures.map((errors) => slope(sizes, errors).toFixed(2));
    return `| ${[`${table} (${title})`, name, ...ends(worst), slopes[0], slopes[1], ...ends(micro), slopes[2]].join(' | ')} |`;
  });
}

function seriesName({ method, recovery }) {
  return recovery === 'sketch' ? method : `${method}, mean`;
}

/** Exponent p of the power law error ~ size^p that fits best. */
function slope(sizes, errors) {
  const x = sizes.map(Math.log);
  const y = errors.map(Math.log);
  const mean = (values) => values.reduce((a, b) => a + b) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const sum = (f) => x.reduce((total, _, i) => total + f(i), 0);
  return sum((i) => (x[i] - mx) * (y[i] - my)) / sum((i) => (x[i] - mx) ** 2);
}
