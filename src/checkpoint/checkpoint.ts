import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { PssError } from '../errors.ts';
import { makeFolder } from '../make-folder.ts';
import { loadSafetensors, type TensorShape, type TensorStore, writeSafetensors } from './safetensors.ts';

export const MODEL_NAME = 'model.safetensors';
const OPTIMIZER_NAME = 'optimizer.safetensors';
const STATE_NAME = 'state.json';
const FOLDER = 'checkpoints';

const count = z.int().nonnegative();

/** Everything besides tensors that a run needs to go on as if it had never stopped. */
export const trainingStateSchema = z.object({
  schema: z.literal(1),
  /** Steps done. */
  step: count,
  /** Whole epochs done. */
  epoch: count,
  /** Rows of the current epoch already trained on. */
  rowInEpoch: count,
  samples: count,
  seed: count,
  /** SHA-256 of what the weights depend on: config, graph and data. */
  runHash: z.string(),
  bestAuc: z.number().nullable(),
  bestStep: count.nullable(),
  /** Fractional epochs at which the target AUC was first reached. */
  epochsToTarget: z.number().nullable(),
  /** Evaluations in a row whose AUC couldn't be told from one half. */
  stuckEvaluations: count,
  /** Step of the last evaluation finished. */
  lastEvalStep: count.nullable(),
  lastAuc: z.number().nullable(),
  /** Losses since the last step event. */
  unloggedLoss: z.object({ sum: z.number(), steps: count }),
  trainSeconds: z.number().nonnegative(),
  wallSeconds: z.number().nonnegative(),
});

export type TrainingState = z.infer<typeof trainingStateSchema>;

const stateFileSchema = trainingStateSchema.extend({
  /** SHA-256 of the files beside it. */
  checksums: z.object({ model: z.string(), optimizer: z.string() }),
});

type StateFile = z.infer<typeof stateFileSchema>;

/** A run's tensors, as an engine lists them. */
export interface CheckpointTensors extends TensorStore {
  parameters(): readonly TensorShape[];
  optimizerState(): readonly TensorShape[];
}

/** A whole checkpoint on disk. */
export interface Checkpoint {
  readonly folder: string;
  readonly state: TrainingState;
}

/**
 * Writes `checkpoints/step-N` of a run: beside first, flushed, then renamed, so that a crash at any byte leaves the earlier ones whole.
 * If that step is there already, only its state is replaced, since the tensors are the same. Afterwards removes all but the newest `keep`.
 * @param metadata of model.safetensors
 * @returns its path relative to the run directory
 */
export async function writeCheckpoint(
  runDir: string,
  tensors: CheckpointTensors,
  metadata: Readonly<Record<string, string>>,
  state: TrainingState,
  keep: number,
): Promise<string> {
  const parent = join(runDir, FOLDER);
  const name = `step-${state.step}`;
  await removeUnfinished(parent);
  const present = await verifyCheckpoint(join(parent, name)).catch(() => undefined);
  if (present) await replaceState(join(parent, name), { ...state, checksums: present.checksums });
  else await writeWhole(parent, name, tensors, metadata, state);
  for (const old of (await listCheckpoints(runDir)).slice(Math.max(1, keep))) {
    await rm(old, { recursive: true, force: true });
  }
  return `${FOLDER}/${name}`;
}

async function writeWhole(
  parent: string,
  name: string,
  tensors: CheckpointTensors,
  metadata: Readonly<Record<string, string>>,
  state: TrainingState,
): Promise<void> {
  const beside = join(parent, `.${name}.partial`);
  await makeFolder(beside);
  try {
    const model = await writeSafetensors(join(beside, MODEL_NAME), tensors.parameters(), metadata, tensors);
    const optimizerPath = join(beside, OPTIMIZER_NAME);
    const optimizer = await writeSafetensors(optimizerPath, tensors.optimizerState(), {}, tensors);
    await replaceState(beside, { ...state, checksums: { model, optimizer } });
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    throw error;
  }
  // What has this name and isn't whole is of no use.
  await rm(join(parent, name), { recursive: true, force: true });
  await rename(beside, join(parent, name));
  await syncFolder(parent);
}

async function replaceState(folder: string, file: StateFile): Promise<void> {
  const path = join(folder, STATE_NAME);
  await writeFile(`${path}.partial`, `${JSON.stringify(file, null, 2)}\n`, { flush: true });
  await rename(`${path}.partial`, path);
  await syncFolder(folder);
}

/** Folders of a run's checkpoints, newest first. */
export async function listCheckpoints(runDir: string): Promise<string[]> {
  const parent = join(runDir, FOLDER);
  const names = await readdir(parent).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return names
    .flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a)
    .map((step) => join(parent, `step-${step}`));
}

/**
 * The newest checkpoint whose files match their checksums.
 * @param warn told of each damaged one that is passed over
 * @throws PssError ERR_CHECKPOINT when there is none
 */
export async function findCheckpoint(runDir: string, warn: (line: string) => void): Promise<Checkpoint> {
  const folders = await listCheckpoints(runDir);
  for (const folder of folders) {
    try {
      const { checksums: _, ...state } = await verifyCheckpoint(folder);
      return { folder, state };
    } catch (error) {
      if (!(error instanceof PssError)) throw error;
      warn(`${error.message.replace(/\.$/, '')}; trying the one before.`);
    }
  }
  const what = folders.length > 0 ? 'no undamaged checkpoint' : 'no checkpoint';
  throw new PssError('ERR_CHECKPOINT', `${runDir} has ${what}; start a new run with "pss train --config".`);
}

/** Loads a checkpoint's model and optimizer state. */
export async function restoreCheckpoint(checkpoint: Checkpoint, tensors: CheckpointTensors): Promise<void> {
  await loadSafetensors(join(checkpoint.folder, MODEL_NAME), tensors.parameters(), tensors);
  await loadSafetensors(join(checkpoint.folder, OPTIMIZER_NAME), tensors.optimizerState(), tensors);
}

async function verifyCheckpoint(folder: string): Promise<StateFile> {
  const text = await readFile(join(folder, STATE_NAME), 'utf8').catch((cause: unknown) => {
    throw damaged(folder, `${STATE_NAME} can't be read`, cause);
  });
  let parsed: StateFile;
  try {
    parsed = stateFileSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw damaged(folder, `${STATE_NAME} isn't what it should be`, cause);
  }
  const { checksums } = parsed;
  for (const [name, sha256] of [
    [MODEL_NAME, checksums.model],
    [OPTIMIZER_NAME, checksums.optimizer],
  ] as const) {
    if ((await checksum(join(folder, name))) !== sha256) {
      throw damaged(folder, `${name} differs from its checksum`);
    }
  }
  return parsed;
}

async function checksum(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    await pipeline(createReadStream(path), hash);
  } catch {
    return undefined;
  }
  return hash.digest('hex');
}

async function removeUnfinished(parent: string): Promise<void> {
  await makeFolder(parent);
  for (const name of await readdir(parent)) {
    if (name.endsWith('.partial')) await rm(join(parent, name), { recursive: true, force: true });
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  await handle.sync();
  await handle.close();
}

function damaged(folder: string, what: string, cause?: unknown): PssError {
  return new PssError('ERR_CHECKPOINT', `The checkpoint ${folder} is damaged: ${what}.`, { cause });
}
