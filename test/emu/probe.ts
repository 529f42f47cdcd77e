import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  compileKernels,
  type EmulatedDriverOptions,
  emulatedDriverEnv,
  missingEmulatedDriver,
} from '../helpers/emulated-driver.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';

/** The program of small cases. */
export const PROBE = join(repositoryRoot, 'build', 'emu', 'probe');
const KERNELS = join(repositoryRoot, 'test', 'emu', 'kernels');

let kernels: string | undefined;

/** The folder of the fatbins of test/emu/kernels. */
export function kernelFolder(): string {
  kernels ??= compileKernels(
    readdirSync(KERNELS)
      .filter((name) => name.endsWith('.cu'))
      .sort()
      .map((name) => ({ source: join(KERNELS, name), architecture: name === 'hopper.cu' ? 90 : 80 })),
  );
  return kernels;
}

/** Environment of a process that uses the probe's driver and kernels. */
export function probeEnv(options: EmulatedDriverOptions = {}): NodeJS.ProcessEnv {
  return { ...process.env, ...emulatedDriverEnv(options), EMU_KERNELS: kernelFolder() };
}

/** Runs a case of the probe program; what it printed. Fails the test when the case does. */
export function runProbe(name: string, options: EmulatedDriverOptions = {}): string {
  const { status, signal, stdout, stderr } = spawnSync(PROBE, [name], {
    env: probeEnv(options),
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.is(status, 0, `${name} with ${JSON.stringify(options)} ended with ${signal ?? status}:\n${stderr}`);
  return stdout;
}

/** The cases of a group of the probe program; none where the emulated driver can't be used. */
export function probesOf(group: string): string[] {
  if (missingEmulatedDriver() !== undefined) return [];
  return spawnSync(PROBE, ['list', group], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
}

/** Registers a test for each case of a group, run once with each of the options. */
export function testProbes(
  test: Test,
  group: string,
  variants: readonly EmulatedDriverOptions[] = [{}],
): void {
  const reason = missingEmulatedDriver();
  if (reason !== undefined) testUnless(test, reason, group, () => undefined);
  for (const name of probesOf(group)) {
    test(name.replaceAll('_', ' '), () => {
      for (const options of variants) runProbe(name, options);
    });
  }
}
