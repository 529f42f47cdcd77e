import { z } from 'zod';

/** Name of the file that describes a prepared folder. */
export const MANIFEST_FILE = 'manifest.json';

/** Version of the shard and manifest layout this code writes and reads. */
export const MANIFEST_VERSION = 1;

/** N, the numeric features I1..I13. */
export const NUM_DENSE = 13;

/** T, the categorical features C1..C26. */
export const NUM_TABLES = 26;

/** Why a row was left out. */
export const REJECT_REASONS = [
  'columns',
  'label',
  'integer',
  'range',
  'hex',
  'long-line',
  'binary',
  'truncated-gzip',
] as const;

const count = z.number().int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const perTable = z.array(count).length(NUM_TABLES);

const storedFile = z.object({
  /** Path relative to the manifest. */
  name: z.string().min(1),
  rows: count,
  sizeBytes: count,
  sha256,
});

const rejectSample = z.object({
  /** Input as it was given on the command line; `-` is standard input. */
  file: z.string(),
  /** From 1. */
  line: z.number().int().positive(),
  reason: z.enum(REJECT_REASONS),
  /** The start of the row, or the column at fault with its text; unprintable bytes are shown as `?`. */
  excerpt: z.string(),
});

/** What `manifest.json` holds. Nothing in it depends on the time, the machine or the number of threads. */
export const manifestSchema = z.object({
  schemaVersion: z.literal(MANIFEST_VERSION),
  /** How I1..I13 were transformed. */
  profile: z.enum(['dlrm', 'log3', 'none']),
  /** `raw`: the 32-bit hashes themselves; `vocab`: contiguous ids per column, by order of first appearance. */
  ids: z.enum(['raw', 'vocab']),
  /** Ids were taken modulo this (before the dictionary, when there is one), or null. */
  maxIndex: z.number().int().positive().nullable(),
  /** Values seen fewer times share id 0, and the dictionary begins at 1. Only with `ids: vocab`, when there was such a limit. */
  minCount: z.number().int().min(2).optional(),
  /** The part of the input in this folder; `all` without a split. */
  split: z.enum(['all', 'train', 'test', 'validation']),
  /** The rule that made the split, e.g. `head:2560`, or null. */
  splitRule: z.string().nullable(),
  rows: count,
  /** Rows whose label is 1. */
  clicks: count,
  /** E_t of every table, over the whole input (all splits). Only with `ids: vocab`. */
  tableSizes: perTable.optional(),
  /** HyperLogLog estimate of the distinct ids of every column, over the whole input (all splits). Only with `ids: raw`. */
  distinct: perTable.optional(),
  /** The dictionary behind `ids: vocab`: an Arrow file of (column, id, value). */
  vocabulary: storedFile.optional(),
  /** The shards, in the order of the rows. */
  files: z.array(storedFile),
  /** What was left out, over the whole input (all splits). */
  rejected: z.object({
    rows: count,
    byReason: z.partialRecord(z.enum(REJECT_REASONS), count),
    /** The first of them, at most 20. */
    samples: z.array(rejectSample),
  }),
  /** The raw files read, in order, with the rows accepted and rejected from each. */
  inputs: z.array(z.object({ name: z.string(), rows: count, rejected: count })),
});

/** Contents of `manifest.json`. */
export type Manifest = z.infer<typeof manifestSchema>;

/** A file named by a manifest, with its checksum. */
export type StoredFile = z.infer<typeof storedFile>;

/** One rejected row of a manifest. */
export type RejectSample = z.infer<typeof rejectSample>;

/** Why a row was left out. */
export type RejectReason = (typeof REJECT_REASONS)[number];

/** How the numeric features are transformed. */
export type DenseProfile = Manifest['profile'];

/** How categorical values become ids. */
export type IdKind = Manifest['ids'];

/** The name of a split, `all` without one. */
export type SplitName = Manifest['split'];
