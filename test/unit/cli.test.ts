import { execFileSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS } from '../../src/cli/commands.ts';
import { PSS_VERSION } from '../../src/version.ts';
import { runPss } from '../helpers/run-pss.ts';
import { repositoryRoot } from '../helpers/shared-folder.ts';

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
