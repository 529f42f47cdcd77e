import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * The CUDA compiler and the folder of cuda.h, or undefined where there is none. Looked for in CUDACXX, on PATH and in
 * /usr/local/cuda/bin.
 */
export function findNvcc() {
  for (const nvcc of [process.env.CUDACXX, 'nvcc', '/usr/local/cuda/bin/nvcc']) {
    if (!nvcc) continue;
    // A dry run names the toolkit's folder, also where nvcc is a link or a wrapper script.
    const { status, stderr } = spawnSync(nvcc, ['--dryrun', '-E', '-x', 'cu', '/dev/null'], {
      encoding: 'utf8',
    });
    if (status !== 0) continue;
    const top = /^#\$ TOP=(.*)$/m.exec(stderr)?.[1]?.trim();
    const bin = /^#\$ _HERE_=(.*)$/m.exec(stderr)?.[1]?.trim();
    const include = [top && join(top, 'include'), bin && join(dirname(bin), 'include')].find(
      (folder) => folder && existsSync(join(folder, 'cuda.h')),
    );
    if (include) return { nvcc, include };
  }
  return undefined;
}
