/**
 * Writes data/criteo-slice.tsv: synthetic rows in the raw Criteo layout (label, I1..I13, C1..C26, tab-separated).
 *
 *     node scripts/make-slice.mjs [FILE]        `-` writes to stdout
 *
 * Tokens follow power laws, values are missing and integers negative as often as in the real thing. The label's logit adds
 * effects of single values to planted interactions: products of latent values of two columns, which no sum of single
 * effects can express. Everything is a function of SEED.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const SEED = 20_210_819;
const ROWS = 6000;
const NUM_DENSE = 13;
const TABLES = 26;

/** Columns (from 0) whose latent values are multiplied in pairs, and how strongly. */
const PAIRS = [
  [0, 1, 1],
  [4, 8, 0.9],
  [16, 19, 0.8],
];
const BIAS = -2.8;

/** Rows as text, and the click probability each label was drawn from. */
export function makeSlice() {
  const random = generator(SEED);
  const columns = Array.from({ length: TABLES }, (_, table) => makeColumn(table, random));
  const denseColumns = Array.from({ length: NUM_DENSE }, (_, feature) => makeDenseColumn(feature, random));
  const lines = [];
  const probabilities = [];
  for (let row = 0; row < ROWS; row++) {
    const integers = denseColumns.map((column) => drawInteger(column, random));
    const tokens = columns.map((column) => drawToken(column, random));
    const logit = logitOf(columns, denseColumns, integers, tokens);
    const probability = 1 / (1 + Math.exp(-logit));
    const label = random() < probability ? 1 : 0;
    const sparse = tokens.map((token, table) => (token < 0 ? '' : columns[table].names[token]));
    lines.push([label, ...integers.map((value) => value ?? ''), ...sparse].join('\t'));
    probabilities.push(probability);
  }
  return { text: `${lines.join('\n')}\n`, probabilities };
}

function makeColumn(table, random) {
  const paired = PAIRS.some(([a, b]) => a === table || b === table);
  // Interacting columns are small enough for every frequent pair to be seen often; the others have long tails.
  const size = paired ? 4 + Math.floor(random() * 5) : Math.floor(10 ** (1 + 2 * random()));
  const weights = Array.from({ length: size }, (_, rank) => 1 / (rank + 1) ** (paired ? 0.6 : 1.1));
  return {
    cumulative: cumulate(weights),
    names: Array.from({ length: size }, () => hex(random)),
    effects: Array.from({ length: size }, () => normal(random) * (paired ? 0.1 : 0.3)),
    latent: Array.from({ length: size }, (_, rank) => (rank % 2 === 0 ? 1 : -1) * (0.8 + 0.4 * random())),
    missing: paired ? 0.01 : [0, 0.02, 0.1, 0.45][table % 4],
  };
}

function makeDenseColumn(feature, random) {
  return {
    location: 0.5 + 3 * random(),
    spread: 0.8 + random(),
    effect: feature % 3 === 0 ? (random() < 0.5 ? -0.4 : 0.4) : 0,
    missing: [0, 0.05, 0.2, 0.4][feature % 4],
    // I2 of the real data is the one with negative values.
    offset: feature === 1 ? -2 : 0,
  };
}

/** An integer, or undefined where it is missing. */
function drawInteger({ location, spread, missing, offset }, random) {
  const value = Math.floor(Math.exp(location + spread * normal(random))) + offset;
  return random() < missing ? undefined : value;
}

/** Rank of a token in its column, or -1 where it is missing. */
function drawToken({ cumulative, missing }, random) {
  const at = random() * cumulative[cumulative.length - 1];
  const token = cumulative.findIndex((sum) => at < sum);
  return random() < missing ? -1 : token;
}

function logitOf(columns, denseColumns, integers, tokens) {
  let logit = BIAS;
  denseColumns.forEach(({ location, effect }, feature) => {
    const value = integers[feature];
    if (value !== undefined) logit += effect * (Math.log1p(Math.max(0, value)) - location);
  });
  columns.forEach(({ effects }, table) => {
    if (tokens[table] >= 0) logit += effects[tokens[table]];
  });
  for (const [a, b, strength] of PAIRS) {
    if (tokens[a] < 0 || tokens[b] < 0) continue;
    logit += strength * columns[a].latent[tokens[a]] * columns[b].latent[tokens[b]];
  }
  return logit;
}

function cumulate(weights) {
  let sum = 0;
  return weights.map((weight) => (sum += weight));
}

/** Uniform numbers in [0, 1): a counter through a 32-bit mixer. */
function generator(seed) {
  let counter = seed;
  return () => {
    counter = (counter + 0x9e3779b9) | 0;
    let x = counter;
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Standard normal by Box and Muller. */
function normal(random) {
  const radius = Math.sqrt(-2 * Math.log(1 - random()));
  return radius * Math.cos(2 * Math.PI * random());
}

function hex(random) {
  return Math.floor(random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const target = process.argv[2] ?? fileURLToPath(new URL('../data/criteo-slice.tsv', import.meta.url));
  const { text } = makeSlice();
  if (target === '-') process.stdout.write(text);
  else writeFileSync(target, text);
}
