import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../make-folder.ts';
import { NUM_TABLES } from '../manifest/manifest.ts';
import type { Job } from './job.ts';
import { type Checkpoint, Journal, type Progress } from './journal.ts';
import type { OutputFolder } from './output-folder.ts';
import { RowRouter } from './row-router.ts';
import { RowSpool } from './row-spool.ts';
import { ShardWriter, type ShardWriterState } from './shard-writer.ts';

const CHECKPOINT_MS = 5000;

/** Everything a job keeps on the disk while it is under way, and the checkpoints from which it can go on. */
export class Workplace {
  readonly job: Job;
  readonly progress: Progress;
  readonly router: RowRouter;
  readonly writers: readonly ShardWriter[];
  /** Rows that wait until all ids are known. */
  readonly unnumbered: RowSpool;
  /** Folder of the output. */
  readonly output: string;
  /** Folders of the splits, in the rule's order. */
  readonly splitFolders: readonly string[];
  /** Folder of the dictionaries' files. */
  readonly vocabulary: string;
  readonly #state: string;
  readonly #journal: Journal;
  readonly #unrouted: RowSpool;
  #sequence: number;
  /** Checkpoint with which each writer's staged rows were last saved, and how many rows it had then. */
  readonly #staged: { sequence: number; rows: number }[];
  #checkpointAt = performance.now();
  #writing: Promise<void> = Promise.resolve();

  private constructor(
    job: Job,
    folder: OutputFolder,
    journal: Journal,
    parts: Pick<Workplace, 'progress' | 'writers' | 'unnumbered' | 'splitFolders'> & {
      sent: number;
      unrouted: RowSpool;
      sequence: number;
      staged: Checkpoint['staged'];
    },
  ) {
    this.job = job;
    this.progress = parts.progress;
    this.writers = parts.writers;
    this.unnumbered = parts.unnumbered;
    this.output = folder.output;
    this.splitFolders = parts.splitFolders;
    this.vocabulary = join(folder.state, 'vocabulary');
    this.router = new RowRouter(job.rule, parts.writers, parts.unrouted, parts.sent);
    this.#state = folder.state;
    this.#journal = journal;
    this.#unrouted = parts.unrouted;
    this.#sequence = parts.sequence;
    this.#staged = parts.staged.map((saved) => ({ ...saved }));
  }

  /** Goes on from the last checkpoint in the folder, or begins. @throws UsageError ERR_RESUME */
  static async open(job: Job, folder: OutputFolder): Promise<Workplace> {
    const journal = new Journal(folder.state, job);
    const last = await journal.read();
    const splitFolders = job.rule.splits.map((split) =>
      split === 'all' ? folder.output : join(folder.output, split),
    );
    const staged = last?.staged ?? splitFolders.map(() => ({ sequence: 0, rows: 0 }));
    const writers: ShardWriter[] = [];
    for (const [i, path] of splitFolders.entries()) {
      const state = last?.writers[i] ?? NOTHING_WRITTEN;
      writers.push(await ShardWriter.restore(path, state, stagedPath(folder.state, i, staged[i]?.sequence)));
    }
    await makeFolder(join(folder.state, 'vocabulary'));
    return new Workplace(job, folder, journal, {
      progress: last?.progress ?? begin(job),
      writers,
      unnumbered: await RowSpool.open(join(folder.state, 'unnumbered'), last?.unnumbered),
      unrouted: await RowSpool.open(join(folder.state, 'unrouted'), last?.unrouted),
      splitFolders,
      sent: last?.sent ?? 0,
      sequence: last?.sequence ?? 0,
      staged,
    });
  }

  /** Whether an earlier run has left a checkpoint. */
  get resumed(): boolean {
    return this.#sequence > 0;
  }

  /** What `checkpoint` was last given, or undefined. */
  async loadSketches(): Promise<Uint8Array | undefined> {
    if (this.#sequence === 0 || this.job.options.ids === 'vocab') return undefined;
    return readFile(sketchPath(this.#state, this.#sequence));
  }

  /** Whether the last checkpoint is so long ago that another is worth its time. */
  get checkpointDue(): boolean {
    return performance.now() - this.#checkpointAt >= (this.job.options.checkpointMs ?? CHECKPOINT_MS);
  }

  /**
   * Makes what has been done so far the state to go on from. Nothing may be under way in the parts meanwhile.
   * @param sketches registers of distinct values, with `ids: raw`
   */
  checkpoint(sketches: Uint8Array | undefined): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write(sketches));
    return this.#writing;
  }

  /** Closes what is open, as it is. */
  async close(): Promise<void> {
    await Promise.all(this.writers.map((writer) => writer.abandon()));
  }

  async #write(sketches: Uint8Array | undefined): Promise<void> {
    const sequence = this.#sequence + 1;
    const outdated: string[] = [];
    for (const [i, writer] of this.writers.entries()) {
      const { rows, stagedRows } = writer.state;
      const saved = this.#staged[i];
      if (!saved || saved.rows === rows + stagedRows) continue;
      await writer.saveStaged(stagedPath(this.#state, i, sequence));
      outdated.push(stagedPath(this.#state, i, saved.sequence));
      this.#staged[i] = { sequence, rows: rows + stagedRows };
    }
    if (sketches) await writeFile(sketchPath(this.#state, sequence), sketches);
    const checkpoint: Checkpoint = {
      sequence,
      progress: this.progress,
      sent: this.router.sent,
      writers: this.writers.map(({ state }) => state),
      unnumbered: this.unnumbered.state,
      unrouted: this.#unrouted.state,
      staged: this.#staged,
    };
    await this.#journal.write(checkpoint);
    await this.unnumbered.forget();
    await this.#unrouted.forget();
    for (const path of outdated) await rm(path, { force: true });
    await rm(sketchPath(this.#state, this.#sequence), { force: true });
    this.#sequence = sequence;
    this.#checkpointAt = performance.now();
  }
}

const NOTHING_WRITTEN: ShardWriterState = { files: [], rows: 0, clicks: 0, open: null, stagedRows: 0 };

function begin(job: Job): Progress {
  const perTable = () => Array.from({ length: NUM_TABLES }, () => 0);
  return {
    phase: 'read',
    position: null,
    perInput: job.inputs.files.map(() => 0),
    rows: 0,
    summary: null,
    encoded: { values: perTable(), pending: perTable() },
    kept: null,
    rounds: perTable().map(() => []),
    used: perTable().map(() => []),
  };
}

function stagedPath(folder: string, split: number, sequence: number | undefined): string {
  return join(folder, `staged-${split}-${sequence}`);
}

function sketchPath(folder: string, sequence: number): string {
  return join(folder, `sketches-${sequence}`);
}
