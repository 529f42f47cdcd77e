import {
  AsyncByteQueue,
  type Data,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  type Schema,
  Struct,
  type TypeMap,
} from 'apache-arrow';

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

  /**
   * Goes on with a file that has `batches` record batches of `rows` rows already: what ends the file lists where each of them lies, which
   * depends on their lengths alone.
   * @param columns any values of that length
   * @returns the bytes of the file so far
   */
  skip(batches: number, columns: { [K in keyof T]: Data<T[K]> }, rows: number): number {
    let sizeBytes = 0;
    for (let batch = 0; batch < batches; batch++) {
      for (const chunk of this.encode(columns, rows)) sizeBytes += chunk.byteLength;
    }
    return sizeBytes;
  }

  /** The bytes that end the file. */
  finish(): Uint8Array[] {
    this.#writer.finish();
    return this.#sink.take();
  }
}
