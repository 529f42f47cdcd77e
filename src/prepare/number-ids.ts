import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { loadAddon } from '../addon/load.ts';
import { NUM_TABLES } from '../manifest/manifest.ts';
import { ROW_BYTES } from './row-buffer.ts';
import type { Workplace } from './workplace.ts';

/** A column's dictionary works best with at least so much memory. */
const COLUMN_BYTES = 256e6;

/** Counts how often every id occurs, and gives those that aren't rare their final ids. */
export function countIds(work: Workplace): Promise<void> {
  const { job, progress, vocabulary } = work;
  const { IdCounter } = loadAddon();
  return withProgress(work, 'count ids', async (update) => {
    const counter = new IdCounter({ folder: vocabulary, jobs: job.jobs, ids: progress.encoded.values });
    for await (const rows of work.unnumbered.peek()) {
      counter.add(rows.sparse);
      update(rows.label.length);
      job.options.signal?.throwIfAborted();
    }
    progress.kept = counter.finish(job.minCount);
    progress.phase = 'number';
    await work.checkpoint(undefined);
  });
}

/** Gives ids to the values for which there was no memory while rows were read, one column after another, several at a time. */
export async function numberIds(work: Workplace): Promise<void> {
  const { job, progress } = work;
  const all = Array.from({ length: NUM_TABLES }, (_, column) => column);
  const waiting = all.filter((column) => leftWithoutId(work, column) > 0);
  const most = Math.max(1, Math.floor(job.dictionaryBytes / COLUMN_BYTES));
  const parallel = Math.min(job.jobs, most, Math.max(1, waiting.length));
  const bar = job.output.progress({ title: 'number ids', total: waiting.length, unit: 'columns' });
  let done = 0;
  const worker = async () => {
    for (let column = waiting.shift(); column !== undefined; column = waiting.shift()) {
      await numberColumn(work, column, Math.floor(job.dictionaryBytes / parallel));
      bar.update(++done);
    }
  };
  try {
    // All of them, because a round under way can't be stopped.
    const ends = await Promise.allSettled(Array.from({ length: parallel }, worker));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  } finally {
    bar.stop();
  }
  progress.used = progress.rounds.map((rounds) => rounds.map(() => 0));
  progress.phase = 'write';
  await work.checkpoint(undefined);
}

/** Ids of every column, the one for rare values included. */
export function tableSizes({ progress, job }: Workplace): number[] {
  return Array.from({ length: NUM_TABLES }, (_, column) => {
    const rare = job.minCount > 1 ? 1 : 0;
    const first = progress.kept?.[column] ?? progress.encoded.values[column] ?? 0;
    return rare + first + (progress.rounds[column] ?? []).reduce((sum, { values }) => sum + values, 0);
  });
}

/** Occurrences of values that have no id yet. */
function leftWithoutId({ progress }: Workplace, column: number): number {
  return progress.rounds[column]?.at(-1)?.pending ?? progress.encoded.pending[column] ?? 0;
}

async function numberColumn(work: Workplace, column: number, memoryBytes: number): Promise<void> {
  const { job, progress, vocabulary } = work;
  const rounds = progress.rounds[column] ?? [];
  while (leftWithoutId(work, column) > 0) {
    job.options.signal?.throwIfAborted();
    const round = rounds.length + 1;
    rounds.push(
      await loadAddon().numberPending({
        folder: vocabulary,
        column,
        round,
        firstId: tableSizes(work)[column] ?? 0,
        memoryBytes,
        minCount: job.minCount,
      }),
    );
    await work.checkpoint(undefined);
    await rm(join(vocabulary, `${column}.pending${round === 1 ? '' : `-${round}`}`));
  }
}

/** Puts final ids into the rows that waited for them, and sends them to their splits. */
export function writeNumbered(work: Workplace): Promise<void> {
  const { job, progress, vocabulary } = work;
  const { IdResolver } = loadAddon();
  return withProgress(work, 'write shards', async (update) => {
    const resolver = new IdResolver({
      folder: vocabulary,
      jobs: job.jobs,
      remap: job.minCount > 1,
      used: progress.used,
    });
    const { perInput, rows } = progress;
    for (let batch = await work.unnumbered.shift(); batch; batch = await work.unnumbered.shift()) {
      resolver.resolve(batch.sparse);
      await work.router.add(batch, { perInput, rows, ended: true });
      progress.used = resolver.used();
      update(batch.label.length);
      if (work.checkpointDue || job.options.signal?.aborted) await work.checkpoint(undefined);
      job.options.signal?.throwIfAborted();
    }
  });
}

/** Progress over the rows that wait. */
async function withProgress(
  { job, unnumbered }: Workplace,
  title: string,
  work: (update: (rows: number) => void) => Promise<void>,
): Promise<void> {
  const total = unnumbered.state.rows.reduce((sum, rows) => sum + rows, 0) * ROW_BYTES;
  const bar = job.output.progress({ title, total, unit: 'bytes' });
  let done = 0;
  try {
    await work((rows) => {
      done += rows * ROW_BYTES;
      bar.update(done);
    });
  } finally {
    bar.stop();
  }
}
