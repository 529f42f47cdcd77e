/** Consecutive rows. */
export interface RowBlock {
  readonly first: number;
  readonly rows: number;
}

/** Rows made at a time. */
export const BLOCK_ROWS = 65_536;

/** Rows `start` to (not with) `end` in blocks, none of which goes over a multiple of `cut`. */
export function* rowBlocks(start: number, end: number, cut: number): Generator<RowBlock> {
  for (let first = start; first < end; ) {
    const next = Math.min(end, first + BLOCK_ROWS, (Math.floor(first / cut) + 1) * cut);
    yield { first, rows: next - first };
    first = next;
  }
}

/**
 * Makes blocks in their order, each in one of two buffers while the other is in use.
 * @param make fills a buffer and says with how much
 * @param use takes it; the buffer is overwritten once the promise has settled. Answers false to end
 */
export async function streamBlocks<Buffer>(
  blocks: Iterable<RowBlock>,
  buffers: readonly [Buffer, Buffer],
  make: (block: RowBlock, buffer: Buffer) => Promise<number>,
  use: (block: RowBlock, buffer: Buffer, made: number) => Promise<boolean>,
): Promise<void> {
  let [current, next] = buffers;
  let waiting: RowBlock | undefined;
  let making: Promise<number> | undefined;
  try {
    for (const block of blocks) {
      const made = await making;
      making = make(block, next);
      // It is awaited later; until then its failure isn't unhandled.
      making.catch(() => {});
      if (waiting && made !== undefined && !(await use(waiting, current, made))) return;
      waiting = block;
      [current, next] = [next, current];
    }
    if (waiting && making) await use(waiting, current, await making);
  } finally {
    await making?.catch(() => {});
  }
}
