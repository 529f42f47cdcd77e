import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS } from '../../src/cli/commands.ts';
import { PSS_VERSION } from '../../src/version.ts';
import { runPss } from '../helpers/run-pss.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('cli');

test('lists every command in its help', () => {
  const { code, stdout } = runPss(['--help']);
  assert.is(code, 0);
  for (const { name, summary } of COMMANDS) {
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'));
    assert.ok(stdout.replace(/\s+/g, ' ').includes(summary), name);
  }
});

test('ends the help of every command with an example and has the shared options', () => {
  for (const { name } of COMMANDS) {
    const { code, stdout } = runPss([name, '--help']);
    assert.is(code, 0);
    assert.match(stdout, new RegExp(`\nExample:\n(  \\$ .*\n)*  \\$ pss ${name}`));
    assert.match(stdout, /\n {2}\$ [^\n]+\n*$/);
    const leaf = /\nCommands:\n/.test(stdout) ? '' : stdout;
    if (leaf) for (const option of ['--log-level', '--quiet']) assert.ok(leaf.includes(option), name);
  }
});

test('answers wrong usage with exit code 2 and a hint', () => {
  const cases: [args: string[], hint: RegExp][] = [
    [[], /Usage: pss/],
    [['doctr'], /pss: unknown command 'doctr'\n\(Did you mean doctor\?\)/],
    [['doctor', '--jsn'], /pss: unknown option '--jsn'\n\(Did you mean --json\?\)/],
    [['doctor', '--log-level', 'loud'], /Allowed choices are trace, debug, info/],
    [['doctor', 'extra'], /pss: too many arguments for 'doctor'/],
  ];
  for (const [args, hint] of cases) {
    const { code, stdout, stderr } = runPss(args);
    assert.is(code, 2, args.join(' '));
    assert.is(stdout, '');
    assert.match(stderr, hint);
  }
});

test('says in words why a file can’t be used, whatever the command', () => {
  const folder = temporaryFolder();
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const cases: [args: string[], code: number, message: RegExp][] = [
    [['prepare', 'gone', '--out', join(folder, 'o')], 1, /Cannot read gone: there is no such file or folder/],
    [['prepare', join(folder), '--out', join(file, 'o')], 1, /a part of this path is a file, not a folder/],
    [
      ['train', '--resume', 'gone'],
      1,
      /gone holds no run \(config\.yaml can't be read: there is no such file/,
    ],
    [['eval', '--run', file], 1, /can't be read: a part of this path is a file, not a folder/],
    [['sweep', '--config', 'gone'], 2, /gone: can't read this sweep \(there is no such file or folder\)/],
    [['sweep', '--config', folder], 2, /can't read this sweep \(this is a folder\)/],
    [
      ['report', 'gone', '--out', 'r.html'],
      1,
      /Cannot read gone: there is no such file or folder; give a run/,
    ],
    [['report', file, '--out', 'r.html'], 1, /file is empty; give a file that/],
    [['sketch', 'gone.safetensors'], 1, /gone\.safetensors can't be opened \(there is no such file/],
    [['bench', 'reader', '--data', file], 1, /manifest\.json can't be read \(a part of this path is a file/],
    [
      ['bench', 'step', '--json', join(folder, 'no', 'x')],
      1,
      /Cannot write .*x: there is no such file or folder; give/,
    ],
    [['bench', 'reader', '--json', folder], 1, /Cannot write .*: this is a folder; give another --json/],
  ];
  for (const [args, expected, message] of cases) {
    const { code, stderr } = runPss(args);
    assert.is(code, expected, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, message);
    assert.not.match(stderr, /\bE[A-Z]{3,}\b/);
    assert.is(stderr.trimEnd().split('\n').length, 1);
  }
});

test('says its version', () => {
  assert.equal(runPss(['--version']), { code: 0, stdout: `${PSS_VERSION}\n`, stderr: '' });
});

test('reports the machine as text and as one JSON object', () => {
  const text = runPss(['doctor']);
  assert.match(text.stdout, /^ok {2}Node\.js +\d/m);
  const report = JSON.parse(runPss(['doctor', '--json']).stdout) as Record<string, { state: string }>;
  for (const key of ['node', 'cpu', 'addon', 'memory', 'cudaDriver', 'gpu', 'mpi']) {
    assert.ok(['on', 'off', 'broken'].includes(report[key]?.state ?? ''), key);
  }
});

test('survives a reader that closes the pipe early', () => {
  const command = `set -o pipefail; ${process.execPath} --import tsx src/cli/main.ts doctor --json | true; echo "\${PIPESTATUS[0]}"`;
  const ended = execFileSync('bash', ['-c', command], { cwd: repositoryRoot, encoding: 'utf8' });
  assert.is(ended, runPss(['doctor']).code === 0 ? '0\n' : '1\n');
});

test.run();
