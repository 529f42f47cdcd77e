/**
 * Brings a fresh clone to where everything runs: system packages, npm packages, the native addon, the compiled
 * TypeScript. Each part is done only when what it is made from has changed, so a second run does nothing and says nothing.
 */
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { run, runScript, SetupError, say } from './run-command.mjs';
import { fingerprint, isFresh, root, writeStamp } from './staleness.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const ADDON = 'build/Release/pss.node';

/** @throws SetupError when something has to be mended by a person first */
export function setup() {
  checkNode();
  installPackages();
  buildAddon();
  compileTypeScript();
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 17)) return;
  throw new SetupError(
    `This is Node.js ${process.versions.node}, and pss needs 20.17 or newer; get one from https://nodejs.org/en/download and start again.`,
  );
}

function installPackages() {
  if (packagesMatchLock()) return;
  say('Installing npm packages ...');
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    advice: "check the network and npm's registry setting, and start again",
  });
}

/** npm keeps beside the packages a lock file of what it really installed: no stamp of our own is needed. */
function packagesMatchLock() {
  const installedFile = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return false;
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
  const { '': _own, ...wanted } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const present = Object.entries(wanted).every(([path, { version, optional, peer }]) =>
    installed[path] ? installed[path].version === version : optional === true || peer === true,
  );
  return present && Object.keys(installed).every((path) => path in wanted);
}

function buildAddon() {
  const stamp = 'build/native-inputs.sha256';
  const inputs = fingerprint(['native', 'CMakeLists.txt'], [process.arch, napiVersions()]);
  if (isFresh(ADDON, stamp, inputs) && loadFailure() === undefined) return;
  ensureSystemPackages();
  dropMovedBuild();
  say('Building the native addon (a minute or two the first time) ...');
  run(process.execPath, [join('node_modules', 'cmake-js', 'bin', 'cmake-js'), 'compile'], {
    env: { CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()) },
    advice: 'mend what the compiler names above; docs/dependencies.md has the versions needed',
  });
  const failure = loadFailure();
  if (failure !== undefined) {
    throw new SetupError(
      `The native addon was built but doesn't load (${failure}); delete build/ and start again.`,
    );
  }
  writeStamp(stamp, inputs);
}

function napiVersions() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return ['node-addon-api', 'node-api-headers']
    .map((name) => packages[`node_modules/${name}`].version)
    .join();
}

/** Why the addon doesn't load, as after a system upgrade that took a library away; undefined when it does. */
function loadFailure() {
  try {
    createRequire(import.meta.url)(join(root, ADDON));
    return undefined;
  } catch (error) {
    return error.message;
  }
}

/** CMake refuses a build folder that was made elsewhere, as after moving or copying the repository. */
function dropMovedBuild() {
  const cache = join(root, 'build', 'CMakeCache.txt');
  if (!existsSync(cache)) return;
  const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(readFileSync(cache, 'utf8'))?.[1];
  if (home !== root) rmSync(join(root, 'build'), { recursive: true });
}

function compileTypeScript() {
  const stamp = 'dist/inputs.sha256';
  const inputs = fingerprint(['src', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json']);
  if (isFresh('dist/cli/main.js', stamp, inputs)) return;
  say('Compiling TypeScript ...');
  rmSync(join(root, 'dist'), { recursive: true, force: true });
  run(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], {
    advice: 'mend what the compiler names above',
  });
  chmodSync(join(root, 'dist', 'cli', 'main.js'), 0o755);
  writeStamp(stamp, inputs);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await runScript(setup);
