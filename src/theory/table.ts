import type { FileHandle } from 'node:fs/promises';
import { openSafetensors } from '../checkpoint/safetensors.ts';
import { readHeader, type StoredTensor } from '../checkpoint/safetensors-header.ts';
import { PssError, UsageError } from '../errors.ts';
import { toFloat32 } from './float-formats.ts';

/** Consecutive rows of a table. */
export interface RowBlock {
  /** Number of the first row. */
  readonly first: number;
  readonly count: number;
  /** [count, d]; overwritten by the next block. */
  readonly values: Float32Array;
}

/** A trained embedding table E, read block by block as often as wanted. */
export interface Table {
  /** n */
  readonly rows: number;
  /** d */
  readonly dim: number;
  /** @param blockRows most rows of a block */
  blocks(blockRows: number): AsyncIterable<RowBlock>;
}

/** A two-dimensional tensor of a safetensors file. */
export class TableFile implements Table {
  readonly path: string;
  readonly tensor: string;
  readonly dtype: string;
  readonly rows: number;
  readonly dim: number;
  readonly #file: FileHandle;
  readonly #offset: number;

  private constructor(path: string, file: FileHandle, { name, dtype, shape, offset }: StoredTensor) {
    this.path = path;
    this.tensor = name;
    this.dtype = dtype;
    this.rows = shape[0] as number;
    this.dim = shape[1] as number;
    this.#file = file;
    this.#offset = offset;
  }

  /**
   * @param tensor which one; needed when the file has several that could be meant
   * @throws PssError ERR_SAFETENSORS for a file that is broken or missing, UsageError ERR_TENSOR when no table, or no single one, is named
   */
  static async open(path: string, tensor?: string): Promise<TableFile> {
    const file = await openSafetensors(path);
    try {
      const { tensors } = await readHeader(file, path);
      return new TableFile(path, file, chooseTable(path, tensors, tensor));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async *blocks(blockRows: number): AsyncGenerator<RowBlock> {
    const { rows, dim, dtype } = this;
    const values = new Float32Array(Math.min(blockRows, rows) * dim);
    const rowBytes = dim * elementBytes(dtype);
    const bytes = new Uint8Array(Math.min(blockRows, rows) * rowBytes);
    for (let first = 0; first < rows; first += blockRows) {
      const count = Math.min(blockRows, rows - first);
      const part = bytes.subarray(0, count * rowBytes);
      const { bytesRead } = await this.#file.read(part, 0, part.length, this.#offset + first * rowBytes);
      if (bytesRead < part.length) {
        throw new PssError(
          'ERR_SAFETENSORS',
          `${this.path} ended while it was read; give a whole safetensors file.`,
        );
      }
      const block = values.subarray(0, count * dim);
      toFloat32(block, part, dtype);
      yield { first, count, values: block };
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

const FLOAT_BYTES: Readonly<Record<string, number>> = { F64: 8, F32: 4, F16: 2, BF16: 2 };

function elementBytes(dtype: string): number {
  return FLOAT_BYTES[dtype] as number;
}

function isTable({ dtype, shape }: StoredTensor): boolean {
  return shape.length === 2 && dtype in FLOAT_BYTES && shape.every((length) => length > 0);
}

function chooseTable(
  path: string,
  tensors: readonly StoredTensor[],
  wanted: string | undefined,
): StoredTensor {
  const tables = tensors.filter(isTable);
  const shown = tables.map(({ name, shape }) => `${name} [${shape.join(', ')}]`);
  const list = shown.length > SHOWN ? [...shown.slice(0, SHOWN), `${shown.length - SHOWN} more`] : shown;
  if (tables.length === 0) {
    throw new UsageError(
      'ERR_TENSOR',
      `${path} has no two-dimensional tensor of floats; give a file with a table of embeddings, such as a checkpoint of kind full.`,
    );
  }
  if (wanted === undefined) {
    const [table] = tables;
    if (tables.length === 1 && table) return table;
    throw new UsageError(
      'ERR_TENSOR',
      `${path} has several tables; name one with --tensor: ${list.join(', ')}.`,
    );
  }
  const table = tables.find(({ name }) => name === wanted);
  if (table) return table;
  const other = tensors.find(({ name }) => name === wanted);
  const what = other ? `is ${other.dtype} [${other.shape.join(', ')}], not a table of floats` : "isn't in it";
  throw new UsageError('ERR_TENSOR', `${path}: tensor ${wanted} ${what}; it has ${list.join(', ')}.`);
}

/** Names an error lists before it only counts. */
const SHOWN = 30;
