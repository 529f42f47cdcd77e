import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadAddon } from '../../src/addon/load.ts';
import { GraphBuilder } from '../../src/graph/graph-builder.ts';
import { inspectMemory } from '../../src/inspect/inspect-memory.ts';
import { allIds, type KnownIds } from '../../src/inspect/known-ids.ts';
import { planEmbedding } from '../../src/models/embedding-plan.ts';
import { testConfig } from '../helpers/configs.ts';
import { given, withEngine } from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('inspect');
const seed = testSeed(80);

const SIZES = [40, 7, 90];
const DIM = 8;

function graphOf(...sets: string[]) {
  const facts = { numDense: 1, numTables: SIZES.length, ids: 'vocab', tableSizes: SIZES } as const;
  const graph = new GraphBuilder(1, SIZES.length);
  return graph.buildPart(planEmbedding(testConfig(...sets), facts).build(graph, graph.sparseInput()));
}

/** places[t][id] = the D places in M that its lookup reads, found by looking up an M that holds its own indices. */
async function placesOf(graph: ReturnType<typeof graphOf>): Promise<number[][][]> {
  const rows = Math.max(...SIZES);
  const sparse = Uint32Array.from({ length: rows * SIZES.length }, (_, i) => {
    const size = SIZES[i % SIZES.length] as number;
    return Math.min(size - 1, Math.floor(i / SIZES.length));
  });
  const batch = { labels: new Uint8Array(rows), dense: new Float32Array(rows), sparse };
  return withEngine(graph, { batchSize: rows, training: false }, async (engine) => {
    let first = 0;
    for (const { name, size } of engine.parameters()) {
      const base = first;
      await engine.write(
        name,
        0,
        Float32Array.from({ length: size }, (_, i) => base + i),
      );
      first += size;
    }
    const slots = given((await engine.trace(batch)).values['embedding']);
    return SIZES.map((size, t) =>
      Array.from({ length: size }, (_, id) => {
        const start = (id * SIZES.length + t) * DIM;
        return [...slots.subarray(start, start + DIM)];
      }),
    );
  });
}

function countedIds(): KnownIds {
  const random = new SeededRandom(seed);
  // Some ids never occur, a few occur often.
  const counts = SIZES.map((size) =>
    Uint32Array.from({ length: size }, () => random.below(4) * random.below(50)),
  );
  return { columns: counts.map((each) => ({ counts: each })), rows: 100 };
}

/** The busiest range's load a float over that of all. */
function peakOf(loads: Float64Array, ranges: number): number {
  const floats = loads.length;
  const densities = Array.from({ length: ranges }, (_, r) => {
    const [first, last] = [r, r + 1].map((at) => Math.floor((at * floats) / ranges)) as [number, number];
    return loads.slice(first, last).reduce((a, b) => a + b, 0) / (last - first);
  });
  return (Math.max(...densities) * floats) / loads.reduce((a, b) => a + b);
}

const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9, `${a} ${b}`);

for (const sets of [
  ['embedding.kind=robe', 'embedding.chunkSize=4', 'embedding.memorySize=301'],
  ['embedding.kind=robe', 'embedding.chunkSize=3', 'embedding.memorySize=1500'],
  ['embedding.kind=hash', 'embedding.chunkSize=null', 'embedding.memorySize=200'],
  ['embedding.kind=hashednet', 'embedding.chunkSize=null', 'embedding.memorySize=333'],
  ['embedding.kind=full', 'embedding.chunkSize=null', 'embedding.memorySize=null'],
]) {
  test(`counts as the definition does, float by float: ${sets.join(' ')}`, async () => {
    const graph = graphOf(...sets);
    const places = await placesOf(graph);
    const known = countedIds();
    const [report] = inspectMemory(loadAddon(), graph, known);
    const { floats, tables, load, occupancy, imbalance, collided, interference } = given(report);
    const readers = new Float64Array(floats);
    const reads = new Float64Array(floats);
    const countOf = (t: number, id: number) => given(known.columns[t]?.counts[id]);
    places.forEach((ids, t) => {
      ids.forEach((lookup, id) => {
        for (const f of lookup) {
          readers[f] = given(readers[f]) + 1;
          reads[f] = given(reads[f]) + countOf(t, id);
        }
      });
    });
    near(load, readers.reduce((a, b) => a + b) / floats);
    near(occupancy, readers.filter((count) => count > 0).length / floats);
    let [allCollided, allForeign, all] = [0, 0, 0];
    places.forEach((ids, t) => {
      let [shared, foreign, lookups] = [0, 0, 0];
      ids.forEach((lookup, id) => {
        const count = countOf(t, id);
        lookups += count;
        for (const f of lookup) {
          shared += count * (given(readers[f]) > 1 ? 1 : 0);
          foreign += count === 0 ? 0 : count * (1 - count / given(reads[f]));
        }
      });
      const table = given(tables[t]);
      assert.equal([table.column, table.ids, table.lookups], [t, SIZES[t], lookups]);
      near(table.collided, shared / lookups / DIM);
      near(table.interference, foreign / lookups / DIM);
      const read = new Set(ids.flat());
      near(table.occupancy, read.size / floats);
      const [own, weighted] = [new Float64Array(floats), new Float64Array(floats)];
      ids.forEach((lookup, id) => {
        for (const f of lookup) {
          own[f] = given(own[f]) + 1;
          weighted[f] = given(weighted[f]) + countOf(t, id);
        }
      });
      near(table.imbalance.ids, peakOf(own, imbalance.ranges));
      near(table.imbalance.lookups, peakOf(weighted, imbalance.ranges));
      allCollided += shared;
      allForeign += foreign;
      all += lookups * DIM;
    });
    near(collided, allCollided / all);
    near(interference, allForeign / all);
    near(imbalance.ids, peakOf(readers, imbalance.ranges));
    near(imbalance.lookups, peakOf(reads, imbalance.ranges));
    if (sets[0] === 'embedding.kind=full') assert.equal([occupancy, collided, interference], [1, 0, 0]);
  });
}

test('without data every id counts once, and raw ids can only be known from data', () => {
  const { columns, rows } = allIds({ numDense: 1, numTables: 2, ids: 'vocab', tableSizes: [3, 1] });
  assert.equal([columns.map(({ counts }) => [...counts]), rows], [[[1, 1, 1], [1]], 0]);
  assert.throws(() => allIds({ numDense: 1, numTables: 2, ids: 'raw' }), /name prepared folders with --data/);
});

test.run();
