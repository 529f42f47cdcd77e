import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { NativeSynthRows } from '../addon/synth-types.ts';
import { BLOCK_ROWS, rowBlocks, streamBlocks } from './row-stream.ts';
import type { SynthJob } from './synth-options.ts';

/** Where text goes; answers false when nobody wants more. */
type TakeText = (text: Uint8Array, firstRow: number) => Promise<boolean>;

/** Writes rows as raw text into `folder`, one `day_N.tsv` for each day. */
export async function writeTextFiles(
  job: SynthJob,
  source: NativeSynthRows,
  maxRowBytes: number,
  folder: string,
  written: (rows: number) => void,
): Promise<void> {
  let day = -1;
  let file: FileHandle | undefined;
  const close = async () => {
    await file?.sync();
    await file?.close();
    file = undefined;
  };
  const take: TakeText = async (text, firstRow) => {
    const itsDay = Math.floor(firstRow / source.dayRows);
    if (itsDay !== day) {
      await close();
      day = itsDay;
      file = await open(join(folder, `day_${day}.tsv`), 'wx');
    }
    await file?.appendFile(text);
    return true;
  };
  try {
    await streamText(job, source, maxRowBytes, source.dayRows, take, written);
  } finally {
    await close();
  }
}

/** Writes rows as raw text to a stream, until they are out or its reader has gone away. */
export async function writeTextStream(
  job: SynthJob,
  source: NativeSynthRows,
  maxRowBytes: number,
  stream: NodeJS.WritableStream,
  written: (rows: number) => void,
): Promise<void> {
  const take: TakeText = (text) =>
    new Promise((resolve, reject) => {
      stream.write(text, (error) => {
        if (!error) resolve(true);
        else if ((error as NodeJS.ErrnoException).code === 'EPIPE') resolve(false);
        else reject(error);
      });
    });
  await streamText(job, source, maxRowBytes, Number.POSITIVE_INFINITY, take, written);
}

async function streamText(
  job: SynthJob,
  source: NativeSynthRows,
  maxRowBytes: number,
  cut: number,
  take: TakeText,
  written: (rows: number) => void,
): Promise<void> {
  const createText = () => new Uint8Array(Math.min(job.rows, BLOCK_ROWS) * maxRowBytes);
  await streamBlocks(
    rowBlocks(job.start, job.start + job.rows, cut),
    [createText(), createText()],
    ({ first, rows }, text) => source.write(first, rows, text),
    async ({ first, rows }, text, bytes) => {
      const wanted = await take(text.subarray(0, bytes), first);
      if (wanted) written(first + rows - job.start);
      return wanted;
    },
  );
}
