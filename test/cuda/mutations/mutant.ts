import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findNvcc } from '../../../scripts/find-nvcc.mjs';
import { repositoryRoot } from '../../helpers/shared-folder.ts';
import { temporaryFolder } from '../../helpers/temporary-folder.ts';
import type { Mutation } from './mutation.ts';

/** One object file of the addon, as CMake compiles it. */
interface CompileCommand {
  readonly directory: string;
  readonly command: string;
  readonly file: string;
}

/**
 * Builds a mutated copy beside the real thing.
 * @returns environment variables that put it in the place of the real one
 * @throws Error when the text to replace isn't there exactly once, or the copy doesn't compile
 */
export function buildMutant(mutation: Mutation): Record<string, string> {
  const folder = temporaryFolder();
  const source = readFileSync(join(repositoryRoot, 'native', mutation.file), 'utf8');
  if (source.split(mutation.find).length !== 2) {
    throw new Error(`native/${mutation.file} doesn't have this exactly once: ${mutation.find}`);
  }
  const copy = join(folder, mutation.file);
  mkdirSync(dirname(copy), { recursive: true });
  writeFileSync(
    copy,
    source.replace(mutation.find, () => mutation.replace),
  );
  return mutation.kernels === undefined
    ? { PSS_ADDON: linkAddon(mutation.file, copy, folder) }
    : { PSS_CUDA_KERNELS: compileKernels(mutation, folder) };
}

/** The folder with the fatbin of the mutated kernels. Includes are looked for among the mutated files first. */
function compileKernels({ kernels = '', file }: Mutation, folder: string): string {
  const nvcc = findNvcc()?.nvcc ?? 'nvcc';
  const main = file.endsWith('.cu')
    ? join(folder, file)
    : join(repositoryRoot, 'native', 'backend', 'cuda', `${kernels}.cu`);
  run(nvcc, [
    ...['-fatbin', '--no-compress', '-gencode=arch=compute_80,code=compute_80'],
    ...['-std=c++17', '-O3', '-fmad=false', '--expt-relaxed-constexpr'],
    ...['-I', folder, '-I', join(repositoryRoot, 'native'), '-o', join(folder, `${kernels}.fatbin`), main],
  ]);
  return folder;
}

/** An addon of the objects that CMake made, but for the mutated one. */
function linkAddon(file: string, copy: string, folder: string): string {
  const build = join(repositoryRoot, 'build');
  const commands: CompileCommand[] = JSON.parse(readFileSync(join(build, 'compile_commands.json'), 'utf8'));
  const original = commands.find((each) => each.file === join(repositoryRoot, 'native', file));
  if (!original) throw new Error(`build/compile_commands.json doesn't have native/${file}`);
  const object = join(folder, 'mutated.o');
  const [compiler = '', ...flags] = original.command
    .replaceAll(/\s-o\s+\S+\s+-c\s+\S+/g, '')
    .split(/\s+/)
    .map((word) => word.replaceAll('\\"', '"'));
  run(compiler, [...flags, '-o', object, '-c', copy], original.directory);
  const objects = commands.map(({ directory, command }) =>
    command === original.command ? object : join(directory, /\s-o\s+(\S+)/.exec(command)?.[1] ?? ''),
  );
  const addon = join(folder, 'mutated.node');
  run('g++', ['-shared', '-o', addon, ...objects, ...librariesOf(join(build, 'Release', 'pss.node'))]);
  return addon;
}

/** The shared libraries that a file asks for, as options of the linker. */
function librariesOf(file: string): string[] {
  const text = run('readelf', ['--dynamic', '--wide', file]);
  return [...text.matchAll(/\(NEEDED\).*\[(.+)\]/g)]
    .map(([, name]) => name ?? '')
    .filter((name) => !name.startsWith('ld-'))
    .map((name) => `-l:${name}`);
}

function run(command: string, args: readonly string[], cwd = repositoryRoot): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? ''}${stderr}`);
  return stdout;
}
