import type { CriteoSummary } from '../addon/criteo-types.ts';
import { MANIFEST_VERSION, type Manifest, type SplitName, type StoredFile } from '../manifest/manifest.ts';
import { describeRejected } from './bad-rows.ts';
import type { PrepareOptions } from './prepare-options.ts';
import type { WrittenShards } from './shard-writer.ts';
import type { SplitRule } from './split-rule.ts';

/** What all splits of one job have in common. */
export interface WholeInput {
  readonly options: PrepareOptions;
  readonly rule: SplitRule;
  /** Paths of the raw files. */
  readonly inputs: readonly string[];
  readonly summary: CriteoSummary;
  /** Exact with `ids: vocab`, else estimates. */
  readonly tableSizes: number[];
  /** Named relative to the job's folder; only with `ids: vocab`. */
  readonly vocabulary: StoredFile | undefined;
}

/** The manifest of one split. Its keys come in a fixed order, so its bytes are a function of its contents. */
export function buildManifest(whole: WholeInput, split: SplitName, shards: WrittenShards): Manifest {
  const { options, rule, inputs, summary, tableSizes, vocabulary } = whole;
  return {
    schemaVersion: MANIFEST_VERSION,
    profile: options.dense ?? 'dlrm',
    ids: options.ids ?? 'raw',
    maxIndex: options.maxIndex ?? null,
    ...(options.minCount !== undefined && options.minCount > 1 && { minCount: options.minCount }),
    split,
    splitRule: split === 'all' ? null : rule.text,
    rows: shards.rows,
    clicks: shards.clicks,
    ...(vocabulary ? { tableSizes } : { distinct: tableSizes }),
    ...(vocabulary && {
      vocabulary: { ...vocabulary, name: split === 'all' ? vocabulary.name : `../${vocabulary.name}` },
    }),
    files: shards.files,
    rejected: describeRejected(inputs, summary),
    inputs: summary.inputs.map(({ rows, rejected }, i) => ({ name: inputs[i] ?? '', rows, rejected })),
  };
}
