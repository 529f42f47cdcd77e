import type { IdEncoderOptions } from '../addon/criteo-types.ts';
import { type RawBatch, RawRows } from './raw-rows.ts';
import type { Workplace } from './workplace.ts';

/**
 * Reads the raw files from where the workplace is. Rows whose ids are final go to their split; from the first one on that has to wait for an
 * id, all rows wait, to stay in order.
 * @returns registers of distinct values, with `ids: raw`
 */
export async function readRows(work: Workplace): Promise<Uint8Array | undefined> {
  const { job, progress } = work;
  const raw = new RawRows(job, encoderOf(work), {
    ...(progress.position && { position: progress.position }),
    sketches: await work.loadSketches(),
  });
  const { signal } = job.options;
  const close = () => raw.close();
  signal?.addEventListener('abort', close);
  const sketches = () => (job.options.ids === 'vocab' ? undefined : raw.sketches());
  const bar = startProgress(work);
  try {
    if (signal?.aborted) close();
    for await (const batch of raw.batches()) {
      await take(work, batch);
      bar.update(batch.bytesRead, `${progress.rows} rows`);
      if (work.checkpointDue) await work.checkpoint(sketches());
    }
    if (signal?.aborted) {
      await work.checkpoint(sketches());
      signal.throwIfAborted();
    }
    progress.summary = raw.summary();
    const found = sketches();
    progress.phase = job.minCount > 1 ? 'count' : 'number';
    await work.checkpoint(found);
    return found;
  } finally {
    bar.stop();
    signal?.removeEventListener('abort', close);
    raw.close();
  }
}

function encoderOf({ job, progress, vocabulary }: Workplace): IdEncoderOptions | undefined {
  if (job.options.ids !== 'vocab') return undefined;
  return { folder: vocabulary, memoryBytes: job.dictionaryBytes, start: progress.encoded };
}

async function take(work: Workplace, batch: RawBatch): Promise<void> {
  const { progress } = work;
  for (const { input, rows } of batch.segments) {
    progress.perInput[input] = (progress.perInput[input] ?? 0) + rows;
  }
  progress.rows += batch.rows;
  const pending = batch.encoded?.pending.some((count) => count > 0) ?? false;
  if (pending || work.unnumbered.length > 0 || work.job.minCount > 1) {
    await work.unnumbered.push(batch.columns, 0, batch.rows);
  } else {
    const { perInput, rows } = progress;
    await work.router.add(batch.columns, { perInput, rows, ended: false });
  }
  progress.position = batch.end;
  if (batch.encoded) progress.encoded = batch.encoded;
}

/** Progress in bytes of the inputs; a resumed run starts at the bytes of the files it needn't read again. */
function startProgress({ job, progress }: Workplace) {
  const { identities, sizeBytes } = job.inputs;
  const done = identities
    .slice(0, progress.position?.input ?? 0)
    .reduce((sum, identity) => sum + (identity.sizeBytes ?? 0), 0);
  const bar = job.output.progress({
    title: 'prepare',
    unit: 'bytes',
    start: done,
    ...(sizeBytes === undefined ? {} : { total: sizeBytes }),
  });
  return {
    update: (bytesRead: number, note: string) => bar.update(done + bytesRead, note),
    stop: () => bar.stop(),
  };
}
