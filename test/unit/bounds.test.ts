import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  gaussianMacroEpsilon,
  gaussianMacroRows,
  gaussianMicroEpsilon,
  gaussianMicroRows,
  jltEpsilon,
  jltRows,
  lnNetAndRows,
  macroEpsilon,
  macroRows,
  microEpsilon,
  microRows,
  mostImportantRows,
  pairEpsilon,
} from '../../src/theory/bounds.ts';
import { requiredSizes } from '../../src/theory/required-size.ts';
import { runPss } from '../helpers/run-pss.ts';

const test = suite('bounds');

const near = (a: number, b: number, relative = 1e-9) =>
  assert.ok(Math.abs(a - b) <= relative * b, `${a} ${b}`);

test('sizes follow the formulas, worked out by hand', () => {
  // ln 9 = 2.1972245773362196, ln 200 = 5.298317366548036.
  const e = 0.1 / 4;
  const exponent = 2 * 16 * 2.1972245773362196 + 5.298317366548036;
  assert.is(macroRows(16, 0.1, 0.01), Math.ceil(exponent / (e ** 2 / 4 - e ** 3 / 6)));
  near(lnNetAndRows(2, 1e6), Math.log(81 + 1e6));
  near(lnNetAndRows(128, 4e7), 128 * 2.1972245773362196);
  assert.is(microRows(1e6, 2, 0.5, 0.01, 0.1), jltRows(0.025, Math.log(81 + 1e6), 0.01));
  const s = Math.sqrt(1.1) - 1;
  assert.is(gaussianMacroRows(16, 0.1, 0.01), Math.ceil(((4 + Math.sqrt(2 * 5.298317366548036)) / s) ** 2));
  assert.is(gaussianMicroRows(1e6, 15, 0.5, 0.01, 0.2), gaussianMacroRows(16, 0.1, 1e-8));
  near(pairEpsilon(0.1), 0.21);
  assert.is(mostImportantRows(16, 0.5), 64);
});

test('an error read off a size is the one the size was made for', () => {
  for (const epsilon of [0.9, 0.3, 0.01]) {
    for (const [dim, delta] of [
      [1, 0.5],
      [16, 0.01],
      [128, 1e-6],
    ] as const) {
      // Rounded up to whole rows, a size promises a little more than asked.
      const within = (found: number | undefined) => {
        assert.ok(found !== undefined && found <= epsilon * (1 + 1e-9) && found > epsilon * 0.97, `${found}`);
      };
      within(macroEpsilon(macroRows(dim, epsilon, delta), dim, delta));
      within(microEpsilon(microRows(1e5, dim, epsilon, delta, 0.2), 1e5, dim, delta, 0.2));
      within(gaussianMacroEpsilon(gaussianMacroRows(dim, epsilon, delta), dim, delta));
      within(gaussianMicroEpsilon(gaussianMicroRows(1e5, dim, epsilon, delta, 0.2), 1e5, dim, delta, 0.2));
    }
  }
});

test('a size too small for any error up to 1 promises nothing', () => {
  assert.is(jltEpsilon(10, Math.log(1000), 0.01), undefined);
  const least = jltRows(1, Math.log(1000), 0.01);
  near(jltEpsilon(least, Math.log(1000), 0.01) as number, 1, 0.1);
});

test('sizes of every construction, in floats and bytes, with what they compress to', () => {
  const { sizes, pairEpsilon: pairs } = requiredSizes({
    rows: 1e9,
    dim: 16,
    epsilon: 0.5,
    delta: 0.01,
    rho: 0.25,
  });
  assert.equal(
    sizes.map(({ theorem, construction }) => `${theorem} ${construction}`),
    [6, 7].flatMap((t) => [`${t} gaussian`, `${t} gaussian`, `${t} achlioptas`, `${t} sparse`]),
  );
  for (const { memoryRows, nonZeros, memorySize, memoryBytes, compression } of sizes) {
    assert.is(memorySize, memoryRows * 16);
    assert.is(memoryBytes, memorySize * 4);
    near(compression, 1e9 / memoryRows);
    assert.ok(nonZeros >= 1 && nonZeros <= memoryRows);
  }
  near(pairs, 1.25);
});

const TARGET = ['bounds', '--rows', '40000000', '--dim', '128', '--epsilon', '0.1', '--delta', '0.01'];

test('the command prints a table, and the same as one JSON object', () => {
  const { code, stdout } = runPss([...TARGET, '--rho', '0.05']);
  assert.is(code, 0);
  assert.match(stdout, /^6 +gaussian +net6 +3695433 +3695433 +473015424 +1\.89 GB +10\.8x$/m);
  assert.match(stdout, /^7 +gaussian .* none: larger than the table$/m);
  assert.match(stdout, /^At most 51199 of 40000000 rows can have an importance above 0\.05\.$/m);
  const json = JSON.parse(runPss([...TARGET, '--json']).stdout);
  assert.is(json.sizes.length, 4);
  assert.is(json.sizes[0].memoryRows, 3695433);
  assert.ok(json.derivations[json.sizes[0].derivation].formula.startsWith('k = '));
});

test('nonsense is answered with what is possible', () => {
  const cases: [args: string[], says: RegExp][] = [
    [['--epsilon', '0'], /^pss: --epsilon is 0; it must be above 0 and at most 1\.\n$/],
    [['--delta', '1'], /--delta is 1; it must be a probability above 0 and below 1\./],
    [['--rho', '2'], /--rho is 2; it must be above 0 and at most 1, since no row is longer/],
    [['--rows', '0'], /argument '0' is invalid. It must be a whole number of at least 1\./],
    [['--delta', 'many'], /It must be a number\./],
  ];
  for (const [args, says] of cases) {
    const { code, stdout, stderr } = runPss([...TARGET, ...args]);
    assert.is(code, 2, args.join(' '));
    assert.is(stdout, '');
    assert.match(stderr, says);
  }
  const { code, stderr } = runPss(['bounds', '--rows', '10']);
  assert.is(code, 2);
  assert.match(stderr, /required option '--dim <d>' not specified/);
});

test.run();
