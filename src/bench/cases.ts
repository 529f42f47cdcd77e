import { type Config, parseConfig } from '../config/config.ts';
import { UsageError } from '../errors.ts';
import { buildModel, type Model } from '../models/build-model.ts';

/** Rows of the tables of Criteo Terabyte, capped at 40,000,000 (MLPerf), and of Criteo Kaggle; contiguous ids. */
const TERABYTE_SIZES = [
  40000000, 39060, 17295, 7424, 20265, 3, 7122, 1543, 63, 40000000, 3067956, 405282, 10, 2209, 11938, 155, 4,
  976, 14, 40000000, 40000000, 40000000, 590152, 12973, 108, 36,
];
const KAGGLE_SIZES = [
  1460, 583, 10131227, 2202608, 305, 24, 12517, 633, 3, 93145, 5683, 8351593, 3194, 27, 14992, 5461306, 10,
  5652, 2173, 4, 7046547, 18, 15, 286181, 105, 142572,
];

/** The models the paper times, as DLRM's authors and MLPerf train them. */
const WORKLOADS = {
  tb: {
    sizes: TERABYTE_SIZES,
    memorySize: 2_604_800,
    yaml: `
embedding: { kind: robe, dim: 128, chunkSize: 32 }`,
    dlrm: `
model: { kind: dlrm, bottomMlp: [512, 256, 128], topMlp: [1024, 1024, 512, 256, 1] }
optimizer: { kind: sgd, learningRate: 1.0 }`,
  },
  kaggle: {
    sizes: KAGGLE_SIZES,
    memorySize: 540_000,
    yaml: `
embedding: { kind: robe, dim: 16, chunkSize: 16 }`,
    dlrm: `
model: { kind: dlrm, bottomMlp: [512, 256, 64, 16], topMlp: [512, 256, 1] }
optimizer: { kind: sgd, learningRate: 0.1 }`,
  },
} as const;

/** Any other model has the sizes of the paper, which are the defaults, and its optimizer. */
const DEEP = `
model: { kind: KIND }
optimizer: { kind: adam, learningRate: 0.001 }`;

/** Name of a case: workload and batch size. */
export const CASES = ['tb-2048', 'kaggle-2048', 'kaggle-128', 'tb-16384', 'kaggle-16384'] as const;
/** Those that are timed unless others are named: batches as models are trained with, and as they predict. */
export const DEFAULT_CASES = { step: CASES.slice(0, 3), inference: CASES.slice(3) } as const;

export interface BenchCase {
  readonly name: string;
  readonly batchSize: number;
  /** E_t, from which ids are drawn. */
  readonly tableSizes: readonly number[];
  readonly config: Config;
  readonly model: Model;
}

/** Tables of at most so many rows keep their size when the others are scaled down. */
const SMALL_TABLE_ROWS = 1000;

/** What is changed in a case. */
export interface CaseChanges {
  /** |M| in floats. */
  readonly memorySize?: number | undefined;
  /** Rows of all tables together, about; large tables are scaled down to it alike. */
  readonly tableRows?: number | undefined;
  /** Anything else of its config, as `--set` takes it. */
  readonly sets?: readonly string[];
}

/**
 * A case by name, changed on request.
 * @throws UsageError ERR_BENCH for an unknown name or rows that tables can't be scaled to, ERR_CONFIG for settings that don't fit
 */
export function benchCase(name: string, options: CaseChanges = {}): BenchCase {
  const [workloadName, batch] = name.split('-');
  const workload = WORKLOADS[workloadName as keyof typeof WORKLOADS];
  if (!(CASES as readonly string[]).includes(name) || !workload) {
    throw new UsageError('ERR_BENCH', `There is no case "${name}"; use one of ${CASES.join(', ')}.`);
  }
  const batchSize = Number(batch);
  const tableSizes =
    options.tableRows === undefined ? workload.sizes : scaleTables(name, workload.sizes, options.tableRows);
  const sizeless = (options.sets ?? []).some((set) =>
    /^embedding\.(kind=full|compression=|memorySize=)/.test(set),
  );
  // Chunks are ROBE's.
  const chunkless = (options.sets ?? []).some((set) => /^embedding\.kind=(?!robe)/.test(set));
  // A model of another kind shares no keys with DLRM, so its kind is settled before the other settings are laid on top.
  const kindOf = (set: string) => /^model\.kind=(\w+)$/.exec(set)?.[1];
  const kind = (options.sets ?? []).map(kindOf).findLast((named) => named !== undefined) ?? 'dlrm';
  const modelYaml = kind === 'dlrm' ? workload.dlrm : DEEP.replace('KIND', kind);
  const sets = [
    `data.batchSize=${batchSize}`,
    ...(chunkless ? ['embedding.chunkSize=null'] : []),
    ...(sizeless ? [] : [`embedding.memorySize=${options.memorySize ?? workload.memorySize}`]),
    ...(options.sets ?? []).filter((set) => kindOf(set) === undefined),
  ];
  const config = parseConfig(
    `data: { train: none, eval: none }${workload.yaml}${modelYaml}\n`,
    `case ${name}`,
    sets,
  );
  const model = buildModel(config, {
    numDense: 13,
    numTables: tableSizes.length,
    ids: 'vocab',
    tableSizes,
  });
  return { name, batchSize, tableSizes, config, model };
}

function scaleTables(name: string, sizes: readonly number[], rows: number): number[] {
  const sum = (some: readonly number[]) => some.reduce((a, b) => a + b, 0);
  const large = sizes.filter((size) => size > SMALL_TABLE_ROWS);
  const kept = sum(sizes) - sum(large);
  const least = kept + large.length * SMALL_TABLE_ROWS;
  if (rows < least || rows > sum(sizes)) {
    throw new UsageError(
      'ERR_BENCH',
      `The tables of ${name} have ${sum(sizes)} rows and can't be scaled to ${rows}; give --table-rows from ${least} to that.`,
    );
  }
  const factor = (rows - kept) / sum(large);
  return sizes.map((size) => (size > SMALL_TABLE_ROWS ? Math.max(1, Math.round(size * factor)) : size));
}
