import type { NativeCriteoReader } from '../addon/criteo-types.ts';
import { ArrowEncoder } from '../arrow/arrow-encoder.ts';
import type { StoredFile } from '../manifest/manifest.ts';
import { VOCABULARY_SCHEMA, vocabularyColumns } from './arrow-columns.ts';
import { StoredFileWriter } from './stored-file-writer.ts';

/** Name of the dictionary's file. */
export const VOCABULARY_FILE = 'vocabulary.arrow';

/** Entries of a record batch. */
const BATCH_ENTRIES = 1 << 20;

/**
 * Writes the dictionaries of all columns as one Arrow file, ordered by column and id.
 * @param reader one that has come to its end, with `ids: vocab`
 */
export async function writeVocabulary(
  path: string,
  reader: Pick<NativeCriteoReader, 'readVocabulary'>,
  tableSizes: readonly number[],
): Promise<StoredFile> {
  const file = await StoredFileWriter.create(path);
  try {
    const encoder = new ArrowEncoder(VOCABULARY_SCHEMA);
    const column = new Uint8Array(BATCH_ENTRIES);
    const id = new Uint32Array(BATCH_ENTRIES);
    const value = new Uint32Array(BATCH_ENTRIES);
    for (const [table, size] of tableSizes.entries()) {
      column.fill(table);
      for (let from = 0; from < size; from += BATCH_ENTRIES) {
        const entries = reader.readVocabulary(table, from, value);
        for (let i = 0; i < entries; i++) id[i] = from + i;
        await file.write(encoder.encode(vocabularyColumns(entries, column, id, value), entries));
      }
    }
    await file.write(encoder.finish());
  } catch (error) {
    await file.abandon();
    throw error;
  }
  return file.finish(tableSizes.reduce((sum, size) => sum + size, 0));
}
