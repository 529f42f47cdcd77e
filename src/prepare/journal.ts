import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CriteoPosition, CriteoSummary, EncodedCounts } from '../addon/criteo-types.ts';
import { UsageError } from '../errors.ts';
import type { InputIdentity } from './inputs.ts';
import type { Job } from './job.ts';
import type { SpoolState } from './row-spool.ts';
import type { ShardWriterState } from './shard-writer.ts';

/** What must be the same for a run to go on where another stopped. */
interface JobIdentity {
  readonly options: Readonly<Record<string, string | number>>;
  readonly inputs: readonly InputIdentity[];
}

/** What was found in one round for a column: ids given, and values left for the next round. */
export interface Round {
  readonly values: number;
  readonly pending: number;
}

/** How far a job has come. What it says of files holds for their beginnings: they may have grown since. */
export interface Progress {
  /**
   * `read`: raw rows are read; `count`: all are read, ids are counted to tell rare ones; `number`: values that had no place in memory
   * get their ids; `write`: rows that waited for that go to their shards.
   */
  phase: 'read' | 'count' | 'number' | 'write';
  /** Where reading goes on; null at the start. */
  position: CriteoPosition | null;
  /** Rows read, of each input and together. */
  perInput: number[];
  rows: number;
  /** Of all inputs, once they are read. */
  summary: CriteoSummary | null;
  /** Dictionaries, with `ids: vocab`. */
  encoded: EncodedCounts;
  /** Values that every column keeps, where rare ones are left out. */
  kept: number[] | null;
  /** By column. */
  rounds: Round[][];
  /** Ids that have been put into rows, by column and round. */
  used: number[][];
}

/** A checkpoint: progress, and the state of the files it is made of. */
export interface Checkpoint {
  /** Numbers checkpoints; files that belong to one alone have it in their names. */
  readonly sequence: number;
  readonly progress: Progress;
  /** Rows sent to writers. */
  readonly sent: number;
  readonly writers: readonly ShardWriterState[];
  /** Of every writer: the checkpoint whose file has its staged rows, and the rows it had then, staged ones included. */
  readonly staged: readonly { readonly sequence: number; readonly rows: number }[];
  /** Rows that wait for ids. */
  readonly unnumbered: SpoolState;
  /** Rows that wait for their split. */
  readonly unrouted: SpoolState;
}

const JOURNAL_FILE = 'journal.json';
/** Version of the journal and of the files beside it. */
const JOURNAL_VERSION = 1;

/** The last checkpoint of a job, replaced as a whole, so that there is always one. */
export class Journal {
  readonly #folder: string;
  readonly #identity: JobIdentity;

  constructor(folder: string, job: Job) {
    this.#folder = folder;
    this.#identity = identify(job);
  }

  /**
   * @returns the last checkpoint, undefined when there is none yet
   * @throws UsageError ERR_RESUME when it belongs to another job
   */
  async read(): Promise<Checkpoint | undefined> {
    const text = await readFile(join(this.#folder, JOURNAL_FILE), 'utf8').catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      },
    );
    if (text === undefined) return undefined;
    const { version, identity, checkpoint } = JSON.parse(text);
    const difference = version === JOURNAL_VERSION ? differ(identity, this.#identity) : 'the version of pss';
    if (difference !== undefined) {
      throw new UsageError(
        'ERR_RESUME',
        `The interrupted run can't be resumed, since ${difference} isn't what it was; run the same command on the same files, or remove the folder *.unfinished to start over.`,
      );
    }
    return checkpoint as Checkpoint;
  }

  async write(checkpoint: Checkpoint): Promise<void> {
    const path = join(this.#folder, JOURNAL_FILE);
    const text = JSON.stringify({ version: JOURNAL_VERSION, identity: this.#identity, checkpoint });
    try {
      await writeFile(`${path}.new`, text, { flush: true });
    } catch (error) {
      await rm(`${path}.new`, { force: true });
      throw error;
    }
    await rename(`${path}.new`, path);
  }
}

function identify({ options, inputs, limit, rule, dictionaryBytes, minCount }: Job): JobIdentity {
  const { ids = 'raw', maxIndex = 0, dense = 'dlrm' } = options;
  return {
    options: {
      '--ids': ids,
      '--max-index': maxIndex,
      '--dense': dense,
      '--split': rule.text,
      '--max-bad-rows': limit.text,
      '--min-count': minCount,
      // Dictionaries that were filled must have the same room again.
      ...(ids === 'vocab' && { '--memory or --jobs': dictionaryBytes }),
    },
    inputs: inputs.identities,
  };
}

/** Names the first difference. */
function differ(before: JobIdentity, now: JobIdentity): string | undefined {
  const option = Object.keys(now.options).find((key) => before.options[key] !== now.options[key]);
  if (option !== undefined) return option;
  if (before.inputs.length !== now.inputs.length) return 'the number of input files';
  const changed = now.inputs.findIndex(
    (input, i) => JSON.stringify(input) !== JSON.stringify(before.inputs[i]),
  );
  return changed < 0 ? undefined : `input ${now.inputs[changed]?.name}`;
}
