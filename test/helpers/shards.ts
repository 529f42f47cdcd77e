import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Field, FixedSizeList, Float32, makeData, Schema, Uint8, Uint32 } from 'apache-arrow';
import { ArrowEncoder } from '../../src/arrow/arrow-encoder.ts';

/** Rows for a prepared folder; widths are the lengths divided by the number of labels. */
export interface ShardRows {
  readonly labels: Uint8Array;
  readonly dense: Float32Array;
  readonly sparse: Uint32Array;
}

export interface ShardOptions {
  readonly recordBatchRows?: number;
  /** Record batches of a part. */
  readonly batchesPerPart?: number;
  /** Changes to the manifest. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

/** Writes a prepared folder as `pss prepare` lays it out, with record batches as small as a test wants them. */
export function writeShards(folder: string, rows: ShardRows, options: ShardOptions = {}): void {
  const { recordBatchRows = 65_536, batchesPerPart = 16 } = options;
  const count = rows.labels.length;
  const numDense = rows.dense.length / count;
  const numTables = rows.sparse.length / count;
  const floats = new FixedSizeList(numDense, new Field('item', new Float32(), false));
  const ids = new FixedSizeList(numTables, new Field('item', new Uint32(), false));
  const schema = new Schema([
    new Field('label', new Uint8(), false),
    new Field('dense', floats, false),
    new Field('sparse', ids, false),
  ]);
  mkdirSync(folder, { recursive: true });
  const files: Record<string, unknown>[] = [];
  for (let first = 0; first < count; first += recordBatchRows * batchesPerPart) {
    const end = Math.min(count, first + recordBatchRows * batchesPerPart);
    const encoder = new ArrowEncoder(schema);
    const chunks: Uint8Array[] = [];
    for (let row = first; row < end; row += recordBatchRows) {
      const length = Math.min(recordBatchRows, end - row);
      const dense = makeData({
        type: new Float32(),
        length: length * numDense,
        nullCount: 0,
        data: rows.dense.slice(row * numDense, (row + length) * numDense),
      });
      const sparse = makeData({
        type: new Uint32(),
        length: length * numTables,
        nullCount: 0,
        data: rows.sparse.slice(row * numTables, (row + length) * numTables),
      });
      const columns = {
        label: makeData({
          type: new Uint8(),
          length,
          nullCount: 0,
          data: rows.labels.slice(row, row + length),
        }),
        dense: makeData({ type: floats, length, nullCount: 0, child: dense }),
        sparse: makeData({ type: ids, length, nullCount: 0, child: sparse }),
      };
      chunks.push(...encoder.encode(columns, length));
    }
    chunks.push(...encoder.finish());
    const bytes = Buffer.concat(chunks);
    const name = `part-${String(files.length).padStart(5, '0')}.arrow`;
    writeFileSync(join(folder, name), bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    files.push({ name, rows: end - first, sizeBytes: bytes.length, sha256 });
  }
  const manifest = {
    schemaVersion: 1,
    profile: 'dlrm',
    ids: 'raw',
    rows: count,
    clicks: rows.labels.reduce((sum, label) => sum + label, 0),
    distinct: Array.from({ length: numTables }, () => 100),
    files,
    ...options.manifest,
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest, null, 2));
}

/**
 * Rows with something to learn in them: labels drawn from a logistic model of the dense values and the ids.
 * @param shuffledLabels draw labels that have nothing to do with the rows
 */
export function syntheticRows(
  count: number,
  seed: number,
  { numDense = 13, numTables = 26, ids = 50, shuffledLabels = false } = {},
): ShardRows {
  const random = generator(seed);
  const rows = {
    labels: new Uint8Array(count),
    dense: new Float32Array(count * numDense),
    sparse: new Uint32Array(count * numTables),
  };
  for (let row = 0; row < count; row++) {
    let logit = -1;
    for (let i = 0; i < numDense; i++) {
      const value = Math.log1p(Math.floor(random() ** 3 * 50));
      rows.dense[row * numDense + i] = value;
      logit += value * (i % 2 ? 0.3 : -0.25);
    }
    for (let t = 0; t < numTables; t++) {
      const id = Math.floor(random() ** 2 * ids);
      rows.sparse[row * numTables + t] = id;
      logit += 0.4 * Math.sin(id * 12.9898 + t * 78.233);
    }
    const probability = shuffledLabels ? 0.3 : 1 / (1 + Math.exp(-logit));
    rows.labels[row] = random() < probability ? 1 : 0;
  }
  return rows;
}

/** Small seeded generator of numbers in [0, 1) (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
