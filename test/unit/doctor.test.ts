import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Check, checkNode, examineMachine, type MachineSources } from '../../src/cli/machine.ts';

const test = suite('doctor');

const BARE: MachineSources = {
  machineInfo: () => {
    throw new Error('The native addon is missing.');
  },
  findGpu: () => {
    throw new Error('The native addon is missing.');
  },
  exists: () => false,
  list: () => [],
  read: () => undefined,
  env: {},
};

const RICH: MachineSources = {
  machineInfo: () => ({
    cpu: 'Some CPU',
    cores: 8,
    features: ['avx2', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'amx_bf16'],
    isa: 'avx512',
    compiler: 'g++ 12.2.0',
  }),
  findGpu: () => ({
    name: 'Some GPU',
    computeCapability: '8.0',
    memoryBytes: 40e9,
    multiprocessors: 108,
    driver: 'libcuda.so.1',
  }),
  exists: (path) => ['/opt/cuda/libcuda.so.1', '/usr/bin/mpirun'].includes(path),
  list: () => ['0000:01:00.0'],
  read: (path) => (path.endsWith('information') ? 'Model: \t Some GPU\nIRQ: 1\n' : undefined),
  env: { PATH: '/bin:/usr/bin', LD_LIBRARY_PATH: '/opt/cuda' },
};

function find(checks: readonly Check[], key: string): Check {
  const check = checks.find((one) => one.key === key);
  if (!check) throw new Error(`no check ${key}`);
  return check;
}

test('says of a bare machine what is off, why and what to do', () => {
  const checks = examineMachine(BARE);
  assert.is(find(checks, 'addon').state, 'broken');
  assert.match(find(checks, 'addon').value, /missing/);
  for (const key of ['cudaDriver', 'mpi']) {
    assert.is(find(checks, key).state, 'off');
    assert.ok(find(checks, key).advice, key);
  }
  assert.match(find(checks, 'gpu').value, /no NVIDIA driver/);
  assert.not(checks.some(({ key }) => key === 'isa'));
});

test('names everything a rich machine has', () => {
  const checks = examineMachine(RICH);
  assert.equal(
    checks.map(({ key, state }) => `${key} ${state}`),
    [
      'node on',
      'cpu on',
      'features on',
      'addon on',
      'isa on',
      'memory on',
      'cudaDriver on',
      'gpu on',
      'mpi on',
    ],
  );
  assert.is(find(checks, 'cpu').value, 'Some CPU, 8 cores');
  assert.is(find(checks, 'gpu').value, 'Some GPU, compute capability 8.0, 40.0 GB');
  assert.is(find(checks, 'cudaDriver').value, '/opt/cuda/libcuda.so.1');
  assert.match(find(checks, 'mpi').value, /^\/usr\/bin\/mpirun;/);
});

test('tells a driver without a GPU and a CPU without AVX-512', () => {
  const checks = examineMachine({
    ...RICH,
    list: () => [],
    findGpu: BARE.findGpu,
    machineInfo: () => ({ ...RICH.machineInfo(), features: ['avx2'] }),
  });
  assert.is(find(checks, 'gpu').state, 'off');
  assert.match(find(checks, 'gpu').advice ?? '', /container/);
  assert.is(find(checks, 'features').state, 'off');
});

test('says why a GPU that is there is of no use', () => {
  const findGpu = () => {
    throw new Error('This build has no CUDA kernels; build it again.');
  };
  const gpu = find(examineMachine({ ...RICH, findGpu }), 'gpu');
  assert.is(gpu.state, 'off');
  assert.is(gpu.value, 'Some GPU, of no use to pss');
  assert.match(gpu.advice ?? '', /no CUDA kernels/);
  const misnamed = { ...RICH, env: { PSS_CUDA_DRIVER: '/nowhere/libcuda.so' } };
  assert.match(find(examineMachine(misnamed), 'cudaDriver').value, /^\/nowhere.*is not there/);
});

test('minds the memory limit of a container', () => {
  const limited = examineMachine({
    ...RICH,
    read: (path) => (path.includes('cgroup') ? '1000000000\n' : undefined),
  });
  assert.match(find(limited, 'memory').value, /limited to 1\.0 GB by the container/);
  const unlimited = examineMachine({
    ...RICH,
    read: (path) => (path.includes('cgroup') ? 'max\n' : undefined),
  });
  assert.not.match(find(unlimited, 'memory').value, /limited/);
});

test('asks for Node.js 20.17 or newer', () => {
  assert.is(checkNode('20.17.0').state, 'on');
  assert.is(checkNode('22.1.0').state, 'on');
  assert.is(checkNode('20.16.9').state, 'broken');
  assert.is(checkNode('18.20.0').state, 'broken');
});

test.run();
