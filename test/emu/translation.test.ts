import { spawn, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { missingEmulatedDriver } from '../helpers/emulated-driver.ts';
import { testUnless } from '../helpers/skippable.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';
import { PROBE, probeEnv } from './probe.ts';
import { translate } from './translator/module-writer.ts';

const missing = missingEmulatedDriver();

const HEADER = '.version 8.8\n.target sm_80\n.address_size 64\n';
const kernelWith = (body: string) => `${HEADER}.visible .entry k(.param .u64 p) {\n${body}\nret;\n}\n`;

const translator = suite('translator');

translator('writes the statement of an instruction', () => {
  const { cpp, unsupported } = translate(
    kernelWith('.reg .b32 %r<3>;\n@%p1 add.s32 %r1, %r2, -1;\n.reg .pred %p<2>;').replace(
      '.reg .b32',
      '.reg .pred %p<2>;\n.reg .b32',
    ),
    false,
  );
  assert.is(unsupported.size, 0);
  assert.match(cpp, 'if (v_p1) { put(v_r1, add<s32>((s32)v_r2, (s32)18446744073709551615ull)); }');
});

translator('names what it cannot translate, and fails only where it is executed', () => {
  const { cpp, unsupported } = translate(kernelWith('tcgen05.wait::ld.sync.aligned;'), false);
  assert.equal([...unsupported.keys()], ['tcgen05.wait::ld.sync.aligned (opcode)']);
  assert.match(cpp, 'fail(T, Fault::kUnsupported');
});

translator('counts only when asked to', () => {
  const load = kernelWith('.reg .b64 %rd<2>;\n.reg .f32 %f<2>;\nld.global.f32 %f1, [%rd1+4];');
  assert.not.match(translate(load, false).cpp, 'count_access');
  assert.match(translate(load, true).cpp, 'count_access(T, global<f32>(T, (v_rd1 + (s64)4), 1, false)');
});

translator('marks parameters that become global addresses as pointers', () => {
  const body = '.reg .b64 %rd<3>;\nld.param.u64 %rd1, [p];\ncvta.to.global.u64 %rd2, %rd1;';
  assert.match(translate(kernelWith(body), false).cpp, 'parameters_v_k[] = {{0, 8, true}');
});

translator('refuses text that is not PTX', () => {
  assert.throws(() => translate('int main() { return 0; }', false), /not PTX/);
});

translator.run();

const cache = suite('cache of translations');

testUnless(
  cache,
  missing,
  'several processes may fill it at once, and leave nothing but the libraries',
  async () => {
    const folder = temporaryFolder();
    const env = { ...probeEnv(), PTX_CACHE: folder };
    const codes = await Promise.all(
      [1, 2, 3].map(
        () =>
          new Promise((resolve) => {
            spawn(PROBE, ['vector_reductions'], { env, stdio: 'ignore' }).on('close', resolve);
          }),
      ),
    );
    assert.equal(codes, [0, 0, 0]);
    assert.is(readdirSync(folder).length, 1);
    assert.match(readdirSync(folder)[0] ?? '', /^[0-9a-f]{32}\.so$/);
  },
);

testUnless(cache, missing, 'a missing tool is named, and nothing half-made stays under a final name', () => {
  const folder = temporaryFolder();
  const env = { ...probeEnv(), PTX_CACHE: folder, PTX_NODE: '/no/such/node' };
  const { status, stderr } = spawnSync(PROBE, ['vector_reductions'], { env, encoding: 'utf8' });
  assert.is(status, 1);
  assert.match(stderr, 'cannot run /no/such/node');
  assert.match(stderr, 'CUDA_ERROR_INVALID_PTX');
  assert.not.ok(readdirSync(folder).some((name) => name.endsWith('.so')));
});

cache.run();
