import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAddon } from '../../src/addon/load.ts';
import { fillNormal } from '../../src/random/normal.ts';
import { mostImportant } from '../../src/theory/micro-error.ts';
import { type SketchResult, sketchTable } from '../../src/theory/sketch.ts';
import { given } from '../helpers/op-graphs.ts';
import { testSeed } from '../helpers/seeded-random.ts';
import { memoryTable } from '../helpers/tables.ts';

const test = suite('theorems');
const seed = testSeed(90);

const ROWS = 2000;
const DIM = 8;
/** Two decades of k. */
const ROWS_OF_MEMORY = [16, 48, 160, 480, 1600];
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

/** Normal values whose rows fade as 1/√i, so that some rows are important. */
function fadedTable() {
  const normals = new Float64Array(ROWS * DIM);
  fillNormal(normals, seed, 1000);
  return memoryTable(
    Float32Array.from(normals, (value, i) => value / Math.sqrt(Math.floor(i / DIM) + 1)),
    DIM,
  );
}

/** results[s][i]: seed s, memory size i. */
async function sketches(method: string): Promise<(readonly SketchResult[])[]> {
  const all: (readonly SketchResult[])[] = [];
  for (const each of SEEDS) {
    const { results } = await sketchTable(loadAddon(), {
      table: fadedTable(),
      methods: [method],
      memorySizes: ROWS_OF_MEMORY.map((k) => k * DIM),
      seed: seed + each,
      delta: 0.01,
      threads: 2,
    });
    all.push(results);
  }
  return all;
}

/** Exponent p of the power law error ~ k^p that fits best, errors being geometric means over seeds. */
function slopeOf(
  results: readonly (readonly SketchResult[])[],
  errorOf: (result: SketchResult) => number,
): number {
  const x = ROWS_OF_MEMORY.map(Math.log);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
  const y = x.map((_, i) => mean(results.map((of) => Math.log(errorOf(given(of[i]))))));
  const [mx, my] = [mean(x), mean(y)];
  const sum = (of: (dx: number, dy: number) => number) =>
    x.reduce((total, each, i) => total + of(each - mx, given(y[i]) - my), 0);
  return sum((dx, dy) => dx * dy) / sum((dx) => dx * dx);
}

// A point's logarithm varies by some 0.3 from seed to seed, which leaves 0.03 in the slope over eight seeds.
const NEAR = 0.1;

for (const method of ['gaussian', 'achlioptas', 'sparse']) {
  test(`${method}: macro errors, and micro errors of important rows, fall as k^(-1/2) within the bounds`, async () => {
    const results = await sketches(method);
    const slopes = [
      slopeOf(results, ({ macro }) => macro.worst),
      slopeOf(results, ({ macro }) => macro.random.p90),
      slopeOf(results, ({ micro }) => given(micro[mostImportant(micro)]).worst.p50),
    ];
    for (const slope of slopes) assert.ok(Math.abs(slope + 0.5) < NEAR, slopes.join(' '));
    for (const { macro, micro, bounds } of results.flat()) {
      assert.ok(bounds.macro === null || macro.worst <= bounds.macro);
      // The sharp bounds are proved for a Gaussian S alone.
      if (method !== 'gaussian') continue;
      assert.ok(macro.worst <= bounds.macroGaussian, `${macro.worst} ${bounds.macroGaussian}`);
      for (const [b, bin] of micro.entries()) {
        assert.ok(bin.worst.max <= (bounds.microGaussian[b] ?? Number.POSITIVE_INFINITY));
      }
    }
  });
}

test.run();
