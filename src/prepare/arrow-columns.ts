import { type Data, Field, FixedSizeList, Float32, makeData, Schema, Uint8, Uint32 } from 'apache-arrow';
import { NUM_DENSE, NUM_TABLES } from '../manifest/manifest.ts';

const DENSE_TYPE = new FixedSizeList(NUM_DENSE, new Field('item', new Float32(), false));
const SPARSE_TYPE = new FixedSizeList(NUM_TABLES, new Field('item', new Uint32(), false));

/** Columns of a shard. */
export type ShardTypes = { label: Uint8; dense: FixedSizeList<Float32>; sparse: FixedSizeList<Uint32> };

/** The columns of a shard; none may be null. */
export const SHARD_SCHEMA = new Schema<ShardTypes>([
  new Field('label', new Uint8(), false),
  new Field('dense', DENSE_TYPE, false),
  new Field('sparse', SPARSE_TYPE, false),
]);

/** Wraps rows as the columns of a shard, without a copy. Arrays may be longer than `rows` needs. */
export function shardColumns(
  rows: number,
  label: Uint8Array,
  dense: Float32Array,
  sparse: Uint32Array,
): { [K in keyof ShardTypes]: Data<ShardTypes[K]> } {
  const floats = makeData({ type: new Float32(), length: rows * NUM_DENSE, nullCount: 0, data: dense });
  const ids = makeData({ type: new Uint32(), length: rows * NUM_TABLES, nullCount: 0, data: sparse });
  return {
    label: makeData({ type: new Uint8(), length: rows, nullCount: 0, data: label }),
    dense: makeData({ type: DENSE_TYPE, length: rows, nullCount: 0, child: floats }),
    sparse: makeData({ type: SPARSE_TYPE, length: rows, nullCount: 0, child: ids }),
  };
}

type VocabularyTypes = { column: Uint8; id: Uint32; value: Uint32 };

/** The dictionary of `ids: vocab`: table t (from 0) numbers the 32-bit `value` as `id`. */
export const VOCABULARY_SCHEMA = new Schema<VocabularyTypes>([
  new Field('column', new Uint8(), false),
  new Field('id', new Uint32(), false),
  new Field('value', new Uint32(), false),
]);

/** Wraps entries as the columns of a dictionary, without a copy. */
export function vocabularyColumns(
  rows: number,
  column: Uint8Array,
  id: Uint32Array,
  value: Uint32Array,
): { [K in keyof VocabularyTypes]: Data<VocabularyTypes[K]> } {
  return {
    column: makeData({ type: new Uint8(), length: rows, nullCount: 0, data: column }),
    id: makeData({ type: new Uint32(), length: rows, nullCount: 0, data: id }),
    value: makeData({ type: new Uint32(), length: rows, nullCount: 0, data: value }),
  };
}
