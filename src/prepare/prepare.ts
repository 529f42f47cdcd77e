import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CriteoSummary } from '../addon/criteo-types.ts';
import { PssError, UsageError } from '../errors.ts';
import { MANIFEST_FILE, type Manifest } from '../manifest/manifest.ts';
import { describeRejected, summarizeRejected } from './bad-rows.ts';
import { buildManifest, type WholeInput } from './build-manifest.ts';
import { findInputs, type RawInputs } from './inputs.ts';
import { OutputFolder } from './output-folder.ts';
import { explainPrepareError, interruptedError } from './prepare-error.ts';
import {
  type BadRowLimit,
  type PrepareOptions,
  type PrepareOutput,
  parseBadRowLimit,
} from './prepare-options.ts';
import { MAX_JOBS, RawRows } from './raw-rows.ts';
import { RowRouter } from './row-router.ts';
import { RowSpool } from './row-spool.ts';
import { ShardWriter, type WrittenShards } from './shard-writer.ts';
import { NO_SPLIT, parseSplitRule, type SplitRule } from './split-rule.ts';
import { VOCABULARY_FILE, writeVocabulary } from './vocabulary-file.ts';

/** Options checked and completed. */
interface Job {
  readonly options: PrepareOptions;
  readonly inputs: RawInputs;
  readonly rule: SplitRule;
  readonly limit: BadRowLimit;
  readonly output: PrepareOutput;
}

/**
 * Turns raw Criteo text into Arrow shards with a manifest, in one pass, in the order of the input. The same input and options
 * give the same bytes, whatever the number of threads. `out` appears whole at the end or not at all.
 * @returns the manifests, one a split, in the rule's order
 * @throws PssError ERR_INPUT, ERR_OUTPUT, ERR_FORMAT, ERR_GZIP, ERR_BAD_ROWS, ERR_NO_ROWS, ERR_SPLIT, ERR_DISK_FULL,
 * ERR_MEMORY, ERR_INTERRUPTED and others, saying what is wrong, where, and what to do
 */
export async function prepare(options: PrepareOptions, output: PrepareOutput): Promise<Manifest[]> {
  checkNumbers(options);
  const rule = options.split === undefined ? NO_SPLIT : parseSplitRule(options.split);
  const limit = parseBadRowLimit(options.maxBadRows ?? '0.1%');
  const inputs = await findInputs(options.inputs);
  rule.checkInputs(inputs.files);
  const folder = await OutputFolder.create(options.out);
  try {
    const manifests = await writeFolder({ options, inputs, rule, limit, output }, folder.temporary);
    options.signal?.throwIfAborted();
    await folder.commit();
    return manifests;
  } catch (error) {
    await folder.discard();
    throw options.signal?.aborted ? interruptedError() : explainPrepareError(error, options.out);
  }
}

function checkNumbers({ maxIndex, jobs }: PrepareOptions): void {
  if (maxIndex !== undefined && !(Number.isInteger(maxIndex) && maxIndex >= 1 && maxIndex < 2 ** 32)) {
    throw new UsageError(
      'ERR_MAX_INDEX',
      `--max-index ${maxIndex} isn't a whole number from 1 to 4294967295; give one.`,
    );
  }
  if (jobs !== undefined && !(Number.isInteger(jobs) && jobs >= 1 && jobs <= MAX_JOBS)) {
    throw new UsageError('ERR_JOBS', `--jobs ${jobs} isn't a whole number from 1 to ${MAX_JOBS}; give one.`);
  }
}

async function writeFolder(job: Job, folder: string): Promise<Manifest[]> {
  const { options, rule, inputs, limit } = job;
  const folders = rule.splits.map((split) => (split === 'all' ? folder : join(folder, split)));
  const writers = await Promise.all(folders.map((path) => ShardWriter.create(path)));
  const raw = new RawRows(inputs.files, limit, options);
  const close = () => raw.close();
  options.signal?.addEventListener('abort', close);
  try {
    const router = new RowRouter(rule, writers, new RowSpool(join(folder, 'waiting')));
    await routeRows(job, raw, router);
    const summary = raw.reader.summary();
    const tableSizes = raw.reader.tableSizes();
    const vocabulary =
      options.ids === 'vocab'
        ? await writeVocabulary(join(folder, VOCABULARY_FILE), raw.reader, tableSizes)
        : undefined;
    const whole: WholeInput = { options, rule, inputs: inputs.files, summary, tableSizes, vocabulary };
    const shards = await Promise.all(writers.map((writer) => writer.finish()));
    const manifests = rule.splits.map((split, i) => buildManifest(whole, split, shards[i] as WrittenShards));
    const rows = manifests.reduce((sum, manifest) => sum + manifest.rows, 0);
    for (const [i, manifest] of manifests.entries()) {
      if (manifest.rows === 0) throw noRows(manifest, rows);
      await writeManifest(folders[i] as string, manifest);
    }
    warnOfLosses(job, summary);
    return manifests;
  } finally {
    options.signal?.removeEventListener('abort', close);
    raw.close();
    await Promise.all(writers.map((writer) => writer.abandon()));
  }
}

/** Sends every row to its split. While one batch is being written, the reader's threads fill the next. */
async function routeRows({ inputs, output }: Job, raw: RawRows, router: RowRouter): Promise<void> {
  const { files, sizeBytes } = inputs;
  const perInput = files.map(() => 0);
  let rows = 0;
  const progress = output.progress({
    title: 'prepare',
    unit: 'bytes',
    ...(sizeBytes === undefined ? {} : { total: sizeBytes }),
  });
  try {
    for await (const batch of raw.batches()) {
      rows += batch.rows;
      for (const segment of batch.segments)
        perInput[segment.input] = (perInput[segment.input] ?? 0) + segment.rows;
      await router.add(batch.columns, { perInput, rows, ended: false });
      progress.update(batch.bytesRead, `${rows} rows`);
    }
    await router.finish({ perInput, rows, ended: true });
  } finally {
    progress.stop();
  }
}

function noRows({ split, splitRule }: Manifest, rows: number): PssError {
  if (rows === 0) return new PssError('ERR_NO_ROWS', 'The input is empty; give raw Criteo files with rows.');
  return new PssError(
    'ERR_SPLIT',
    `--split ${splitRule} leaves no rows for ${split}, since the input has only ${rows}; give more rows or another rule.`,
  );
}

async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  await writeFile(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`, { flush: true });
}

function warnOfLosses({ inputs, output }: Job, summary: CriteoSummary): void {
  const losses = summarizeRejected(describeRejected(inputs.files, summary));
  if (losses) output.warn(losses);
  for (const [i, { truncated, rows }] of summary.inputs.entries()) {
    if (truncated)
      output.warn(`${inputs.files[i]} is cut off; only the ${rows} whole rows before that were used.`);
  }
}
