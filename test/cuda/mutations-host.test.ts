import { suite } from 'uvu';
import { isEmulated, missingCuda } from '../helpers/cuda-device.ts';
import { testMutations } from './mutations/catches.ts';
import { HOST_MUTATIONS } from './mutations/host-mutations.ts';

const test = suite('mutations of host code');
const reason = missingCuda() ?? (isEmulated() ? undefined : 'mistakes are made on the emulated driver alone');

testMutations(test, reason, HOST_MUTATIONS);

test.run();
