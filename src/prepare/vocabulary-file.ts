import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { ArrowEncoder } from '../arrow/arrow-encoder.ts';
import type { StoredFile } from '../manifest/manifest.ts';
import { VOCABULARY_SCHEMA, vocabularyColumns } from './arrow-columns.ts';
import { tableSizes } from './number-ids.ts';
import { StoredFileWriter } from './stored-file-writer.ts';
import type { Workplace } from './workplace.ts';

/** Name of the dictionary's file. */
export const VOCABULARY_FILE = 'vocabulary.arrow';

/** Entries of a record batch. */
const BATCH_ENTRIES = 1 << 20;

/**
 * Writes the dictionaries of all columns as one Arrow file, ordered by column and id. The id of rare values, where there is one, stands
 * for no value and isn't in it.
 */
export async function writeVocabulary(work: Workplace): Promise<StoredFile> {
  const file = await StoredFileWriter.create(join(work.output, VOCABULARY_FILE));
  let entries = 0;
  try {
    const encoder = new ArrowEncoder(VOCABULARY_SCHEMA);
    const column = new Uint8Array(BATCH_ENTRIES);
    const id = new Uint32Array(BATCH_ENTRIES);
    const value = new Uint32Array(BATCH_ENTRIES);
    const rare = work.job.minCount > 1 ? 1 : 0;
    for (const [table, size] of tableSizes(work).entries()) {
      column.fill(table);
      let next = rare;
      const write = async (count: number) => {
        for (let i = 0; i < count; i++) id[i] = next++;
        await file.write(encoder.encode(vocabularyColumns(count, column, id, value), count));
      };
      let filled = 0;
      for await (const word of readWords(valueFiles(work, table))) {
        const taken = Math.min(word.length, BATCH_ENTRIES - filled);
        value.set(word.subarray(0, taken), filled);
        filled += taken;
        if (filled < BATCH_ENTRIES) continue;
        await write(BATCH_ENTRIES);
        value.set(word.subarray(taken));
        filled = word.length - taken;
      }
      if (filled > 0) await write(filled);
      if (next !== size) throw new Error(`column ${table} has ${next} ids instead of ${size}`);
      entries += size - rare;
    }
    await file.write(encoder.finish());
  } catch (error) {
    await file.abandon();
    throw error;
  }
  return file.finish(entries);
}

/** Files with the values of a column in the order of their ids. */
function valueFiles({ progress, vocabulary }: Workplace, column: number): string[] {
  const rounds = (progress.rounds[column] ?? []).map((_, i) => `${column}.values-${i + 1}`);
  return [`${column}.${progress.kept ? 'kept' : 'values'}`, ...rounds].map((name) => join(vocabulary, name));
}

async function* readWords(paths: readonly string[]): AsyncGenerator<Uint32Array> {
  for (const path of paths) {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 18 })) {
      // A copy, because a chunk may lie anywhere in a larger buffer.
      yield new Uint32Array(new Uint8Array(chunk as Buffer).buffer);
    }
  }
}
