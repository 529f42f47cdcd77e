import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadSweep } from '../../src/sweep/plan-sweep.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('plan of a sweep');
const folder = temporaryFolder();
let files = 0;

const BASE = `
name: base
data: { train: train, eval: test, batchSize: 32 }
embedding: { kind: robe, dim: 8, compression: 5, chunkSize: 4 }
model: { kind: dlrm, bottomMlp: [16, 8], topMlp: [16, 1] }
optimizer: { kind: sgd, learningRate: 0.1 }
`;

function store(text: string): string {
  const path = join(folder, `sweep-${files++}.yaml`);
  writeFileSync(path, text);
  return path;
}

function planOf(group: string, sets: readonly string[] = []) {
  return loadSweep(store(`${BASE}sweep: ${group}`), sets);
}

function refuses(group: string, sentence: RegExp): void {
  assert.throws(
    () => planOf(group),
    (error: Error & { exitCode?: number }) => {
      assert.match(error.message, sentence);
      return error.exitCode === 2;
    },
  );
}

test('axes are multiplied, the last changing fastest, and each run has its keys', () => {
  const plan = planOf('{ axes: { optimizer.learningRate: [0.1, 0.2], seed: [1, 2, 3] } }');
  assert.equal(
    plan.runs.map(({ config }) => [config.optimizer.learningRate, config.seed]),
    [
      [0.1, 1],
      [0.1, 2],
      [0.1, 3],
      [0.2, 1],
      [0.2, 2],
      [0.2, 3],
    ],
  );
  assert.is(plan.runs[5]?.name, 'optimizer.learningRate-0.2,seed-3');
  assert.equal(plan.runs[5]?.labels, { 'optimizer.learningRate': '0.2', seed: '3' });
  assert.is(plan.target, 'original');
});

test('the original has full tables and stands once, whatever the kinds it is compared with', () => {
  const plan = planOf('{ axes: { compression: [original, 10], kind: [robe, hash], gradient: [dense] } }', [
    'embedding.chunkSize=null',
  ]);
  assert.equal(
    plan.runs.map(({ config: { embedding } }) => [embedding.kind, embedding.compression]),
    [
      ['full', undefined],
      ['robe', 10],
      ['hash', 10],
    ],
  );
});

test('one is another name of the original, and named groups set several keys', () => {
  const plan = planOf(`
  target: 0.8
  axes:
    setup:
      plain: { seed: 7 }
      fast: { optimizer: { kind: adam, learningRate: 0.01 }, data.batchSize: 64 }
    compression: [1, 4]`);
  assert.equal(
    plan.runs.map(({ name }) => name),
    [
      'setup-plain,compression-original',
      'setup-plain,compression-4x',
      'setup-fast,compression-original',
      'setup-fast,compression-4x',
    ],
  );
  const fast = plan.runs[3]?.config;
  assert.equal(
    [fast?.optimizer.kind, fast?.optimizer.learningRate, fast?.data.batchSize, fast?.seed],
    ['adam', 0.01, 64, 1],
  );
  assert.is(plan.target, 0.8);
});

test('combinations named by except are left out, and keys of one kind are not in the way of the original', () => {
  const plan = planOf(`
  axes:
    setup:
      pairs: { embedding: { kind: qr, operation: sum, chunkSize: null } }
      mixed: { embedding: { kind: md, chunkSize: null } }
    compression: [original, 2, 10, 100]
  except:
    - { setup: mixed, compression: [10, 100] }
    - { compression: 2, setup: pairs }`);
  assert.equal(
    plan.runs.map(({ name }) => name),
    [
      'setup-pairs,compression-original',
      'setup-pairs,compression-10x',
      'setup-pairs,compression-100x',
      'setup-mixed,compression-2x',
    ],
  );
});

test('a base is found beside the sweep, whose own keys are laid over it', () => {
  mkdirSync(join(folder, 'below'));
  writeFileSync(join(folder, 'base.yaml'), BASE);
  const path = join(folder, 'below', 'mine.yaml');
  writeFileSync(path, 'data: { batchSize: 16 }\nsweep: { base: ../base.yaml, axes: { seed: [4] } }\n');
  const plan = loadSweep(path);
  assert.is(plan.name, 'mine');
  assert.is(plan.runs[0]?.config.data.batchSize, 16);
  assert.equal(plan.runs[0]?.config.data.train, ['train']);
});

test('the target is the sweep’s, else the configuration’s', () => {
  assert.is(planOf('{ axes: { seed: [1] } }', ['train.targetAuc=0.7']).target, 0.7);
  assert.is(planOf('{ target: original, axes: { seed: [1] } }', ['train.targetAuc=0.7']).target, 'original');
});

test('mistakes are told by file, place and the nearest right name', () => {
  refuses(
    '{ axes: { compresion: [10] } }',
    /sweep\.axes\.compresion isn't known; did you mean compression\?/,
  );
  refuses('{ axis: { seed: [1] } }', /sweep\.axis isn't known; did you mean axes\?/);
  refuses('{ axes: {} }', /sweep\.axes is empty/);
  refuses('{ axes: { seed: 3 } }', /sweep\.axes\.seed.* must be a list of values/);
  refuses('{ axes: { compression: [0.5] } }', /sweep\.axes\.compression has 0\.5; give numbers above 1/);
  refuses(
    '{ axes: { seed: [1] }, except: [{ seed: 2 }] }',
    /sweep\.except names seed 2, which is on no axis/,
  );
  refuses('{ axes: { seed: [1] }, except: [{ seed: 1 }] }', /sweep\.except leaves no run/);
  refuses('{ axes: { kind: [robi] } }', /run kind-robi: the sweep: embedding\.kind/);
  refuses('{ axes: { data.batchsize: [8] } }', /did you mean data\.batchSize\?/);
  refuses('{ target: 2, axes: { seed: [1] } }', /sweep\.target/);
  assert.throws(() => loadSweep(store(BASE)), /there is no group "sweep"/);
  assert.throws(() => loadSweep(join(folder, 'none.yaml')), /can't read this sweep/);
});

test('the sweeps of the experiments are right', () => {
  const runs = ['paper', 'experiments'].flatMap((group) => {
    const sweeps = join(repositoryRoot, 'configs', group);
    return readdirSync(sweeps).map((name) => [name, loadSweep(join(sweeps, name)).runs.length]);
  });
  assert.is(Object.fromEntries(runs)['table-3.yaml'], 15);
  for (const [name, count] of runs) assert.ok((count as number) > 1, String(name));
});

test.run();
