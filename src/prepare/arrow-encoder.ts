import {
  AsyncByteQueue,
  type Data,
  Field,
  FixedSizeList,
  Float32,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  type TypeMap,
  Uint8,
  Uint32,
} from 'apache-arrow';
import { NUM_DENSE, NUM_TABLES } from '../manifest/manifest.ts';

/** Holds what the Arrow writer puts out until it is taken. Nothing is copied. */
class ChunkSink extends AsyncByteQueue {
  #chunks: Uint8Array[] = [];

  override write(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
  }

  take(): Uint8Array[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks;
  }
}

/** Record batches to the bytes of one Arrow IPC file, uncompressed. */
export class ArrowEncoder<T extends TypeMap> {
  readonly #schema: Schema<T>;
  readonly #writer = new RecordBatchFileWriter<T>();
  readonly #sink = new ChunkSink();

  constructor(schema: Schema<T>) {
    this.#schema = schema;
    this.#writer.reset(this.#sink, schema);
  }

  /** The bytes of one more record batch; they alias its columns. */
  encode(columns: { [K in keyof T]: Data<T[K]> }, rows: number): Uint8Array[] {
    const children = this.#schema.fields.map((field) => columns[field.name as keyof T]);
    const data = makeData({ type: new Struct<T>(this.#schema.fields), length: rows, nullCount: 0, children });
    this.#writer.write(new RecordBatch(this.#schema, data));
    return this.#sink.take();
  }

  /** The bytes that end the file. */
  finish(): Uint8Array[] {
    this.#writer.finish();
    return this.#sink.take();
  }
}

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
