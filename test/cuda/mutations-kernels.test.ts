import { suite } from 'uvu';
import { isEmulated, missingCuda } from '../helpers/cuda-device.ts';
import { testMutations } from './mutations/catches.ts';
import { KERNEL_MUTATIONS } from './mutations/kernel-mutations.ts';

const test = suite('mutations of kernels');
const reason = missingCuda() ?? (isEmulated() ? undefined : 'mistakes are made on the emulated driver alone');

testMutations(test, reason, KERNEL_MUTATIONS);

test.run();
