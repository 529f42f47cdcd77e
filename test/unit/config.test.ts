import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig, parseConfig, stringifyConfig } from '../../src/config/config.ts';
import { UsageError } from '../../src/errors.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { yamlFiles } from '../helpers/yaml-files.ts';

const test = suite('config');

const BASE = `data: { train: a, eval: b }
embedding: { kind: robe, dim: 16, compression: 10 }
model: { bottomMlp: [32, 16], topMlp: [8, 1] }
optimizer: { learningRate: 0.1 }
`;

function errorOf(run: () => unknown): UsageError {
  try {
    run();
  } catch (error) {
    if (error instanceof UsageError) return error;
    throw error;
  }
  throw new Error('expected an error, got none');
}

function messageOf(text: string, ...sets: string[]): string {
  return errorOf(() => parseConfig(text, 'c.yaml', sets)).message;
}

test('fills in every default', () => {
  const config = parseConfig(BASE, 'configs/c.yaml');
  assert.equal(config, {
    name: 'c',
    seed: 1,
    data: {
      train: ['a'],
      eval: ['b'],
      batchSize: 2048,
      evalBatchSize: 16_384,
      shuffle: 'rows',
      shuffleWindow: 524_288,
    },
    embedding: {
      kind: 'robe',
      dim: 16,
      compression: 10,
      chunkSize: 16,
      hash: 'mix64',
      aligned: false,
      minRows: 0,
      gradient: 'auto',
    },
    model: { kind: 'dlrm', bottomMlp: [32, 16], topMlp: [8, 1] },
    optimizer: {
      kind: 'sgd',
      learningRate: 0.1,
      warmupSteps: 0,
      decayStart: 0,
      decaySteps: 0,
      decayPower: 2,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      initialAccumulator: 0,
    },
    train: {
      epochs: 1,
      evalEvery: 0,
      stopAtTarget: false,
      checkpointEvery: 0,
      logEvery: 100,
      keepCheckpoints: 2,
    },
    device: 'auto',
    precision: 'f32',
    threads: 'auto',
  });
});

test('gives each kind its own chunk size', () => {
  const chunkOf = (...sets: string[]) => parseConfig(BASE, 'c.yaml', sets).embedding.chunkSize;
  assert.is(chunkOf('embedding.dim=128', 'model.bottomMlp=[128]'), 32);
  assert.is(chunkOf('embedding.chunkSize=8'), 8);
  assert.is(chunkOf('embedding.kind=hashednet'), 1);
  assert.is(chunkOf('embedding.kind=hash'), 16);
  assert.is(chunkOf('embedding.kind=full', 'embedding.compression=null'), 16);
});

test('stays the same through writing and reading again', () => {
  const folder = join(repositoryRoot, 'configs');
  const texts = [BASE, ...yamlFiles(folder).map((file) => readFileSync(join(folder, file), 'utf8'))];
  for (const text of texts) {
    const config = parseConfig(text, 'c.yaml');
    const written = stringifyConfig(config);
    assert.equal(parseConfig(written, 'other.yaml'), config);
    assert.is(stringifyConfig(parseConfig(written, 'other.yaml')), written);
  }
});

test('lays --set over the file, the last one winning and null taking a key away', () => {
  const config = parseConfig(BASE, 'c.yaml', [
    'data.batchSize=64',
    'data.batchSize=128',
    'embedding.compression=null',
    'embedding.memorySize=1000',
    'data.train=[x, y]',
    'train.epochs=2.5',
    'threads=2',
  ]);
  assert.is(config.data.batchSize, 128);
  assert.is(config.embedding.memorySize, 1000);
  assert.not('compression' in config.embedding);
  assert.equal(config.data.train, ['x', 'y']);
  assert.is(config.train.epochs, 2.5);
  assert.is(config.threads, 2);
});

test('names the line and the nearest key of an unknown key', () => {
  assert.is(
    messageOf(BASE.replace('kind: robe,', 'kind: robe,\n  chunkSise: 8,\n ')),
    "c.yaml:3: embedding.chunkSise isn't a known key; did you mean embedding.chunkSize?",
  );
  assert.is(
    messageOf(`${BASE}batchSize: 4\n`),
    "c.yaml:5: batchSize isn't a known key; did you mean data.batchSize?",
  );
  assert.is(messageOf(`${BASE}qqqqqqqqq: 4\n`), "c.yaml:5: qqqqqqqqq isn't a known key; take it out.");
  assert.is(
    messageOf(BASE, 'optimizer.lerningRate=3'),
    "--set optimizer.lerningRate=3: optimizer.lerningRate isn't a known key; did you mean optimizer.learningRate?",
  );
});

test('says what a value must be and what it is', () => {
  const cases: [set: string, message: string][] = [
    ['threads=0', 'threads must be greater than 0, but is 0.'],
    ['threads=some', 'threads must be auto or a number, but is the text "some".'],
    ['data.batchSize=1.5', 'data.batchSize must be a whole number, but is 1.5.'],
    ['data.batchSize=2_048', 'data.batchSize must be a number, but is the text "2_048".'],
    ['data.train=[]', 'data.train must be a list of at least 1, but is empty.'],
    ['data.shuffle=row', 'data.shuffle must be one of none, batches, rows, but is the text "row".'],
    ['train.targetAuc=0.5', 'train.targetAuc must be greater than 0.5, but is 0.5.'],
    ['train.epochs=.inf', 'train.epochs must be a number, but is Infinity.'],
    ['seed=-1', 'seed must be at least 0, but is -1.'],
    ['seed=1e99', 'seed must be at most 4294967295, but is 1e+99.'],
    ['model.topMlp=[8, 1.5, 1]', 'model.topMlp[1] must be a whole number, but is 1.5.'],
    ['optimizer=3', 'optimizer must be a group of keys, but is 3.'],
    ['name=../x', 'name must be letters, digits, dots, dashes and underscores, for it names the run folder.'],
  ];
  for (const [set, message] of cases) assert.is(messageOf(BASE, set), `--set ${set}: ${message}`);
  assert.is(
    messageOf(BASE.replace('dim: 16', 'dim:')),
    'c.yaml:2: embedding.dim has no value; give it a number or take it out.',
  );
  assert.is(
    messageOf(BASE.replace('dim: 16, ', '')),
    'c.yaml:2: embedding.dim is missing; give it a number.',
  );
});

test('tells what this version lacks from what does not exist', () => {
  const cases: [set: string, message: string][] = [
    ['device=gpu', 'device must be auto, cpu, cuda or cuda:N with the number of a GPU.'],
  ];
  for (const [set, message] of cases) assert.is(messageOf(BASE, set), `--set ${set}: ${message}`);
});

test('checks keys against each other', () => {
  const cases: [sets: string[], part: string][] = [
    [['embedding.memorySize=100'], 'keep one and set the other to null'],
    [['embedding.compression=null'], 'needs embedding.compression or embedding.memorySize'],
    [['embedding.kind=full'], 'embedding.compression has no meaning with kind full'],
    [['embedding.chunkSize=17'], 'must be at most embedding.dim, 16'],
    [['embedding.kind=hash', 'embedding.chunkSize=4'], 'leave it out with hash'],
    [['embedding.kind=hashednet', 'embedding.chunkSize=2'], 'leave it out with hashednet'],
    [['embedding.kind=hash', 'embedding.hash=apd10'], 'use mix64 with hash'],
    [['embedding.kind=hashednet', 'embedding.aligned=true'], 'leave it out with hashednet'],
    [['embedding.hash=apd10', 'embedding.aligned=true'], 'embedding.aligned needs hash mix64'],
    [['embedding.compression=null', 'embedding.memorySize=15'], 'at least one chunk of 16 floats'],
    [['model.bottomMlp=[32]'], 'model.bottomMlp ends in 32 but must end in embedding.dim, 16'],
    [['model.topMlp=[8, 2]'], 'must end in 1, the logit'],
    [['train.stopAtTarget=true'], 'train.stopAtTarget needs train.targetAuc'],
    [
      ['optimizer.decaySteps=5', 'optimizer.warmupSteps=9', 'optimizer.decayStart=8'],
      "decay can't begin before",
    ],
    [['data.shuffleWindow=100'], 'at least one batch of 2048 rows'],
  ];
  for (const [sets, part] of cases) {
    const message = messageOf(BASE, ...sets);
    assert.ok(message.includes(part), `${sets}: ${message}`);
    assert.ok(message.startsWith('--set') || message.startsWith('c.yaml:2: '), message);
  }
});

test('lists every problem, one a line', () => {
  const message = messageOf(`${BASE}trian: 1\n`, 'seed=x', 'embedding.dim=-1');
  assert.equal(message.split('\n'), [
    'c.yaml has 3 problems:',
    '  --set seed=x: seed must be a number, but is the text "x".',
    '  --set embedding.dim=-1: embedding.dim must be greater than 0, but is -1.',
    "  line 5: trian isn't a known key; did you mean train?",
  ]);
});

test('says where YAML itself is wrong', () => {
  assert.match(messageOf('a: 1\na: 2\n'), /^c\.yaml:2: not valid YAML at column 1: map keys must be unique/);
  assert.match(messageOf('a: [1\n'), /^c\.yaml:\d: not valid YAML/);
  assert.match(messageOf(''), /^c\.yaml:1: the configuration is empty/);
  assert.match(messageOf('- 1\n'), /^c\.yaml:1: the configuration isn't a list of keys/);
  assert.match(messageOf('a: *b\n'), /^c\.yaml: not valid YAML: unresolved alias/);
  assert.match(messageOf(BASE, 'seed'), /^--set seed: write it as key\.path=value/);
  assert.match(messageOf(BASE, 'seed=[1'), /^--set seed=\[1: the value isn't valid YAML/);
  assert.match(messageOf(BASE, '__proto__.x=1'), /^--set __proto__\.x=1: write it/);
});

test('says what stops it from reading the file', () => {
  assert.match(
    errorOf(() => loadConfig('/nowhere/c.yaml')).message,
    /^\/nowhere\/c\.yaml: no such configuration file/,
  );
  assert.match(errorOf(() => loadConfig(tmpdir())).message, /: this is a folder/);
});

test('never answers rubbish with anything but a usage error', () => {
  const seed = Number(process.env['PSS_SEED'] ?? 20_240);
  process.stdout.write(`seed ${seed}\n`);
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 80 }), fc.nat(BASE.length), (rubbish, at) => {
      const text = BASE.slice(0, at) + rubbish + BASE.slice(at);
      try {
        parseConfig(text, 'c.yaml', [rubbish]);
      } catch (error) {
        assert.instance(error, UsageError);
      }
    }),
    { seed, numRuns: 500 },
  );
});

test('names a run after its file where the file names none', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pss-config-'));
  try {
    const file = join(folder, 'my run.v2.yaml');
    writeFileSync(file, BASE);
    assert.is(loadConfig(file).name, 'my-run.v2');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
