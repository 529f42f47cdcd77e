import { contractCores } from '../../graph/embedding-nodes.ts';
import type { EmbeddingAttributes } from '../../graph/graph-spec.ts';
import { fullTables, splitByMinRows } from './full-tables.ts';
import {
  chooseGradient,
  columnsAttribute,
  commonAttributes,
  type EmbeddingPart,
  knownTables,
  type PlanContext,
  sumOf,
  type Table,
  tooSmall,
} from './plan-context.ts';

type Three = readonly [number, number, number];

/** Larger ranks wouldn't fit a batch's gathered cores in memory. */
const MOST_RANK = 512;

/**
 * Kind tt (TT-Rec, Yin et al., 2021): a table is the product of three cores; the row number is split into three digits, D into three factors.
 * All cores have the one largest rank that the budget allows, and a table that its cores wouldn't make smaller stays full. Raw ids have no
 * digits: each core is looked up by a hash of its own.
 */
export function planTensorTrain(context: PlanContext): EmbeddingPart[] {
  const { dim } = context.config.embedding;
  const factors = dimFactors(dim);
  const { small, large } = splitByMinRows({ ...context, tables: knownTables(context) });
  const smallFloats = sumOf(small, ({ size }) => size) * dim;
  const worth = (table: Table, rank: number) =>
    coresFloats(rowFactors(table.size), factors, rank) < table.size * dim;
  const costAt = (rank: number) =>
    smallFloats +
    sumOf(large, (table) => Math.min(table.size * dim, coresFloats(rowFactors(table.size), factors, rank)));
  if (costAt(1) > context.budget) throw tooSmall(context, costAt(1), 'cores of rank 1');
  let rank = 1;
  while (rank < MOST_RANK && costAt(rank + 1) <= context.budget) rank++;
  const trained = large.filter((table) => worth(table, rank));
  const full = [...small, ...large.filter((table) => !worth(table, rank))];
  const parts = trained.length > 0 ? [trainedTables(context, trained, rank, factors)] : [];
  return full.length > 0 ? [...parts, fullTables(context, full)] : parts;
}

/** Three factors of D, as near to each other as they can be; the smallest in the middle, where the rank counts twice. */
export function dimFactors(dim: number): Three {
  let best: Three = [1, 1, dim];
  const spread = (factors: Three) => factors[0] + factors[1] + factors[2];
  for (let a = 1; a * a * a <= dim; a++) {
    if (dim % a !== 0) continue;
    for (let b = a; a * b * b <= dim; b++) {
      if ((dim / a) % b !== 0) continue;
      const factors: Three = [b, a, dim / a / b];
      if (spread(factors) < spread(best)) best = factors;
    }
  }
  return best;
}

/** Three numbers of rows whose product is at least E, near to each other, the smallest in the middle. */
export function rowFactors(size: number): Three {
  const middle = Math.max(1, Math.floor(Math.cbrt(size) + 1e-9));
  const last = Math.ceil(Math.sqrt(size / middle));
  return [Math.ceil(size / middle / last), middle, last];
}

function coreWidths(factors: Three, rank: number): Three {
  return [factors[0] * rank, rank * factors[1] * rank, rank * factors[2]];
}

function coresFloats(rows: Three, factors: Three, rank: number): number {
  const widths = coreWidths(factors, rank);
  return rows[0] * widths[0] + rows[1] * widths[1] + rows[2] * widths[2];
}

function trainedTables(
  context: PlanContext,
  tables: readonly Table[],
  rank: number,
  factors: Three,
): EmbeddingPart {
  const widths = coreWidths(factors, rank);
  const shapes: readonly Three[] = [
    [1, factors[0], rank],
    [rank, factors[1], rank],
    [rank, factors[2], 1],
  ];
  const rows = tables.map(({ size }) => rowFactors(size));
  const core = (n: 0 | 1 | 2) => {
    const width = widths[n];
    const memorySize = sumOf(rows, (each) => each[n]) * width;
    const common = commonAttributes(context, tables);
    const attributes: EmbeddingAttributes = {
      kind: 'rows',
      dim: width,
      chunkSize: width,
      memorySize,
      ...common,
      // Cores of raw ids are looked up by hashes that have nothing to do with each other.
      hashSeed: common.hashSeed + n * 2 ** 32,
      gradient: chooseGradient(context.config, memorySize, tables.length, {
        kind: 'rows',
        dim: width,
        chunkSize: width,
      }),
      ...columnsAttribute(context, tables),
      rows: rows.map((each) => each[n]),
      divisors: rows.map((each) => (context.numbered ? [each[1] * each[2], each[2], 1][n] : 0) as number),
    };
    const parameters = tables.map(({ column, size }, t) => ({
      name: `embedding.${column}.core${n}.weight`,
      shape: [rows[t]?.[n] as number, ...(shapes[n] as Three)],
      init: coreInit(size, rank),
    }));
    return { attributes, parameters, floats: memorySize };
  };
  const cores = [core(0), core(1), core(2)] as const;
  return {
    suffix: 'cores',
    columns: tables.map(({ column }) => column),
    floats: sumOf(cores, ({ floats }) => floats),
    build: (graph, name, ids) => {
      const [first, middle, last] = cores.map(({ attributes, parameters }, n) =>
        graph.lookup(`${name}.core${n}`, ids, attributes, parameters),
      ) as [
        ReturnType<typeof graph.lookup>,
        ReturnType<typeof graph.lookup>,
        ReturnType<typeof graph.lookup>,
      ];
      return contractCores(graph, name, [first, middle, last], rank, factors);
    },
  };
}

/** Normal values such that a component, a sum of r² products of three, has the variance of a full table's, 1/(3E). */
function coreInit(size: number, rank: number) {
  const variance = 1 / (3 * Math.max(1, size) * rank * rank);
  return { kind: 'normal', std: variance ** (1 / 6) } as const;
}
