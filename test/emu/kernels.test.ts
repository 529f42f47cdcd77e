import { suite } from 'uvu';
import { testProbes } from './probe.ts';

const SEED = 11;
process.stdout.write(`seed: ${SEED}\n`);

const kernels = suite('kernels compute the same as plain C++ in every thread order');
testProbes(kernels, 'kernels', [
  { threads: 'fwd', races: true },
  { threads: 'rev' },
  { threads: 'rand', seed: SEED },
]);
kernels.run();

const memory = suite('memory and device queries');
testProbes(memory, 'memory');
memory.run();
