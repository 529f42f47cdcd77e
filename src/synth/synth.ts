import { availableParallelism } from 'node:os';
import { loadAddon } from '../addon/load.ts';
import type { SynthSummary } from '../addon/synth-types.ts';
import { OutputFolder } from '../prepare/output-folder.ts';
import { explainPrepareError, interruptedError } from '../prepare/prepare-error.ts';
import type { PrepareOutput } from '../prepare/prepare-options.ts';
import { completeSynthOptions, type SynthOptions } from './synth-options.ts';
import { writeShards } from './write-shards.ts';
import { writeTextFiles, writeTextStream } from './write-text.ts';

/**
 * Makes synthetic rows in the manner of Criteo's click logs. A row is a function of profile, seed, rows of a day and its number
 * alone: neither threads, nor format, nor where the work starts change it. A folder appears whole or not at all.
 * @param stdout where text goes when `out` is `-`
 * @returns what the rows came to
 * @throws UsageError ERR_SYNTH; PssError ERR_OUTPUT, ERR_DISK_FULL, ERR_INTERRUPTED
 */
export async function synthesize(
  options: SynthOptions,
  output: Pick<PrepareOutput, 'progress'>,
  stdout: NodeJS.WritableStream = process.stdout,
): Promise<SynthSummary> {
  const job = completeSynthOptions(options, availableParallelism());
  const folder = job.out === '-' ? undefined : await OutputFolder.create(job.out);
  const progress = output.progress({ title: 'synth', unit: 'rows', total: job.rows });
  const written = (rows: number) => {
    job.signal?.throwIfAborted();
    progress.update(rows);
  };
  try {
    const { SynthRows, synthMaxRowBytes } = loadAddon();
    const source = new SynthRows(job);
    if (!folder) await writeTextStream(job, source, synthMaxRowBytes, stdout, written);
    else if (job.format === 'arrow') await writeShards(job, source, folder.output, written);
    else await writeTextFiles(job, source, synthMaxRowBytes, folder.output, written);
    job.signal?.throwIfAborted();
    await folder?.commit();
    return source.summary();
  } catch (error) {
    await folder?.discard();
    const left = 'nothing was kept';
    throw job.signal?.aborted ? interruptedError(left) : explainPrepareError(error, job.out, left);
  } finally {
    progress.stop();
  }
}
