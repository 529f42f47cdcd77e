import type { Mutation } from './mutation.ts';

const GEMM = { kernels: 'gemm_bf16_small_kernel', caughtBy: 'bf16' } as const;

/** Mistakes in device code. */
export const KERNEL_MUTATIONS: readonly Mutation[] = [
  {
    ...GEMM,
    name: 'the barrier between filling a stage and reading it is dropped',
    file: 'backend/cuda/gemm_body.cuh',
    find: '    __syncthreads();\n    fill(step + kGemmStages - 1);',
    replace: '    fill(step + kGemmStages - 1);',
    says: /race|whole numbers come out exact/,
    env: { PTX_RACE: '1', PTX_ORDER: 'rand', PTX_SEED: '1' },
    core: true,
  },
  {
    ...GEMM,
    name: 'copies of a stage are not waited for',
    file: 'backend/cuda/gemm_body.cuh',
    find: '    pss::wait_for_copies<kGemmStages - 2>();\n',
    replace: '',
    says: /whole numbers come out exact/,
  },
  {
    ...GEMM,
    name: 'rows are stored at the stride of their length, not of their padding',
    file: 'backend/cuda/gemm_body.cuh',
    find: 'pss::store4(c + row * p.c_ld + column',
    replace: 'pss::store4(c + row * p.n + column',
    says: /whole numbers come out exact/,
  },
  {
    ...GEMM,
    name: 'rows beyond the last are stored',
    file: 'backend/cuda/gemm_body.cuh',
    find: 'if (row >= p.m || column >= p.n) return;',
    replace: 'if (column >= p.n) return;',
    says: /whole numbers come out exact/,
    core: true,
  },
  {
    ...GEMM,
    name: 'the mask lets gradients through where the value is zero',
    file: 'backend/cuda/quad.cuh',
    find: 'return {by.x > 0 ? value.x : 0,',
    replace: 'return {by.x >= 0 ? value.x : 0,',
    says: /whole numbers come out exact/,
  },
  {
    ...GEMM,
    name: 'rows of k lie in the same banks',
    file: 'backend/cuda/gemm_tile.cuh',
    find: 'static int permutation(int k) { return k & 7; }',
    replace: 'static int permutation(int) { return 0; }',
    caughtBy: 'counters',
    says: /without bank conflicts/,
  },
  {
    name: "the warps' column sums are added before all are there",
    kernels: 'linear_kernel',
    file: 'backend/cuda/column_sums.cuh',
    find: '  sums[threadIdx.x / 32][lane] = sum;\n  __syncthreads();\n',
    replace: '  sums[threadIdx.x / 32][lane] = sum;\n',
    caughtBy: 'bf16',
    says: /race|whole numbers come out exact/,
    env: { PTX_RACE: '1' },
  },
  {
    name: 'the last part of a sum is left out',
    kernels: 'partial_sums_kernel',
    file: 'backend/cuda/partial_sums_kernel.cu',
    find: 'part < job.parts; part++',
    replace: 'part + 1 < job.parts; part++',
    caughtBy: 'bf16',
    says: /whole numbers come out exact/,
  },
  {
    name: 'updates leave the copy of the weights that products read as it was',
    kernels: 'optimizer_kernel',
    file: 'optim/optimizer_kernel.cu',
    find: '    if (block.rounded) pss::store4(block.rounded + i, pss::load4(block.weights + i), 4);\n',
    replace: '',
    caughtBy: 'bf16',
    says: /20 steps learn as in float32/,
  },
  {
    name: 'a loss that is not finite does not stop updates',
    kernels: 'optimizer_kernel',
    file: 'optim/optimizer_kernel.cu',
    find: '  if (control.halted) return;\n',
    replace: '',
    caughtBy: 'step',
    says: /a loss that is not finite stops every later update/,
  },
  {
    name: 'the interaction reads vectors whose copies it has not waited for',
    kernels: 'dot_interaction_kernel',
    file: 'ops/dot_interaction/dot_interaction_kernel.cu',
    find: `    gather_slice(vectors, in, b, slice);
    pss::wait_for_copies<0>();
    __syncthreads();
    for (int i = thread; i < slice.floats`,
    replace: `    gather_slice(vectors, in, b, slice);
    __syncthreads();
    for (int i = thread; i < slice.floats`,
    caughtBy: 'embedding',
    says: /FAIL/,
  },
  {
    name: 'the sort of chunks reads the sums of warps before they are there',
    kernels: 'chunk_sort_kernel',
    file: 'optim/chunk_sort_kernel.cu',
    find: '  if (lane == 31) sums[warp] = inclusive;\n  __syncthreads();\n',
    replace: '  if (lane == 31) sums[warp] = inclusive;\n',
    caughtBy: 'updates',
    says: /FAIL/,
    env: { PTX_RACE: '1' },
  },
  {
    name: 'tiles of a product are read before every thread has formed its share of them',
    kernels: 'cin_products_kernel',
    file: 'ops/cin/cin_products_kernel.cu',
    find: `    // This step's tiles are there, and everyone is done with the last step's.
    __syncthreads();
`,
    replace: '',
    caughtBy: 'interactions',
    says: /FAIL/,
    env: { PTX_RACE: '1', PTX_ORDER: 'rand', PTX_SEED: '1' },
  },
  {
    name: 'the sum of a map that goes on in the next tile is forgotten',
    kernels: 'cin_products_kernel',
    file: 'ops/cin/cin_products_kernel.cu',
    find: 'float sum = begin < k0 ? carry[tile % 2 * kCinTile + column] : 0;',
    replace: 'float sum = 0;',
    caughtBy: 'interactions',
    says: /FAIL/,
  },
  {
    name: 'scores become probabilities before they are all there',
    kernels: 'self_attention_kernel',
    file: 'ops/self_attention/self_attention_kernel.cu',
    find: `sum11;
  }
  __syncthreads();`,
    replace: `sum11;
  }`,
    caughtBy: 'interactions',
    says: /FAIL/,
    env: { PTX_RACE: '1' },
  },
];
