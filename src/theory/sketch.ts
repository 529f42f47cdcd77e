import type { Addon } from '../addon/addon-types.ts';
import { UsageError } from '../errors.ts';
import { gaussianMacroEpsilon, gaussianMicroEpsilon, macroEpsilon, microEpsilon } from './bounds.ts';
import { type MacroErrors, MacroMeter } from './macro-error.ts';
import { type Method, parseMethod } from './methods.ts';
import { ImportanceBins, type MicroErrors, MicroMeter } from './micro-error.ts';
import { type Memory, SharedTable } from './shared-table.ts';
import type { Table } from './table.ts';
import { measureTable, type TableFacts } from './table-facts.ts';

/** How M is made of a table: `sketch` is M = Aᵀ·E, `mean` the M whose table is nearest to E. */
export type Recovery = 'sketch' | 'mean';

export interface SketchRequest {
  readonly table: Table;
  /** Names as `parseMethod` takes them. */
  readonly methods: readonly string[];
  /** Sizes of M in floats; each method takes the largest it can have that isn't larger. */
  readonly memorySizes: readonly number[];
  readonly seed: number;
  /** Probability with which the bounds may fail. */
  readonly delta: number;
  readonly threads: number;
}

/** One table compressed by one method to one size. */
export interface SketchResult {
  readonly method: string;
  readonly recovery: Recovery;
  /** |M| in floats. */
  readonly memorySize: number;
  readonly memoryBytes: number;
  /** n·d / |M| */
  readonly compression: number;
  readonly macro: MacroErrors;
  readonly micro: readonly MicroErrors[];
  /** What the theorems promise of a JLT with as many floats; null where they promise nothing at this size. */
  readonly bounds: SketchBounds;
}

export interface SketchBounds {
  /** Theorem 6, through the net. */
  readonly macro: number | null;
  /** The same for a Gaussian S, by its singular values. */
  readonly macroGaussian: number;
  /** Theorem 7 for each bin of `micro`, at its smallest importance. */
  readonly micro: readonly (number | null)[];
  /** The same for a Gaussian S. */
  readonly microGaussian: readonly (number | null)[];
}

export interface SketchReport {
  readonly rows: number;
  readonly dim: number;
  readonly frobeniusNorm: number;
  /** σ(E) */
  readonly sigma: number;
  readonly rank: number;
  readonly zeroRows: number;
  readonly seed: number;
  readonly delta: number;
  readonly results: readonly SketchResult[];
}

/** Floats of a block of rows: enough to keep threads busy, few enough to be nothing beside a table. */
const BLOCK_FLOATS = 1 << 20;

/**
 * Compresses a trained table with every method to every size, and measures what is lost.
 * Reads the table twice for each of them, and once before.
 * @param onProgress sketches done, of how many, and which is being made
 * @throws UsageError ERR_USAGE for methods and sizes that can't be; PssError ERR_TABLE for a table that can't be compressed
 */
export async function sketchTable(
  addon: Addon,
  request: SketchRequest,
  onProgress: (done: number, total: number, note: string) => void = () => {},
): Promise<SketchReport> {
  const { table, seed, delta } = request;
  const methods = request.methods.map((name) => parseMethod(name, table.dim));
  const jobs = methods.flatMap((method) => sizesOf(method, request).map((size) => ({ method, size })));
  const blockRows = Math.max(1, Math.floor(BLOCK_FLOATS / table.dim));
  const facts = await measureTable(table, blockRows);
  const meters = { facts, macro: new MacroMeter(facts, seed), bins: new ImportanceBins(facts) };
  const results: SketchResult[] = [];
  for (const [index, { method, size }] of jobs.entries()) {
    const { rows, dim } = table;
    onProgress(index, jobs.length, `${method.name}, ${size} floats`);
    const { threads } = request;
    const shared = new SharedTable(addon, { method, rows, dim, memorySize: size, seed, threads, blockRows });
    const sketch = await shared.transposed(table.blocks(blockRows));
    const measured = await measure(shared, sketch, 'sketch', method, request, meters, blockRows);
    results.push(measured);
    if (method.nearest === undefined) continue;
    const mean = await (method.nearest === 'means' ? shared.mean(sketch) : shared.nearest(sketch));
    results.push(await measure(shared, mean, 'mean', method, request, meters, blockRows));
  }
  onProgress(jobs.length, jobs.length, '');
  const { frobeniusNorm, sigma, singularValues, norms } = facts;
  return {
    rows: table.rows,
    dim: table.dim,
    frobeniusNorm,
    sigma,
    rank: singularValues.length,
    zeroRows: norms.filter((norm) => norm === 0).length,
    seed,
    delta,
    results,
  };
}

interface Meters {
  readonly facts: TableFacts;
  readonly macro: MacroMeter;
  readonly bins: ImportanceBins;
}

async function measure(
  shared: SharedTable,
  memory: Memory,
  recovery: Recovery,
  method: Method,
  { table, seed, delta }: SketchRequest,
  { facts, macro, bins }: Meters,
  blockRows: number,
): Promise<SketchResult> {
  const { rows, dim } = table;
  const cross = new Float64Array(dim * dim);
  const rowsMeter = new MicroMeter(facts, bins, seed);
  await shared.withMemory(memory, async (lookUp) => {
    for await (const block of table.blocks(blockRows)) {
      const recovered = await lookUp(block.first, block.count);
      addCross(cross, block.values, recovered, dim);
      rowsMeter.add(block, recovered);
    }
  });
  const micro = rowsMeter.measure();
  const memoryRows = shared.memorySize / dim;
  return {
    method: method.name,
    recovery,
    memorySize: shared.memorySize,
    memoryBytes: shared.memorySize * 4,
    compression: (rows * dim) / shared.memorySize,
    macro: macro.measure(cross),
    micro,
    bounds: {
      macro: macroEpsilon(memoryRows, dim, delta) ?? null,
      macroGaussian: gaussianMacroEpsilon(memoryRows, dim, delta),
      micro: micro.map(({ rhoAbove }) => finite(microEpsilon(memoryRows, rows, dim, delta, rhoAbove))),
      microGaussian: micro.map(({ rhoAbove }) =>
        finite(gaussianMicroEpsilon(memoryRows, rows, dim, delta, rhoAbove)),
      ),
    },
  };
}

/** Nothing is promised of the last bin, which has rows of any small importance. */
function finite(epsilon: number | undefined): number | null {
  return epsilon !== undefined && Number.isFinite(epsilon) ? epsilon : null;
}

/** cross[a, b] += Σ_i Ê[i, a]·E[i, b]: xᵀ·cross·y is ⟨Êx, Ey⟩. */
function addCross(cross: Float64Array, exact: Float32Array, recovered: Float32Array, dim: number): void {
  for (let start = 0; start < exact.length; start += dim) {
    for (let a = 0; a < dim; a++) {
      const value = recovered[start + a] as number;
      for (let b = 0; b < dim; b++) {
        cross[a * dim + b] = (cross[a * dim + b] as number) + value * (exact[start + b] as number);
      }
    }
  }
}

/** The sizes a method takes, without repetition. */
function sizesOf(method: Method, { table, memorySizes }: SketchRequest): number[] {
  const floats = table.rows * table.dim;
  const sizes = memorySizes.map((size) => {
    if (size > floats) {
      throw new UsageError(
        'ERR_USAGE',
        `A memory of ${size} floats is more than the table's ${table.rows} × ${table.dim} = ${floats}; give smaller sizes.`,
      );
    }
    const cut = size - (size % method.unit);
    if (cut === 0) {
      throw new UsageError(
        'ERR_USAGE',
        `A memory of ${size} floats is too small for ${method.name}, which takes ${method.unit} at a time; give larger sizes.`,
      );
    }
    return cut;
  });
  return [...new Set(sizes)];
}
