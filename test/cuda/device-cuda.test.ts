import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingCuda } from '../helpers/cuda-device.ts';
import { readEvents } from '../helpers/read-run.ts';
import { runPss } from '../helpers/run-pss.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('choice of the device');
const reason = missingCuda();
const NO_DRIVER = { PSS_CUDA_DRIVER: '/nowhere/libcuda.so' };

const cwd = temporaryFolder();
const slice = join(repositoryRoot, 'data', 'criteo-slice.tsv');
const prepared = runPss(['prepare', slice, '--out', 'shards', '--split', 'head:5000'], { cwd });
assert.is(prepared.code, 0, prepared.stderr);

/** Trains three small steps on a device. */
function train(device: string, env: Record<string, string> = {}) {
  const sets = [
    `device=${device}`,
    'data.train=shards/train',
    'data.eval=shards/test',
    'data.batchSize=8',
    'data.evalBatchSize=256',
    'train.epochs=0.0048',
    'embedding.compression=null',
    'embedding.memorySize=4096',
    'embedding.dim=4',
    'embedding.chunkSize=4',
    'model.bottomMlp=[8,4]',
    'model.topMlp=[8,1]',
  ];
  const config = ['--config', join(repositoryRoot, 'configs', 'smoke.yaml')];
  const runDir = `run-${device.replace(':', '-')}-${Object.keys(env).length}`;
  const args = ['train', ...config, '--run-dir', runDir, ...sets.flatMap((set) => ['--set', set])];
  return { runDir: join(cwd, runDir), ...runPss(args, { cwd, env }) };
}

test('a GPU asked for by name without a driver, or kernels, is refused in one sentence', () => {
  const { code, stderr } = train('cuda', NO_DRIVER);
  assert.is(code, 2);
  assert.match(
    stderr,
    /^pss: device cuda: (The CUDA driver can't be loaded|This build has no CUDA kernels).*use device: cpu\.\n$/,
  );
});

test('auto is the CPU where no GPU can be used', () => {
  const { code, stderr, runDir } = train('auto', NO_DRIVER);
  assert.is(code, 0, stderr);
  assert.is(readEvents(runDir)[0]?.['device'], 'cpu');
});

testUnless(test, reason, 'auto is a GPU where one can be used, and its name is in the run log', () => {
  const { code, stderr, runDir } = train('auto');
  assert.is(code, 0, stderr);
  const [start] = readEvents(runDir);
  assert.is(start?.['device'], 'cuda:0');
  const doctor = JSON.parse(runPss(['doctor', '--json']).stdout) as Record<string, { value: string }>;
  assert.ok(doctor['gpu']?.value.startsWith(String(start?.['deviceName'])));
  assert.is(doctor['cudaDriver']?.value, process.env['PSS_CUDA_DRIVER']);
});

testUnless(test, reason, 'a GPU beyond those there is refused, with how many there are', () => {
  const { code, stderr } = train('cuda:7');
  assert.is(code, 2);
  assert.match(stderr, /^pss: device cuda:7: There is no GPU 7: the CUDA driver finds 1;.*\n$/);
});

testUnless(
  test,
  reason,
  'a GPU too old for the kernels of this build is refused, and auto passes it by',
  () => {
    const old = { PTX_CC: '7.0' };
    const { code, stderr } = train('cuda', old);
    assert.is(code, 2);
    assert.match(stderr, /This build has no CUDA kernels that .* \(compute capability 7\.0\)/);
  },
);

test.run();
