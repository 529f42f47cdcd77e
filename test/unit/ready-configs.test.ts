import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../../src/config/config.ts';
import { missingShared, repositoryRoot, sharedPath } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';
import { yamlFiles } from '../helpers/yaml-files.ts';

const test = suite('ready configurations');

test('loads every ready configuration', () => {
  const folder = join(repositoryRoot, 'configs');
  const sizes = ['10000x', '1000x', '100x', '10x', 'original'];
  const models = ['autoint', 'dcn', 'deepfm', 'fibinet', 'xdeepfm'];
  const deep = models.flatMap((model) => [
    `${model}-tiny.yaml`,
    ...sizes.map((size) => `criteo-kaggle-${model}-${size}.yaml`),
  ]);
  const files = yamlFiles(folder);
  const wanted = [
    'criteo-kaggle-10000x.yaml',
    'criteo-kaggle-1000x.yaml',
    'criteo-kaggle-100x.yaml',
    'criteo-kaggle-10x.yaml',
    'criteo-kaggle-original.yaml',
    'criteo-tb-10000x.yaml',
    'criteo-tb-1000x.yaml',
    'criteo-tb-100x.yaml',
    'criteo-tb-original.yaml',
    'smoke.yaml',
    ...deep,
  ];
  assert.equal(files, wanted.sort());
  for (const file of files) {
    const config = loadConfig(join(folder, file));
    assert.is(`${config.name}.yaml`, file);
    const factor = /(\d+)x\.yaml$/.exec(file)?.[1];
    if (factor) assert.is(config.embedding.compression, Number(factor));
  }
});

for (const golden of ['robe-z16', 'full', 'deepfm', 'dcn', 'autoint', 'xdeepfm', 'fibinet']) {
  testUnless(
    test,
    missingShared('golden', golden, 'config.yaml'),
    `loads the reference run ${golden}`,
    () => {
      assert.is(loadConfig(sharedPath('golden', golden, 'config.yaml')).data.evalBatchSize, 512);
    },
  );
}

test.run();
