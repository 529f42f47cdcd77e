import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createOutput, type OutputStream } from '../../src/cli/output.ts';
import { formatDuration, formatQuantity } from '../../src/format/quantity.ts';

const test = suite('output');

class Recorder implements OutputStream {
  text = '';
  readonly isTTY: boolean;

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(text: string): boolean {
    this.text += text;
    return true;
  }

  // The rest is what a progress bar asks of a terminal.
  cursorTo(): void {}
  moveCursor(): void {}
  clearLine(): void {}
  readonly columns = 200;
}

test('puts results on one stream and everything else on the other', () => {
  const stream = new Recorder();
  const resultStream = new Recorder();
  const output = createOutput({ stream, resultStream });
  output.debug('d');
  output.info('i');
  output.warn('w');
  output.result('r');
  assert.is(stream.text, 'i\nwarning: w\n');
  assert.is(resultStream.text, 'r\n');
});

test('says no more than quiet and the log level allow', () => {
  const said = (options: Parameters<typeof createOutput>[0]) => {
    const stream = new Recorder();
    const output = createOutput({ ...options, stream, resultStream: stream });
    output.debug('d');
    output.info('i');
    output.warn('w');
    const progress = output.progress({ title: 'Work', total: 10, unit: 'rows' });
    progress.update(10);
    progress.stop();
    output.result('r');
    return stream.text;
  };
  assert.is(said({ quiet: true }), 'warning: w\nr\n');
  assert.is(said({ logLevel: 'warn' }), 'warning: w\nr\n');
  assert.is(said({ logLevel: 'silent' }), 'r\n');
  assert.match(said({ logLevel: 'trace' }), /^d\ni\nwarning: w\nWork 100% .*\nr\n$/);
});

test('writes a line of progress every few seconds where there is no terminal', () => {
  let clock = 0;
  const stream = new Recorder();
  const output = createOutput({ stream, now: () => clock });
  const progress = output.progress({ title: 'Preparing', total: 40e6, unit: 'bytes' });
  for (let second = 1; second <= 20; second++) {
    clock = second * 1000;
    progress.update(second * 2e6);
  }
  progress.stop();
  progress.stop();
  assert.equal(stream.text.trimEnd().split('\n'), [
    'Preparing 25% (10.0 MB of 40.0 MB), 2.00 MB/s, 15s left',
    'Preparing 50% (20.0 MB of 40.0 MB), 2.00 MB/s, 10s left',
    'Preparing 75% (30.0 MB of 40.0 MB), 2.00 MB/s, 5s left',
    'Preparing 100% (40.0 MB of 40.0 MB), 2.00 MB/s, 0s left',
  ]);
});

test('takes its rate from the last seconds and not from what a resumed run had done before', () => {
  let clock = 0;
  const stream = new Recorder();
  const output = createOutput({ stream, now: () => clock });
  const progress = output.progress({ title: 'Training', unit: 'samples', start: 1e6 });
  clock = 60_000;
  progress.update(1e6 + 60_000, 'loss 0.5');
  progress.stop();
  assert.is(stream.text, 'Training 1.06M samples, 1.00k samples/s, loss 0.5\n');
});

test('draws a bar on a terminal and keeps lines apart from it', () => {
  const stream = new Recorder(true);
  const output = createOutput({ stream });
  const progress = output.progress({ title: 'Work', total: 100, unit: 'rows' });
  progress.update(50, 'half');
  output.info('said in between');
  progress.update(100);
  progress.stop();
  progress.stop();
  output.info('after');
  assert.ok(stream.text.includes('\r\u001b[Ksaid in between\n'));
  assert.match(stream.text, /█+ Work 100% \(100 of 100 rows\)/);
  assert.match(stream.text, /\nafter\n$/);
});

test('writes quantities and durations as people do', () => {
  assert.is(formatQuantity(0, 'rows'), '0');
  assert.is(formatQuantity(999, 'rows'), '999');
  assert.is(formatQuantity(999.9, 'rows'), '1.00k');
  assert.is(formatQuantity(123_456, 'rows'), '123k');
  assert.is(formatQuantity(4.37e9, 'rows'), '4.37G');
  assert.is(formatQuantity(1.5e9, 'bytes'), '1.50 GB');
  assert.is(formatDuration(0.2), '1s');
  assert.is(formatDuration(200), '3m 20s');
  assert.is(formatDuration(7500), '2h 5m');
  assert.is(formatDuration(273_600), '3d 4h');
});

test.run();
