import type { Mutation } from './mutation.ts';

const STEPS = { caughtBy: 'step', says: /steps|bits|loss/ } as const;

/** Mistakes in host code. */
export const HOST_MUTATIONS: readonly Mutation[] = [
  {
    ...STEPS,
    name: 'a step does not wait for its batch to arrive',
    file: 'graph/batch_upload.cc',
    find: '  slot.uploaded.wait_on(*compute_);\n',
    replace: '',
    env: { PTX_STREAMS: 'rand', PTX_SEED: '2' },
    core: true,
  },
  {
    ...STEPS,
    name: 'a batch is overwritten on the GPU while a step may read it',
    file: 'graph/batch_upload.cc',
    find: '    slot.uploaded.synchronize();\n    slot.consumed.wait_on(copies_);',
    replace: '    slot.uploaded.synchronize();',
    env: { PTX_STREAMS: 'rand', PTX_SEED: '3' },
  },
  {
    ...STEPS,
    name: 'pinned memory is filled again before its copy ran',
    file: 'graph/batch_upload.cc',
    find: '    slot.uploaded.synchronize();\n',
    replace: '',
    env: { PTX_STRICT: '1' },
  },
  {
    ...STEPS,
    name: 'losses are looked at before they arrive',
    file: 'graph/cuda_program.cc',
    find: `  fill_words(&control_.as<StepControl>()->halted, 0, 1, stream_);
  stream_.synchronize();
  settle_timings();
  if (uses_graphs_)`,
    replace: `  fill_words(&control_.as<StepControl>()->halted, 0, 1, stream_);
  settle_timings();
  if (uses_graphs_)`,
  },
  {
    name: 'a layer asks for the wrong stride of its output',
    file: 'ops/linear/linear_cuda.cc',
    find: '  arguments.c_ld = y_->ld;',
    replace: '  arguments.c_ld = N_;',
    caughtBy: 'bf16',
    says: /whole numbers come out exact/,
  },
  {
    name: 'parts of a weight gradient lie over each other',
    file: 'ops/linear/linear_cuda.cc',
    find: '  arguments.split_stride = weight_->stored();',
    replace: '  arguments.split_stride = weight_->stored() / 2;',
    caughtBy: 'bf16',
    says: /\[700, 13\] → 40 → 24: whole numbers come out exact/,
  },
];
