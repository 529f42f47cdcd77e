import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RunLog } from '../../src/run-log/run-log.ts';

const test = suite<{ dir: string }>('run log');

test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), 'pss-log-'));
});
test.after.each(({ dir }) => {
  rmSync(dir, { recursive: true, force: true });
});

const read = (dir: string) => readFileSync(join(dir, 'run.jsonl'), 'utf8');

test('writes one JSON object a line: time, event and its fields, at once', ({ dir }) => {
  const log = new RunLog(dir);
  log.write({ event: 'checkpoint', step: 5, path: 'checkpoints/step-5' });
  const [line, rest] = read(dir).split('\n');
  const { time, ...event } = JSON.parse(line as string);
  assert.equal(event, { event: 'checkpoint', step: 5, path: 'checkpoints/step-5' });
  assert.is(new Date(time).toISOString(), time);
  assert.is(rest, '');
  log.close();
});

test('appends to what is there and removes a line that a crash cut off', ({ dir }) => {
  for (const cut of ['{"time":"2026', `{"x":"${'y'.repeat(200_000)}`]) {
    rmSync(join(dir, 'run.jsonl'), { force: true });
    const first = new RunLog(dir);
    first.write({ event: 'checkpoint', step: 1, path: 'a' });
    first.close();
    appendFileSync(join(dir, 'run.jsonl'), cut);
    const second = new RunLog(dir);
    second.write({ event: 'checkpoint', step: 2, path: 'b' });
    second.close();
    const steps = read(dir)
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).step);
    assert.equal(steps, [1, 2]);
  }
});

test('a log that is nothing but a cut-off line begins anew', ({ dir }) => {
  writeFileSync(join(dir, 'run.jsonl'), '{"time"');
  new RunLog(dir).close();
  assert.is(read(dir), '');
});

test.run();
