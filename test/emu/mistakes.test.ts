import { suite } from 'uvu';
import { testProbes } from './probe.ts';

const misuse = suite('mistakes of host code are reported');
testProbes(misuse, 'misuse');
testProbes(misuse, 'graph_misuse');
misuse.run();

const broken = suite('mistakes of kernels are reported or show in their results');
testProbes(broken, 'broken', [{ threads: 'fwd' }, { threads: 'rev' }]);
broken.run();

const races = suite('races in shared memory are reported');
testProbes(races, 'race', [{ races: true }, { races: true, threads: 'rev' }]);
races.run();

const limits = suite('a kernel that never ends is stopped');
testProbes(limits, 'limit', [{ limitSeconds: 0.2 }]);
limits.run();
