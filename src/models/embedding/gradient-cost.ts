import type { OptimizerConfig } from '../../config/schema.ts';

/** What one step's update of an array costs depends on this. */
export interface UpdateShape {
  /** |M| */
  readonly memorySize: number;
  /** Chunks of a batch: B·F·⌈D/Z⌉. */
  readonly chunks: number;
  /** Floats of a chunk: min(Z, D). */
  readonly chunkFloats: number;
  readonly optimizer: OptimizerConfig['kind'];
}

/** Nanoseconds a float, on two cores. */
interface UpdateCosts {
  /** To run the optimizer over a float of M, one after the other. */
  readonly dense: number;
  /** To look whether a float was touched. */
  readonly visited: number;
  /** To run the optimizer over a touched float, which lies anywhere. */
  readonly touched: number;
}

/**
 * Measured on the machine of docs/performance.md, where "Dense or sparse gradient" says how to measure them anew. Their ratios matter,
 * not their size. Adam isn't here: its two forms are different algorithms.
 */
const COSTS: Readonly<Record<Exclude<OptimizerConfig['kind'], 'adam'>, UpdateCosts>> = {
  sgd: { dense: 0.132, visited: 0.195, touched: 0.024 },
  adagrad: { dense: 0.173, visited: 0.173, touched: 0.171 },
  'rowwise-adagrad': { dense: 0.13, visited: 0.148, touched: 0.435 },
};

/** A sparse update visits chunk by chunk where M has more floats than this for each of them, else all of M (native/optim/chunk_update.cc). */
const VISITED_FLOATS_OF_CHUNK = 96;

/**
 * What the terms of the model count, in floats: dense − sparse = dense·memorySize − visited·visitedFloats − touched·touchedFloats.
 * Sorting chunks by place and summing them is the same for both, and left out.
 */
export function updateTerms({ memorySize, chunks, chunkFloats }: UpdateShape): {
  visitedFloats: number;
  touchedFloats: number;
} {
  const floats = chunks * chunkFloats;
  return {
    visitedFloats: memorySize < VISITED_FLOATS_OF_CHUNK * chunks ? memorySize : floats,
    // Of chunks thrown anywhere, at the least friendly: with repeated ids fewer are touched.
    touchedFloats: memorySize * -Math.expm1(-floats / memorySize),
  };
}

/** Which gradient updates M faster, by the model above; `dense` for Adam, whose moments move every parameter at every step. */
export function fasterGradient(shape: UpdateShape): 'dense' | 'sparse' {
  if (shape.optimizer === 'adam') return 'dense';
  const costs = COSTS[shape.optimizer];
  const { visitedFloats, touchedFloats } = updateTerms(shape);
  const sparse = costs.visited * visitedFloats + costs.touched * touchedFloats;
  return costs.dense * shape.memorySize > sparse ? 'sparse' : 'dense';
}
