import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { fileProblem, PssError } from '../errors.ts';
import { encodeHeader, readHeader, type SafetensorsHeader, type StoredTensor } from './safetensors-header.ts';

/** Floats moved at a time between a file and a store: 16 MB, so tensors of any size pass. */
const SLICE_FLOATS = 4_194_304;

/** A tensor by name and shape. */
export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
  /** Floats. */
  readonly size: number;
}

/** Where tensors live, read and written by ranges of floats; a `NativeEngine` is one. */
export interface TensorStore {
  read(name: string, offset: number, out: Float32Array): Promise<void>;
  write(name: string, offset: number, values: Float32Array): Promise<void>;
}

/**
 * Writes float32 tensors in the safetensors format and flushes them to the disk. The same values and metadata give the same bytes.
 * @returns SHA-256 of the file
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly TensorShape[],
  metadata: Readonly<Record<string, string>>,
  store: Pick<TensorStore, 'read'>,
): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'w');
  try {
    const header = encodeHeader(tensors, metadata);
    hash.update(header);
    await file.writeFile(header);
    const slice = new Float32Array(Math.min(SLICE_FLOATS, Math.max(0, ...tensors.map(({ size }) => size))));
    for (const { name, size } of tensors) {
      for (let offset = 0; offset < size; offset += slice.length) {
        const part = slice.subarray(0, Math.min(slice.length, size - offset));
        await store.read(name, offset, part);
        const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
        hash.update(bytes);
        await file.writeFile(bytes);
      }
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

/** Reads what a safetensors file holds, without its values. */
export async function describeSafetensors(path: string): Promise<SafetensorsHeader> {
  const file = await openSafetensors(path);
  try {
    return await readHeader(file, path);
  } finally {
    await file.close();
  }
}

/**
 * Loads the wanted tensors from a file into a store. The file must have exactly these names and shapes.
 * @throws PssError ERR_SAFETENSORS for a broken file, ERR_TENSOR_MISMATCH naming the first tensor that is missing, superfluous or of
 *   another shape, before anything is loaded
 */
export async function loadSafetensors(
  path: string,
  wanted: readonly TensorShape[],
  store: Pick<TensorStore, 'write'>,
): Promise<void> {
  const file = await openSafetensors(path);
  try {
    const { tensors } = await readHeader(file, path);
    checkTensors(path, wanted, tensors);
    const slice = new Float32Array(Math.min(SLICE_FLOATS, Math.max(0, ...tensors.map(({ size }) => size))));
    for (const { name, size, offset } of tensors) {
      for (let done = 0; done < size; done += slice.length) {
        const part = slice.subarray(0, Math.min(slice.length, size - done));
        const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
        const { bytesRead } = await file.read(bytes, 0, bytes.length, offset + done * 4);
        if (bytesRead < bytes.length) {
          throw new PssError(
            'ERR_SAFETENSORS',
            `${path} ended while it was read; give a whole safetensors file.`,
          );
        }
        await store.write(name, done, part);
      }
    }
  } finally {
    await file.close();
  }
}

function checkTensors(path: string, wanted: readonly TensorShape[], found: readonly StoredTensor[]): void {
  const byName = new Map(found.map((tensor) => [tensor.name, tensor]));
  for (const { name, shape } of wanted) {
    const tensor = byName.get(name);
    if (!tensor) throw mismatch(path, `lacks tensor ${name} [${shape.join(', ')}]`);
    if (tensor.shape.join() !== shape.join()) {
      throw mismatch(
        path,
        `has ${name} [${tensor.shape.join(', ')}] where the model has [${shape.join(', ')}]`,
      );
    }
    if (tensor.dtype !== 'F32')
      throw mismatch(path, `has ${name} in ${tensor.dtype} where the model has F32`);
    byName.delete(name);
  }
  const [extra] = byName.keys();
  if (extra !== undefined) throw mismatch(path, `has tensor ${extra}, which the model doesn't know`);
}

function mismatch(path: string, what: string): PssError {
  return new PssError(
    'ERR_TENSOR_MISMATCH',
    `${path} ${what}; give weights of the model the config describes.`,
  );
}

/** @throws PssError ERR_SAFETENSORS naming what the system said */
export function openSafetensors(path: string) {
  return open(path).catch((cause: NodeJS.ErrnoException) => {
    throw new PssError(
      'ERR_SAFETENSORS',
      `${path} can't be opened (${fileProblem(cause)}); give a safetensors file.`,
      { cause },
    );
  });
}
