import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CriteoSummary } from '../addon/criteo-types.ts';
import { loadAddon } from '../addon/load.ts';
import { PssError } from '../errors.ts';
import { MANIFEST_FILE, type Manifest, manifestSchema } from '../manifest/manifest.ts';
import { describeRejected, summarizeRejected } from './bad-rows.ts';
import { buildManifest, type WholeInput } from './build-manifest.ts';
import { checkDiskSpace } from './disk-space.ts';
import { checkJob, type Job } from './job.ts';
import { countIds, numberIds, tableSizes, writeNumbered } from './number-ids.ts';
import { OutputFolder } from './output-folder.ts';
import { explainPrepareError, interruptedError, isResumable, unfinishedWork } from './prepare-error.ts';
import type { PrepareOptions, PrepareOutput } from './prepare-options.ts';
import { readRows } from './read-rows.ts';
import type { WrittenShards } from './shard-writer.ts';
import { VOCABULARY_FILE, writeVocabulary } from './vocabulary-file.ts';
import { Workplace } from './workplace.ts';

/**
 * Turns raw Criteo text into Arrow shards with a manifest, in the order of the input, within a bound of memory. The same input and options
 * give the same bytes, whatever the number of threads, and however often the work was interrupted and resumed. `out` appears whole at the
 * end or not at all.
 * @returns the manifests, one a split, in the rule's order
 * @throws PssError ERR_INPUT, ERR_OUTPUT, ERR_UNFINISHED, ERR_RESUME, ERR_FORMAT, ERR_GZIP, ERR_BAD_ROWS, ERR_NO_ROWS, ERR_SPLIT,
 * ERR_DISK_SPACE, ERR_DISK_FULL, ERR_MEMORY, ERR_INTERRUPTED and others, saying what is wrong, where, and what to do
 */
export async function prepare(options: PrepareOptions, output: PrepareOutput): Promise<Manifest[]> {
  const job = await checkJob(options, output);
  if (options.resume && (await OutputFolder.finishCommit(options.out))) return readManifests(job);
  const folder = await OutputFolder.open(options.out, options.resume ?? false);
  try {
    const work = await Workplace.open(job, folder);
    if (work.resumed) output.info(`Going on after ${work.progress.rows} rows.`);
    else await checkDiskSpace(job);
    const manifests = await writeFolder(work);
    options.signal?.throwIfAborted();
    await folder.commit();
    return manifests;
  } catch (cause) {
    const left = unfinishedWork(options.out);
    const error = options.signal?.aborted
      ? interruptedError(left)
      : explainPrepareError(cause, options.out, left);
    if (!isResumable(error)) await folder.discard();
    throw error;
  }
}

async function writeFolder(work: Workplace): Promise<Manifest[]> {
  const { progress } = work;
  try {
    const sketches = progress.phase === 'read' ? await readRows(work) : await work.loadSketches();
    if (progress.phase === 'count') await countIds(work);
    if (progress.phase === 'number' && work.unnumbered.length > 0) await numberIds(work);
    if (progress.phase === 'write') await writeNumbered(work);
    return await finish(work, sketches);
  } finally {
    await work.close();
  }
}

/** Closes the shards and writes what describes them; done again by a run that is resumed. */
async function finish(work: Workplace, sketches: Uint8Array | undefined): Promise<Manifest[]> {
  const { job, progress } = work;
  const { options, rule, inputs } = job;
  const summary = progress.summary as CriteoSummary;
  const { perInput, rows } = progress;
  await work.router.finish({ perInput, rows, ended: true });
  await rm(join(work.output, VOCABULARY_FILE), { force: true });
  const whole: WholeInput = {
    options,
    rule,
    inputs: inputs.files,
    summary,
    tableSizes: sketches ? loadAddon().estimateDistinct(sketches) : tableSizes(work),
    vocabulary: options.ids === 'vocab' ? await writeVocabulary(work) : undefined,
  };
  const shards = await Promise.all(work.writers.map((writer) => writer.finish()));
  const manifests = rule.splits.map((split, i) => buildManifest(whole, split, shards[i] as WrittenShards));
  for (const [i, manifest] of manifests.entries()) {
    if (manifest.rows === 0) throw noRows(manifest, rows);
    await writeManifest(work.splitFolders[i] as string, manifest);
  }
  warnOfLosses(job, summary);
  return manifests;
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

/** Of a folder that is in its place already. */
async function readManifests({ options, rule }: Job): Promise<Manifest[]> {
  const folders = rule.splits.map((split) => (split === 'all' ? options.out : join(options.out, split)));
  const texts = await Promise.all(folders.map((folder) => readFile(join(folder, MANIFEST_FILE), 'utf8')));
  return texts.map((text) => manifestSchema.parse(JSON.parse(text)));
}

function warnOfLosses({ inputs, output }: Job, summary: CriteoSummary): void {
  const losses = summarizeRejected(describeRejected(inputs.files, summary));
  if (losses) output.warn(losses);
  for (const [i, { truncated, rows }] of summary.inputs.entries()) {
    if (truncated)
      output.warn(`${inputs.files[i]} is cut off; only the ${rows} whole rows before that were used.`);
  }
}
