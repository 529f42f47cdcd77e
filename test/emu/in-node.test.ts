import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingEmulatedDriver } from '../helpers/emulated-driver.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { testUnless } from '../helpers/skippable.ts';
import { probeEnv } from './probe.ts';

const test = suite('the emulated driver in Node.js');

testUnless(
  test,
  missingEmulatedDriver(),
  "works from the main thread, libuv's pool and two workers at once",
  () => {
    for (const streams of ['lazy', 'rand'] as const) {
      const { stdout, stderr } = spawnSync(
        process.execPath,
        [join(repositoryRoot, 'test', 'emu', 'node', 'threads.cjs')],
        {
          env: {
            ...probeEnv({ streams, seed: 3 }),
            EMU_ADDON: join(repositoryRoot, 'build', 'emu', 'driver_addon.node'),
          },
          encoding: 'utf8',
        },
      );
      assert.is(stdout, '[true,true,true,true,true]', stderr);
    }
  },
);

test.run();
