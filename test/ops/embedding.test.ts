import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { EngineOptions, NativeBatch, Trace } from '../../src/addon/addon-types.ts';
import type { EmbeddingAttributes } from '../../src/graph/graph-spec.ts';
import { dot, largestDifference, sameBits } from '../helpers/float-error.ts';
import {
  availableIsas,
  embeddingAttributes,
  embeddingGraph,
  given,
  NUM_DENSE,
  readTensor,
  traceGraph,
  withEngine,
} from '../helpers/op-graphs.ts';
import { SeededRandom, testSeed } from '../helpers/seeded-random.ts';

const test = suite('embedding');
const seed = testSeed(30);
const TABLES = [1, 5, 1000, 3, 17];

const SHAPES: readonly Partial<EmbeddingAttributes>[] = [
  { kind: 'robe', dim: 128, chunkSize: 32, memorySize: 5000 },
  { kind: 'robe', dim: 128, chunkSize: 32, memorySize: 3200, aligned: true },
  { kind: 'robe', dim: 16, chunkSize: 16, memorySize: 16 },
  { kind: 'robe', dim: 20, chunkSize: 8, memorySize: 77 },
  { kind: 'robe', dim: 20, chunkSize: 18, memorySize: 70_001, hash: 'apd10' },
  { kind: 'robe', dim: 3, chunkSize: 2, memorySize: 2 },
  { kind: 'robe', dim: 16, chunkSize: 32, memorySize: 33 },
  { kind: 'hash', dim: 20, memorySize: 400 },
  { kind: 'hashednet', dim: 33, memorySize: 1013 },
  { kind: 'hashednet', dim: 1, memorySize: 1 },
  { kind: 'full', dim: 16 },
  { kind: 'full', dim: 3 },
];
const describeShape = ({ kind, dim, chunkSize, memorySize, aligned }: EmbeddingAttributes): string =>
  `${kind} D=${dim} Z=${chunkSize} |M|=${memorySize}${aligned ? ' aligned' : ''}`;

function makeBatch(random: SeededRandom, rows: number): NativeBatch {
  return {
    labels: new Uint8Array(rows),
    dense: new Float32Array(rows * NUM_DENSE),
    sparse: random.ids(rows, TABLES),
  };
}

/** All tables' or the one shared array's gradient, joined in the order of M. */
function memoryGradient(trace: Trace, attributes: EmbeddingAttributes): Float32Array {
  const parts = Object.entries(trace.parameterGradients)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([, gradient]) => [...gradient]);
  const joined = Float32Array.from(parts.flat());
  assert.is(joined.length, attributes.memorySize);
  return joined;
}

/** M, then [rows, T * D] with the place in M of each float that a lookup reads. */
function memoryAndAddresses(attributes: EmbeddingAttributes, batch: NativeBatch) {
  const graph = embeddingGraph(TABLES.length, attributes);
  const options: Partial<EngineOptions> = { batchSize: batch.labels.length, isa: 'reference' };
  return withEngine(graph, options, async (engine) => {
    const memory: number[] = [];
    for (const { name, size } of engine.parameters()) {
      const first = memory.length;
      memory.push(...(await readTensor(engine, name)));
      await engine.write(
        name,
        0,
        Float32Array.from({ length: size }, (_, i) => first + i),
      );
    }
    const floats = batch.labels.length * TABLES.length * attributes.dim;
    const { values } = await engine.trace(batch, new Float32Array(floats));
    return { memory: Float32Array.from(memory), addresses: given(values['slots']) };
  });
}

for (const shape of SHAPES) {
  const attributes = embeddingAttributes({ ...shape, tableSizes: TABLES });
  const graph = embeddingGraph(TABLES.length, attributes);

  test(`lookup and gradient match their definitions: ${describeShape(attributes)}`, async () => {
    const random = new SeededRandom(seed);
    for (const rows of [1, 3, 33]) {
      const batch = makeBatch(random, rows);
      const dslots = random.floats(rows * TABLES.length * attributes.dim);
      const { memory, addresses } = await memoryAndAddresses(attributes, batch);
      const expected = Float32Array.from(addresses, (address) => memory[address] as number);
      const dmemory = new Float64Array(attributes.memorySize);
      const magnitude = new Float64Array(attributes.memorySize);
      addresses.forEach((address, i) => {
        dmemory[address] = (dmemory[address] as number) + (dslots[i] as number);
        magnitude[address] = (magnitude[address] as number) + 1;
      });
      for (const isa of availableIsas()) {
        const trace = await traceGraph(graph, { isa }, batch, dslots);
        assert.ok(sameBits(given(trace.values['slots']), expected), `${isa}, B=${rows}`);
        // n values below 1 are summed with n - 1 roundings of partial sums below n.
        const terms = Math.max(...magnitude);
        const error = largestDifference(memoryGradient(trace, attributes), dmemory);
        assert.ok(error <= terms * terms * 2 ** -24, `${isa}, B=${rows}: ${error}`);
      }
    }
  });
}

test('the gradient of M agrees with differences of the output', async () => {
  const random = new SeededRandom(seed + 1);
  const attributes = embeddingAttributes({ dim: 20, chunkSize: 8, memorySize: 77, tableSizes: TABLES });
  const batch = makeBatch(random, 5);
  const cotangent = random.floats(5 * TABLES.length * attributes.dim);
  await withEngine(embeddingGraph(TABLES.length, attributes), { batchSize: 5 }, async (engine) => {
    const name = given(engine.parameters()[0]).name;
    const memory = await readTensor(engine, name);
    const gradient = given((await engine.trace(batch, cotangent)).parameterGradients[name]);
    const direction = random.floats(memory.length);
    const outputs: number[] = [];
    // The lookup is linear in M, so a step of any size shows the slope; 1/8 keeps the roundings small.
    for (const step of [0.125, -0.125]) {
      await engine.write(
        name,
        0,
        memory.map((value, i) => value + step * (direction[i] as number)),
      );
      const { values } = await engine.trace(batch, cotangent);
      outputs.push(dot(given(values['slots']), cotangent));
    }
    const slope = ((outputs[0] as number) - (outputs[1] as number)) / 0.25;
    assert.ok(Math.abs(slope - dot(gradient, direction)) < 1e-4, `${slope} ${dot(gradient, direction)}`);
  });
});

test.run();
