import { type FileHandle, open } from 'node:fs/promises';
import {
  type AsyncRecordBatchFileReader,
  DataType,
  Message,
  Precision,
  RecordBatchReader,
  type Schema,
} from 'apache-arrow';
import { fileProblem, PssError } from '../errors.ts';
import './bounded-flatbuffers.ts';
import type { Rows } from './rows.ts';

/** What the manifest says about a part. */
export interface ExpectedPart {
  readonly path: string;
  readonly rows: number;
  readonly sizeBytes: number;
  readonly recordBatchRows: number;
}

/** One part file, open for reading record batches in any order. Reads of one part are done one at a time. */
export class Part {
  readonly numDense: number;
  readonly numTables: number;
  readonly #expected: ExpectedPart;
  readonly #reader: AsyncRecordBatchFileReader;
  readonly #handle: FileHandle;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(expected: ExpectedPart, handle: FileHandle, reader: AsyncRecordBatchFileReader) {
    this.#expected = expected;
    this.#handle = handle;
    this.#reader = reader;
    const widths = checkSchema(reader.schema, expected.path);
    this.numDense = widths.numDense;
    this.numTables = widths.numTables;
    const batches = Math.ceil(expected.rows / expected.recordBatchRows);
    if (reader.numRecordBatches !== batches) {
      throw damaged(expected.path, `has ${reader.numRecordBatches} record batches instead of ${batches}`);
    }
  }

  /** @throws PssError ERR_SHARD when the file is missing, of another size than the manifest says, or not such a part */
  static async open(expected: ExpectedPart): Promise<Part> {
    const handle = await open(expected.path).catch((cause: NodeJS.ErrnoException) => {
      throw damaged(expected.path, `can't be opened (${fileProblem(cause)})`, cause);
    });
    try {
      const { size } = await handle.stat();
      if (size !== expected.sizeBytes) {
        throw damaged(expected.path, `has ${size} bytes instead of the manifest's ${expected.sizeBytes}`);
      }
      await checkFooter(handle, size, expected.path);
      const reader = await RecordBatchReader.from(strictReads(handle, expected.path));
      if (!reader.isFile() || !reader.isAsync()) {
        throw damaged(expected.path, "isn't in the Arrow file format");
      }
      await reader.open({ autoDestroy: false });
      return new Part(expected, handle, reader);
    } catch (cause) {
      await handle.close();
      throw cause instanceof PssError
        ? cause
        : damaged(expected.path, `can't be read as Arrow (${(cause as Error).message})`, cause);
    }
  }

  /**
   * Reads record batch `index` of this part, its columns straight into `out`, which has room for its rows exactly.
   * @throws PssError ERR_SHARD when it is damaged; `out` may have been overwritten
   */
  readBatch(index: number, out: Rows): Promise<void> {
    const read = this.#queue.then(() => this.#read(index, out));
    this.#queue = read.catch(() => {});
    return read;
  }

  async close(): Promise<void> {
    await this.#queue;
    await this.#handle.close();
  }

  async #read(index: number, out: Rows): Promise<void> {
    const { path, rows, recordBatchRows } = this.#expected;
    const expectedRows = Math.min(recordBatchRows, rows - index * recordBatchRows);
    try {
      const { header, bodyStart, bodyLength } = await this.#readMetadata(index);
      if (header.length !== expectedRows) {
        throw damaged(path, `has ${header.length} rows in record batch ${index} instead of ${expectedRows}`);
      }
      if (header.nodes.some(({ nullCount }) => nullCount > 0)) throw damaged(path, 'has nulls');
      if (header.compression) throw damaged(path, 'is compressed');
      // All columns are checked before any is read: a read under way when another column is refused would fail unheard.
      const columns = [out.labels, out.dense, out.sparse].map((column, i) => {
        const region = header.buffers[COLUMN_BUFFERS[i] as number];
        const into = new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
        const whole = region && region.offset >= 0 && region.length >= into.length;
        if (!whole || region.offset + into.length > bodyLength) {
          throw damaged(path, `has ${region?.length ?? 0} bytes in a column where ${into.length} are needed`);
        }
        return { into, position: bodyStart + region.offset };
      });
      await Promise.all(columns.map(({ into, position }) => readFully(this.#handle, into, position, path)));
    } catch (cause) {
      if (cause instanceof PssError) throw cause;
      throw damaged(path, `can't be read at record batch ${index} (${(cause as Error).message})`, cause);
    }
    checkLabels(out.labels, path, index * recordBatchRows);
  }

  /** What stands before a record batch's columns: where they lie. */
  async #readMetadata(index: number) {
    const { path, sizeBytes } = this.#expected;
    const block = this.#reader.footer?.getRecordBatch(index);
    if (!block) throw damaged(path, `has no record batch ${index}`);
    const { offset, metaDataLength } = block;
    if (offset < 0 || metaDataLength < MESSAGE_PREFIX || offset + metaDataLength > sizeBytes) {
      throw damaged(path, `has no metadata where that of record batch ${index} should be`);
    }
    const bytes = Buffer.alloc(metaDataLength);
    await readFully(this.#handle, bytes, offset, path);
    const length = bytes.readInt32LE(CONTINUATION.length);
    if (
      !bytes.subarray(0, CONTINUATION.length).equals(CONTINUATION) ||
      length < 0 ||
      MESSAGE_PREFIX + length > metaDataLength
    ) {
      throw damaged(path, `has no metadata where that of record batch ${index} should be`);
    }
    const message = Message.decode(bytes.subarray(MESSAGE_PREFIX, MESSAGE_PREFIX + length));
    if (!message.isRecordBatch()) throw damaged(path, `has no record batch ${index}`);
    return {
      header: message.header(),
      bodyStart: offset + MESSAGE_PREFIX + length,
      bodyLength: message.bodyLength,
    };
  }
}

/** A message begins with four bytes of ones and the length of its metadata. */
const CONTINUATION = Buffer.alloc(4, 0xff);
const MESSAGE_PREFIX = 8;

/**
 * Which of a record batch's buffers hold labels, dense and sparse values: every column, and every list's items, have one for nulls and
 * then, unless they are lists, one for values.
 */
const COLUMN_BUFFERS = [1, 4, 7];

/** Fills `into` from byte `position` of the file on. */
async function readFully(
  handle: FileHandle,
  into: Uint8Array,
  position: number,
  path: string,
): Promise<void> {
  for (let filled = 0; filled < into.length; ) {
    const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) throw damaged(path, `ends at byte ${position + filled}, before its data does`);
    filled += bytesRead;
  }
}

/** Bytes before the first message: the format's magic and padding. And after the footer: its length and the magic. */
const [BEFORE_MESSAGES, AFTER_FOOTER] = [8, 10];

/** The end of the file says how long its footer is, which Arrow's reader believes and allocates. */
async function checkFooter(handle: FileHandle, size: number, path: string): Promise<void> {
  const end = Buffer.alloc(AFTER_FOOTER);
  const room = size - BEFORE_MESSAGES - AFTER_FOOTER;
  if (room > 0) await handle.read(end, 0, AFTER_FOOTER, size - AFTER_FOOTER);
  const length = end.readInt32LE(0);
  if (end.toString('latin1', 4) !== 'ARROW1' || length <= 0 || length > room) {
    throw damaged(path, "isn't a whole Arrow file");
  }
}

/** A file handle whose reads fail at the end of the file; Arrow's reader would ask again for ever. */
function strictReads(handle: FileHandle, path: string): FileHandle {
  const strict = {
    fd: handle.fd,
    stat: () => handle.stat(),
    close: () => Promise.resolve(),
    read: async (buffer: Uint8Array, offset: number, length: number, position: number) => {
      const result = await handle.read(buffer, offset, length, position);
      if (result.bytesRead === 0 && length > 0) {
        throw damaged(path, `ends at byte ${position}, before its data does`);
      }
      return result;
    },
  };
  return strict as unknown as FileHandle;
}

function checkSchema(schema: Schema, path: string): { numDense: number; numTables: number } {
  const [label, dense, sparse] = schema.fields;
  const names = schema.fields.map((field) => field.name).join(', ');
  if (names !== 'label, dense, sparse' || !label || !dense || !sparse) {
    throw damaged(path, `has columns ${names || '(none)'} instead of label, dense, sparse`);
  }
  const denseItem = DataType.isFixedSizeList(dense.type) ? dense.type.children[0]?.type : undefined;
  const sparseItem = DataType.isFixedSizeList(sparse.type) ? sparse.type.children[0]?.type : undefined;
  const isFloat32 = DataType.isFloat(denseItem) && denseItem.precision === Precision.SINGLE;
  if (!isUint(label.type, 8)) throw damaged(path, `has label: ${label.type} instead of uint8`);
  if (!isFloat32) throw damaged(path, `has dense: ${dense.type} instead of a fixed-size list of float32`);
  if (!isUint(sparseItem, 32)) {
    throw damaged(path, `has sparse: ${sparse.type} instead of a fixed-size list of uint32`);
  }
  const [numDense, numTables] = [dense.type.listSize as number, sparse.type.listSize as number];
  if (numDense < 1 || numTables < 1) {
    throw damaged(path, `has lists of ${numDense} dense and ${numTables} sparse values`);
  }
  return { numDense, numTables };
}

function isUint(type: DataType | undefined, bits: number): boolean {
  return DataType.isInt(type) && !type.isSigned && type.bitWidth === bits;
}

function checkLabels(labels: Uint8Array, path: string, firstRow: number): void {
  for (let i = 0; i < labels.length; i++) {
    if ((labels[i] as number) > 1) {
      throw damaged(path, `has label ${labels[i]} in row ${firstRow + i}, where only 0 and 1 can be`);
    }
  }
}

function damaged(path: string, what: string, cause?: unknown): PssError {
  return new PssError('ERR_SHARD', `${path} ${what}; prepare the data again.`, { cause });
}
