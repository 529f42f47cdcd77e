import type { FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { PssError } from '../errors.ts';

/** A tensor in a safetensors file. */
export interface StoredTensor {
  readonly name: string;
  /** As the format names it, e.g. `F32`. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Elements. */
  readonly size: number;
  readonly sizeBytes: number;
  /** First byte in the file. */
  readonly offset: number;
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their bytes. */
  readonly tensors: readonly StoredTensor[];
}

/** Longest header the format's own reader accepts. */
const MAX_HEADER_BYTES = 100_000_000;

/** Bytes of one element, of the dtypes that have whole bytes. */
const DTYPE_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
};

const count = z.int().nonnegative();
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(count),
  data_offsets: z.tuple([count, count]),
});
const headerSchema = z.record(z.string(), z.unknown());
const metadataSchema = z.record(z.string(), z.string());

/**
 * The header of a file that will hold float32 tensors one after another: its length as a little-endian uint64, then JSON padded with
 * spaces so that the data begins at a multiple of 8 bytes.
 */
export function encodeHeader(
  tensors: readonly { readonly name: string; readonly shape: readonly number[]; readonly size: number }[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const header: Record<string, unknown> = {};
  if (Object.keys(metadata).length > 0) header['__metadata__'] = metadata;
  let offset = 0;
  for (const { name, shape, size } of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + size * 4] };
    offset += size * 4;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = Buffer.alloc(8 + length, ' ');
  bytes.writeBigUInt64LE(BigInt(length), 0);
  json.copy(bytes, 8);
  return bytes;
}

/**
 * Reads and checks the header: lengths against the file's size, offsets against shapes, and that the tensors fill the data without gaps or
 * overlaps, as the format demands.
 * @throws PssError ERR_SAFETENSORS
 */
export async function readHeader(file: FileHandle, path: string): Promise<SafetensorsHeader> {
  const info = await file.stat();
  if (!info.isFile()) throw broken(path, "isn't a file");
  const fileBytes = info.size;
  const prefix = Buffer.alloc(8);
  if (fileBytes < 8 || (await file.read(prefix, 0, 8, 0)).bytesRead < 8) {
    throw broken(path, `has only ${fileBytes} bytes`);
  }
  const declared = prefix.readBigUInt64LE(0);
  if (declared > BigInt(Math.min(fileBytes - 8, MAX_HEADER_BYTES))) {
    throw broken(path, `says its header has ${declared} bytes, more than can be in ${fileBytes}`);
  }
  const json = Buffer.alloc(Number(declared));
  await file.read(json, 0, json.length, 8);
  const { __metadata__: metadata = {}, ...entries } = parseHeader(json, path);
  const parsedMetadata = metadataSchema.safeParse(metadata);
  if (!parsedMetadata.success) throw broken(path, 'has metadata that is more than strings');
  const dataStart = 8 + json.length;
  const tensors = Object.entries(entries).map(([name, entry]) => parseEntry(name, entry, dataStart, path));
  tensors.sort((a, b) => a.offset - b.offset || a.sizeBytes - b.sizeBytes);
  let end = dataStart;
  for (const { name, offset, sizeBytes } of tensors) {
    if (offset !== end)
      throw broken(path, `has ${offset < end ? 'an overlap' : 'a gap'} before tensor ${name}`);
    end += sizeBytes;
  }
  if (end !== fileBytes) throw broken(path, `has ${fileBytes} bytes where its header describes ${end}`);
  return { metadata: parsedMetadata.data, tensors };
}

function parseHeader(json: Buffer, path: string): Record<string, unknown> {
  const text = json.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw broken(path, `has a header that isn't JSON (${(cause as Error).message})`, cause);
  }
  const parsed = headerSchema.safeParse(value);
  if (!parsed.success) throw broken(path, "has a header that isn't a JSON object");
  return parsed.data;
}

function parseEntry(name: string, entry: unknown, dataStart: number, path: string): StoredTensor {
  const parsed = entrySchema.safeParse(entry);
  if (!parsed.success) throw broken(path, `describes tensor ${name} wrongly`);
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  const elementBytes = DTYPE_BYTES[dtype];
  if (elementBytes === undefined)
    throw broken(path, `has tensor ${name} in ${dtype}, which isn't understood`);
  const size = shape.reduce((product, length) => product * length, 1);
  const sizeBytes = offsets[1] - offsets[0];
  if (sizeBytes !== size * elementBytes) {
    throw broken(path, `gives tensor ${name} ${sizeBytes} bytes for shape [${shape.join(', ')}]`);
  }
  return { name, dtype, shape, size, sizeBytes, offset: dataStart + offsets[0] };
}

function broken(path: string, what: string, cause?: unknown): PssError {
  return new PssError('ERR_SAFETENSORS', `${path} ${what}; give a whole safetensors file.`, { cause });
}
