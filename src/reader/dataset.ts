import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileProblem, PssError } from '../errors.ts';
import { type ExpectedPart, Part } from './part.ts';
import { type ReadManifest, readManifest } from './read-manifest.ts';
import { allocateRows, type Rows } from './rows.ts';

/** Open part files kept, so that a shuffled order over thousands of parts stays within the limit of open files. */
const OPEN_PARTS = 32;

/** Rows of every record batch of a part, but its last one, which may be shorter. */
const RECORD_BATCH_ROWS = 65_536;

/** What a model needs to know about its data. */
export interface DatasetFacts {
  /** N */
  readonly numDense: number;
  /** T */
  readonly numTables: number;
  readonly ids: 'raw' | 'vocab';
  /** How dense values were transformed, e.g. `dlrm`. */
  readonly denseProfile: string;
  /** E_t, with `ids: vocab`. */
  readonly tableSizes?: readonly number[];
  /** Estimated distinct ids of every column, with `ids: raw`; of several folders the largest. */
  readonly distinct?: readonly number[];
}

interface DatasetPart extends ExpectedPart {
  readonly sha256: string;
  /** Index of its first record batch in the data set. */
  readonly firstBatch: number;
}

/** Prepared folders, read as one sequence of record batches in the order given. */
export class Dataset {
  readonly folders: readonly string[];
  readonly facts: DatasetFacts;
  readonly rows: number;
  readonly clicks: number;
  /** SHA-256 of each folder's manifest. */
  readonly manifestHashes: readonly string[];
  /** Rows of every record batch, in order. */
  readonly batchRows: readonly number[];
  readonly #parts: readonly DatasetPart[];
  readonly #partOfBatch: Uint32Array;
  /** Least recently used first. */
  readonly #open = new Map<number, Promise<Part>>();

  private constructor(
    folders: readonly string[],
    manifests: readonly ReadManifest[],
    hashes: readonly string[],
    facts: DatasetFacts,
    parts: readonly DatasetPart[],
  ) {
    this.folders = folders;
    this.facts = facts;
    this.rows = manifests.reduce((sum, manifest) => sum + manifest.rows, 0);
    this.clicks = manifests.reduce((sum, manifest) => sum + manifest.clicks, 0);
    this.manifestHashes = hashes;
    this.#parts = parts;
    const batchRows: number[] = [];
    const partOfBatch: number[] = [];
    for (const [index, part] of parts.entries()) {
      for (let row = 0; row < part.rows; row += part.recordBatchRows) {
        batchRows.push(Math.min(part.recordBatchRows, part.rows - row));
        partOfBatch.push(index);
      }
    }
    this.batchRows = batchRows;
    this.#partOfBatch = Uint32Array.from(partOfBatch);
  }

  /**
   * Opens prepared folders as one data set: manifests agree, and every part is there with its size.
   * @param recordBatchRows rows of each record batch of a part but its last; another number than the format's is for tests
   * @throws PssError ERR_MANIFEST, ERR_SHARD
   */
  static async open(folders: readonly string[], recordBatchRows = RECORD_BATCH_ROWS): Promise<Dataset> {
    const read = await Promise.all(folders.map(readManifest));
    const manifests = read.map(({ manifest }) => manifest);
    const parts: DatasetPart[] = [];
    let firstBatch = 0;
    for (const [index, manifest] of manifests.entries()) {
      for (const { name, rows, sizeBytes, sha256 } of manifest.files) {
        const path = join(folders[index] as string, name);
        parts.push({ path, rows, sizeBytes, sha256, recordBatchRows, firstBatch });
        firstBatch += Math.ceil(rows / recordBatchRows);
      }
    }
    const first = manifests[0];
    if (!first || !parts[0])
      throw new PssError('ERR_MANIFEST', 'No data folder was given; name at least one.');
    for (const part of parts) await checkSize(part);
    const probe = await Part.open(parts[0]);
    await probe.close();
    for (const part of parts) checkRows(part, 1 + 4 * (probe.numDense + probe.numTables));
    const facts = mergeFacts(manifests, folders, probe.numDense, probe.numTables);
    const hashes = read.map(({ hash }) => hash);
    return new Dataset(folders, manifests, hashes, facts, parts);
  }

  /** Reads record batch `index` of the data set; several reads may be under way at once. */
  async readBatch(index: number): Promise<Rows> {
    const { numDense, numTables } = this.facts;
    const rows = allocateRows(this.batchRows[index] as number, numDense, numTables);
    await this.readBatchInto(index, rows);
    return rows;
  }

  /** As `readBatch`, into memory that has room for the record batch's rows exactly. */
  async readBatchInto(index: number, out: Rows): Promise<void> {
    const partIndex = this.#partOfBatch[index] as number;
    const expected = this.#parts[partIndex] as DatasetPart;
    const part = await this.#openPart(partIndex, expected);
    if (part.numDense !== this.facts.numDense || part.numTables !== this.facts.numTables) {
      throw new PssError(
        'ERR_SHARD',
        `${expected.path} has ${part.numDense} dense and ${part.numTables} sparse columns where the first part has ${this.facts.numDense} and ${this.facts.numTables}; prepare the data again.`,
      );
    }
    await part.readBatch(index - expected.firstBatch, out);
  }

  /**
   * Compares the SHA-256 of every part with the manifest: reads all of the data.
   * @throws PssError ERR_SHARD naming the first part that differs
   */
  async verifyChecksums(): Promise<void> {
    for (const part of this.#parts) {
      const hash = createHash('sha256');
      await pipeline(createReadStream(part.path), hash);
      if (hash.digest('hex') !== part.sha256) {
        throw new PssError(
          'ERR_SHARD',
          `${part.path} differs from its checksum in the manifest; prepare the data again.`,
        );
      }
    }
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.all(open.map((part) => closePart(part)));
  }

  #openPart(index: number, expected: ExpectedPart): Promise<Part> {
    const part = this.#open.get(index) ?? Part.open(expected);
    this.#open.delete(index);
    this.#open.set(index, part);
    if (this.#open.size > OPEN_PARTS) {
      const [oldest, closing] = this.#open.entries().next().value as [number, Promise<Part>];
      this.#open.delete(oldest);
      void closePart(closing);
    }
    return part;
  }
}

async function closePart(opening: Promise<Part>): Promise<void> {
  const part = await opening.catch(() => undefined);
  await part?.close();
}

async function checkSize({ path, sizeBytes }: ExpectedPart): Promise<void> {
  const { size } = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new PssError(
      'ERR_SHARD',
      `${path} is named in the manifest but can't be opened (${fileProblem(cause)}); prepare the data again.`,
      { cause },
    );
  });
  if (size !== sizeBytes) {
    throw new PssError(
      'ERR_SHARD',
      `${path} has ${size} bytes instead of the manifest's ${sizeBytes}; prepare the data again.`,
    );
  }
}

/** What is kept in memory for every record batch must not depend on a claim alone. */
function checkRows({ path, rows, sizeBytes }: ExpectedPart, rowBytes: number): void {
  if (rows * rowBytes <= sizeBytes) return;
  throw new PssError(
    'ERR_MANIFEST',
    `The manifest says that ${path} has ${rows} rows, too many for its ${sizeBytes} bytes; prepare the data again.`,
  );
}

/** All folders must have been prepared alike: same ids, dense profile and (with a vocabulary) table sizes. */
function mergeFacts(
  manifests: readonly ReadManifest[],
  folders: readonly string[],
  numDense: number,
  numTables: number,
): DatasetFacts {
  const first = manifests[0] as ReadManifest;
  for (const [index, manifest] of manifests.entries()) {
    for (const key of ['ids', 'profile', 'tableSizes'] as const) {
      if (String(manifest[key]) !== String(first[key])) {
        throw new PssError(
          'ERR_MANIFEST',
          `${folders[index]} and ${folders[0]} differ in ${key}; prepare them together, in one run of "pss prepare".`,
        );
      }
    }
    const widths = manifest.tableSizes ?? manifest.distinct;
    if (widths && widths.length !== numTables) {
      throw new PssError(
        'ERR_MANIFEST',
        `The manifest of ${folders[index]} describes ${widths.length} tables, but its parts have ${numTables}; prepare the data again.`,
      );
    }
  }
  const base = { numDense, numTables, ids: first.ids, denseProfile: first.profile };
  if (first.ids === 'vocab') return { ...base, tableSizes: first.tableSizes as number[] };
  if (manifests.some((manifest) => !manifest.distinct)) return base;
  const distinct = Array.from({ length: numTables }, (_, t) =>
    Math.max(...manifests.map((manifest) => manifest.distinct?.[t] ?? 0)),
  );
  return { ...base, distinct };
}

/**
 * Checks that data meant for a model is what the model was made for, e.g. evaluation data against training data.
 * @throws PssError ERR_DATA_MISMATCH naming the first difference
 */
export function checkSameFacts(wanted: DatasetFacts, got: DatasetFacts, gotName: string): void {
  const keys = ['ids', 'numDense', 'numTables', 'denseProfile', 'tableSizes'] as const;
  for (const key of keys) {
    if (String(wanted[key]) === String(got[key])) continue;
    const both =
      key === 'tableSizes' ? 'its vocabulary is another one' : `${key} is ${got[key]}, not ${wanted[key]}`;
    throw new PssError(
      'ERR_DATA_MISMATCH',
      `${gotName} doesn't fit the model: ${both}; prepare it together with the training data.`,
    );
  }
}
