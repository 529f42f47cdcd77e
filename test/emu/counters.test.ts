import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingEmulatedDriver } from '../helpers/emulated-driver.ts';
import { testUnless } from '../helpers/skippable.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';
import { runProbe } from './probe.ts';

type Counts = Record<string, number>;
type Statistics = Record<string, Record<string, Counts>>;

const test = suite('counters');
const missing = missingEmulatedDriver();

/** Runs a case and gives what it printed and the counters it left. */
function count(name: string, threads: 'fwd' | 'rev' | 'rand'): { printed: string; statistics: Statistics } {
  const file = join(temporaryFolder(), 'statistics.json');
  const printed = runProbe(name, { threads, statistics: file });
  return { printed, statistics: JSON.parse(readFileSync(file, 'utf8')) };
}

for (const threads of ['fwd', 'rev', 'rand'] as const) {
  testUnless(test, missing, `known access patterns have known counts, threads ${threads}`, () => {
    const { statistics } = count('known_access_patterns', threads);
    const of = (kernel: string, access: string, what: string) => statistics[kernel]?.[access]?.[what];
    assert.is(of('copy1', 'globalLoad', 'sectorsPerRequest'), 4);
    assert.is(of('copy1', 'globalStore', 'sectorsPerRequest'), 4);
    assert.is(of('copy4', 'globalLoad', 'sectorsPerRequest'), 16);
    assert.is(of('stride32', 'globalLoad', 'sectorsPerRequest'), 32);
    assert.is(of('stride32', 'globalStore', 'sectorsPerRequest'), 4);
    assert.is(of('columns32', 'sharedLoad', 'wavefrontsPerRequest'), 32);
    assert.is(of('columns32', 'sharedStore', 'bankConflicts'), 0);
    assert.is(of('columns33', 'sharedLoad', 'wavefrontsPerRequest'), 1);
    assert.is(of('gemm', 'sharedLoad', 'requests'), 16384);
    assert.is(of('gemm', 'sharedLoad', 'bankConflicts'), 0);
    assert.is(of('gemm', 'globalLoad', 'sectorsPerRequest'), 4);
    // C = A·B of 64×64: each block of 16×16 reads its rows and columns again.
    assert.is(of('gemm', 'globalLoad', 'distinctSectors'), (2 * 64 * 64) / 8);
    assert.is(of('gemm', 'flops', 'f32'), 2 * 64 ** 3);
    assert.is(of('scatter_add', 'globalAtomic', 'requests'), 32);
    assert.is(of('scatter_add', 'globalAtomic', 'sectors'), 32);
  });

  testUnless(test, missing, `lanes of a diverged loop pair by iteration, threads ${threads}`, () => {
    const { statistics } = count('known_access_patterns', threads);
    const loads = statistics['ragged']?.['globalLoad'];
    assert.is(loads?.['requests'], 4);
    assert.is(loads?.['lanes'], 48);
  });

  testUnless(
    test,
    missing,
    `random atomics touch as many sectors as counted here, threads ${threads}`,
    () => {
      const { printed, statistics } = count('random_atomics', threads);
      const [sectors, requests, lanes] = printed.trim().split(' ').map(Number);
      const atomics = statistics['scatter_add']?.['globalAtomic'];
      assert.equal(
        [atomics?.['sectors'], atomics?.['requests'], atomics?.['lanes']],
        [sectors, requests, lanes],
      );
    },
  );
}

test.run();
