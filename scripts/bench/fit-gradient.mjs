/**
 * npm run bench:gradient -- [--rows FILE.jsonl] [--samples N] [--seconds N]
 *
 * Fits the model behind `gradient: auto` (src/models/embedding/gradient-cost.ts) to this machine: times dense and sparse updates of M over
 * sizes, chunks and optimizers (`pss bench embedding --table gradient`; or takes such rows from a file), all of them in turn, round by round.
 * Prints each optimizer's constants as that file has them, and how often they and the model as it stands take the faster form, or one
 * about as fast, and what is lost where they don't.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Matrix, solve } from 'ml-matrix';
import { run, runScript } from '../run-command.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Times this near to each other are the same here. */
const NEAR = 0.05;
const NAMES = ['dense', 'visited', 'touched'];

async function main() {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string' },
      samples: { type: 'string', default: '15' },
      seconds: { type: 'string', default: '150' },
    },
  });
  const folder = values.rows ? undefined : mkdtempSync(join(tmpdir(), 'pss-gradient-'));
  try {
    const file = values.rows ?? join(folder, 'rows.jsonl');
    if (folder) measure(file, values);
    report(await readPairs(file));
  } finally {
    if (folder) rmSync(folder, { recursive: true });
  }
}

function measure(file, { samples, seconds }) {
  const bench = ['bench', 'embedding', '--table', 'gradient', '--rows', '4M', '--samples', samples];
  run(process.execPath, [join(root, 'dist/cli/main.js'), ...bench, '--seconds', seconds, '--json', file], {
    advice: 'stop other work and try again',
  });
}

/** Cases with both times, in nanoseconds, and what the model counts of them. */
async function readPairs(file) {
  const { updateTerms } = await import(join(root, 'dist/models/embedding/gradient-cost.js'));
  const { BATCH_SIZE, DIM } = await import(join(root, 'dist/bench/embedding-cases.js'));
  const rows = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return rows
    .filter(({ pass }) => pass === 'backward-dense')
    .map((dense) => {
      const sparse = rows.find((row) => row.case === dense.case && row.pass === 'backward-sparse');
      const { memorySize, chunkSize, optimizer, auto } = dense;
      const chunks = BATCH_SIZE * Math.ceil(DIM / chunkSize);
      const chunkFloats = Math.min(chunkSize, DIM);
      const terms = updateTerms({ memorySize, chunks, chunkFloats, optimizer });
      return {
        optimizer,
        auto,
        factors: [memorySize, -terms.visitedFloats, -terms.touchedFloats],
        dense: dense.medianMs * 1e6,
        sparse: sparse.medianMs * 1e6,
      };
    });
}

/** Least squares of dense − sparse, each case weighing by what it takes; a term that would be negative is left out. */
function leastSquares(pairs) {
  let kept = [0, 1, 2];
  for (;;) {
    const weighted = (pair, value) => value / (pair.dense + pair.sparse);
    const left = new Matrix(pairs.map((pair) => kept.map((k) => weighted(pair, pair.factors[k]))));
    const right = Matrix.columnVector(pairs.map((pair) => weighted(pair, pair.dense - pair.sparse)));
    const found = solve(left, right, true).to1DArray();
    const constants = NAMES.map((_, k) => (kept.includes(k) ? found[kept.indexOf(k)] : 0));
    const negative = kept.filter((k) => constants[k] < 0);
    if (negative.length === 0) return constants;
    kept = kept.filter((k) => !negative.includes(k));
  }
}

function report(pairs) {
  const fitted = new Map();
  for (const optimizer of new Set(pairs.map((pair) => pair.optimizer))) {
    const constants = leastSquares(pairs.filter((pair) => pair.optimizer === optimizer));
    fitted.set(optimizer, constants);
    const key = /^\w+$/.test(optimizer) ? optimizer : `'${optimizer}'`;
    const text = NAMES.map((name, k) => `${name}: ${constants[k].toFixed(3)}`).join(', ');
    process.stdout.write(`  ${key}: { ${text} },\n`);
  }
  const takesSparse = ({ optimizer, factors }) =>
    factors.reduce((sum, factor, k) => sum + factor * fitted.get(optimizer)[k], 0) > 0;
  const models = { 'These constants': takesSparse, 'gradient: auto': ({ auto }) => auto === 'sparse' };
  for (const [name, takes] of Object.entries(models)) {
    process.stdout.write(`${name}: ${describeChoices(pairs, takes)}\n`);
    for (const optimizer of fitted.keys()) {
      const own = pairs.filter((pair) => pair.optimizer === optimizer);
      process.stdout.write(`  ${optimizer}: ${describeChoices(own, takes)}\n`);
    }
  }
}

function describeChoices(pairs, takesSparse) {
  const losses = pairs.map((pair) => {
    const taken = takesSparse(pair) ? pair.sparse : pair.dense;
    return taken / Math.min(pair.dense, pair.sparse) - 1;
  });
  const right = losses.filter((each) => each <= NEAR).length;
  const share = ((100 * right) / pairs.length).toFixed(0);
  return `the faster form, or one within ${100 * NEAR}% of it, in ${right} of ${pairs.length} cases (${share}%), at worst ${(100 * Math.max(...losses)).toFixed(0)}% slower`;
}

await runScript(main);
