import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { run, SetupError, say } from './run-command.mjs';

/** What the native build needs: how to see that it is there, and the Debian and Ubuntu package that brings it. */
const NEEDS = [
  { what: 'CMake', package: 'cmake', present: () => onPath('cmake') },
  { what: 'a C++20 compiler', package: 'g++', present: () => onPath('c++') },
  { what: 'Ninja or Make', package: 'ninja-build', present: () => onPath('ninja') || onPath('make') },
  { what: 'ISA-L', package: 'libisal-dev', present: () => hasHeader('isa-l/igzip_lib.h') },
];

/**
 * Makes sure that the compiler and the libraries of the native build are there.
 * As root on a machine with apt it installs what is missing; else it names the one command that does.
 * @throws SetupError when something stays missing
 */
export function ensureSystemPackages() {
  // Headers are looked for with the compiler, so on a bare machine they count as missing with it.
  const missing = NEEDS.filter((need) => !need.present());
  if (missing.length === 0) return;
  const names = missing.map((need) => need.what).join(', ');
  const packages = missing.map((need) => need.package);
  if (!onPath('apt-get')) {
    throw new SetupError(
      `The native build needs ${names}, not found on this machine; install what your system calls ${packages.join(', ')} and start again.`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new SetupError(
      `The native build needs ${names}, not found on this machine; install with this command and start again:\n\n` +
        `    sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(' ')}\n`,
    );
  }
  say(`Installing ${packages.join(', ')} with apt-get, for the native build ...`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-y', '--no-install-recommends', ...packages];
  const advice = 'check the network and the package sources, and start again';
  if (spawnSync('apt-get', install, { env: { ...process.env, ...env }, stdio: 'ignore' }).status !== 0) {
    run('apt-get', ['update'], { env, advice });
    run('apt-get', install, { env, advice });
  }
  const still = NEEDS.filter((need) => !need.present()).map((need) => need.what);
  if (still.length > 0) {
    throw new SetupError(
      `apt-get installed ${packages.join(', ')} but ${still.join(', ')} can't be found still; see docs/dependencies.md for the versions needed.`,
    );
  }
}

function onPath(command) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, command)));
}

function hasHeader(header) {
  const result = spawnSync('c++', ['-E', '-x', 'c++', '-o', '/dev/null', '-'], {
    input: `#include <${header}>\n`,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return result.status === 0;
}
