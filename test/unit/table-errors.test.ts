import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MacroMeter } from '../../src/theory/macro-error.ts';
import { ImportanceBins, MicroMeter } from '../../src/theory/micro-error.ts';
import { quantiles } from '../../src/theory/quantiles.ts';
import { measureTable } from '../../src/theory/table-facts.ts';
import { dot } from '../helpers/float-error.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';
import { memoryTable, multiply } from '../helpers/tables.ts';

const test = suite('table errors');
const seed = testSeed(50);

const ROWS = 60;
const DIM = 5;

/** A table whose rows fade, and something near it. */
function tables(noise: number) {
  const random = new SeededRandom(seed);
  const exact = random.floats(ROWS * DIM).map((value, i) => value / (1 + Math.floor(i / DIM)));
  const recovered = exact.map((value) => value + noise * (random.floats(1)[0] as number));
  return { random, exact, recovered };
}

function transposed(values: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c] as number;
  }
  return out;
}

const length = (v: ArrayLike<number>) => Math.sqrt(dot(v, v));
const norm = (values: Float32Array, row: number) => length(values.subarray(row * DIM, (row + 1) * DIM));

test('singular values agree with what they mean: the longest Ex over unit x', async () => {
  const { exact, random } = tables(0);
  const facts = await measureTable(memoryTable(exact, DIM), 7);
  const images = Array.from({ length: 3000 }, () => {
    const x = random.floats(DIM);
    return length(multiply(exact, x, ROWS, DIM, 1)) / length(x);
  });
  assert.ok(Math.max(...images) <= facts.sigma * (1 + 1e-9));
  assert.ok(Math.max(...images) >= facts.sigma * 0.97);
  const first = multiply(exact, facts.directions.getColumn(0), ROWS, DIM, 1);
  assert.ok(Math.abs(length(first) - facts.sigma) < 1e-6 * facts.sigma);
  assert.ok(Math.abs(facts.frobeniusNorm - length(exact)) < 1e-9 * facts.frobeniusNorm);
  assert.is(facts.singularValues.length, DIM);
});

test('macro errors are those of the definition, and none over all x and y is larger than the worst', async () => {
  const { random, exact, recovered } = tables(0.05);
  const facts = await measureTable(memoryTable(exact, DIM), 100);
  const cross = multiply(transposed(recovered, ROWS, DIM), exact, DIM, ROWS, DIM);
  const { worst, random: drawn, structured } = new MacroMeter(facts, seed).measure(cross);
  const errorOf = (x: ArrayLike<number>, y: ArrayLike<number>) => {
    const [ex, ey] = [x, y].map((v) => multiply(exact, v, ROWS, DIM, 1)) as [Float64Array, Float64Array];
    const approximate = dot(multiply(recovered, x, ROWS, DIM, 1), ey);
    return Math.abs(approximate - dot(ex, ey)) / (length(ex) * length(ey));
  };
  const errors = Array.from({ length: 3000 }, () => errorOf(random.floats(DIM), random.floats(DIM)));
  assert.ok(Math.max(...errors, drawn.max, structured.max) <= worst * (1 + 1e-9));
  // Some Ex and Ey uniform on the sphere come near it.
  const whitened = () => {
    const u = random.floats(DIM).map((value, i) => value / (facts.singularValues[i] as number));
    return multiply(facts.directions.to1DArray(), u, DIM, DIM, 1);
  };
  const found = Math.max(...Array.from({ length: 3000 }, () => errorOf(whitened(), whitened())));
  assert.ok(found <= worst * (1 + 1e-9) && found >= 0.7 * worst, `${found} ${worst}`);
  const median = quantiles(Float64Array.from(errors)).p50;
  // Medians of 1000 and of 3000 draws of nearly the same distribution.
  assert.ok(Math.abs(drawn.p50 - median) < 0.2 * median, `${drawn.p50} ${median}`);
  const axis = (at: number) => Array.from({ length: DIM }, (_, i) => (i === at ? 1 : 0));
  const axes = [0, 1, 2, 3, 4].flatMap((a) => [0, 1, 2, 3, 4].map((b) => errorOf(axis(a), axis(b))));
  assert.ok(
    structured.max >= Math.max(...axes.filter((_, i) => i % DIM <= Math.floor(i / DIM))) * (1 - 1e-9),
  );
});

test('the exact table has no error, and columns that depend on each other do no harm', async () => {
  const { exact } = tables(0);
  const dependent = exact.map((value, i) => (i % DIM === 4 ? (exact[i - 1] as number) * 2 : value));
  const facts = await measureTable(memoryTable(dependent, DIM), 100);
  assert.is(facts.singularValues.length, DIM - 1);
  const cross = multiply(transposed(dependent, ROWS, DIM), dependent, DIM, ROWS, DIM);
  const { worst, random, structured } = new MacroMeter(facts, seed).measure(cross);
  for (const error of [worst, random.max, structured.max]) assert.ok(error < 1e-9, `${error}`);
});

test('micro errors are those of the definition, by importance', async () => {
  const { random, exact, recovered } = tables(0.05);
  exact.fill(0, 3 * DIM, 4 * DIM);
  const facts = await measureTable(memoryTable(exact, DIM), 100);
  const bins = new ImportanceBins(facts);
  const meter = new MicroMeter(facts, bins, seed);
  for await (const block of memoryTable(exact, DIM).blocks(7)) {
    meter.add(block, recovered.slice(block.first * DIM, (block.first + block.count) * DIM));
  }
  const measured = meter.measure();
  assert.is(
    measured.reduce((sum, { rows }) => sum + rows, 0),
    ROWS - 1,
  );
  for (const { rhoAbove, rhoUpTo, rows, worst, random: drawn, pairs, pairLimit } of measured) {
    const members = Array.from({ length: ROWS }, (_, i) => i).filter((i) => {
      const rho = norm(exact, i) / facts.sigma;
      return rho > rhoAbove && rho <= rhoUpTo;
    });
    assert.is(members.length, rows);
    const worstOf = members.map((i) => {
      const difference = Float64Array.from(
        { length: DIM },
        (_, a) => (recovered[i * DIM + a] as number) - (exact[i * DIM + a] as number),
      );
      for (let draw = 0; draw < 20; draw++) {
        const x = random.floats(DIM);
        const error = Math.abs(dot(difference, x)) / (norm(exact, i) * length(x));
        assert.ok(error <= length(difference) / norm(exact, i) + 1e-12);
      }
      return length(difference) / norm(exact, i);
    });
    assert.ok(Math.abs(worst.max - Math.max(...worstOf)) < 1e-9 * worst.max);
    assert.ok(drawn.max <= worst.max);
    const pairErrors = members.flatMap((i, at) =>
      members.slice(0, at + 1).map((j) => {
        const row = (values: Float32Array, r: number) => values.subarray(r * DIM, (r + 1) * DIM);
        const error = dot(row(recovered, i), row(recovered, j)) - dot(row(exact, i), row(exact, j));
        return Math.abs(error) / (norm(exact, i) * norm(exact, j));
      }),
    );
    assert.ok(Math.abs(pairs.max - Math.max(...pairErrors)) < 1e-9 * pairs.max);
    // Theorem 4.
    assert.ok(pairs.max <= pairLimit && Math.abs(pairLimit - worst.max ** 2 - 2 * worst.max) < 1e-12);
  }
});

test('a table of zeros and a value that is no number are refused with their place', async () => {
  const messageOf = async (values: Float32Array) => {
    try {
      await measureTable(memoryTable(values, 2), 2);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  assert.match(await messageOf(new Float32Array(6)), /All values of the table are zero/);
  assert.match(
    await messageOf(Float32Array.of(1, 2, 3, 4, 5, Number.NaN)),
    /Row 2 of the table has NaN in column 1/,
  );
  assert.match(
    await messageOf(Float32Array.of(1, Number.NEGATIVE_INFINITY)),
    /Row 0 .* -Infinity in column 1/,
  );
});

test('quantiles are by nearest rank', () => {
  const errors = Float64Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(quantiles(errors), { count: 100, p50: 50, p90: 90, p99: 99, max: 100 });
  assert.equal(quantiles(Float64Array.of(3)), { count: 1, p50: 3, p90: 3, p99: 3, max: 3 });
  assert.ok(Number.isNaN(quantiles(new Float64Array(0)).p50));
});

test.run();
