import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { runModule } from './run-module.ts';

interface GlobalCounters {
  readonly sectors: number;
  readonly sectorUse: number;
}
interface SharedCounters {
  readonly wavefronts: number;
  readonly bankConflicts: number;
}

/** What the emulated driver counts of a kernel; docs/emulated-driver.md says how. */
export interface Counters {
  readonly localBytes: number;
  readonly globalLoad: GlobalCounters;
  readonly globalStore: GlobalCounters;
  readonly sharedLoad: SharedCounters;
  readonly sharedStore: SharedCounters;
}

/**
 * Runs a script in a process of its own on the emulated driver and counts.
 * @param script a module's text; imports are relative to the repository's root
 * @returns the counters by kernel
 */
export function countKernels(script: string): Map<string, Counters> {
  const file = join(tmpdir(), `pss-counters-${process.pid}.json`);
  const run = runModule(script, { PTX_STATS: file });
  assert.is(run.status, 0, run.stderr);
  const counters = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Counters>;
  rmSync(file);
  return new Map(Object.entries(counters));
}
