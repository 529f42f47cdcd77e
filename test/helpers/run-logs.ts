import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testConfig } from './configs.ts';

/** A made-up run, as its log would tell it: evaluations every half epoch of 1000 rows, step events every 250 rows. */
export interface FakeRun {
  readonly aucs: readonly number[];
  readonly samplesPerSecond?: number;
  readonly embeddingBytes?: number;
  /** `--set` arguments of its configuration. */
  readonly sets?: readonly string[];
}

/** Writes the log of a made-up run into `folder`. */
export function writeRunLog(folder: string, run: FakeRun): void {
  mkdirSync(folder, { recursive: true });
  const lines = eventsOf(run).map((event) => JSON.stringify({ time: '2026-01-02T03:04:05.000Z', ...event }));
  writeFileSync(join(folder, 'run.jsonl'), `${lines.join('\n')}\n`);
}

function eventsOf({ aucs, samplesPerSecond = 5000, embeddingBytes = 4000, sets = [] }: FakeRun): object[] {
  const start = {
    event: 'run_start',
    schema: 1,
    config: testConfig(...sets),
    parameters: embeddingBytes / 4 + 500,
    embeddingBytes,
    deviceName: 'made-up processor',
    threads: 2,
    precision: 'f32',
  };
  const course = aucs.flatMap((auc, i) => {
    const steps = [1, 2].map((half) => {
      const samples = i * 500 + half * 250;
      const place = { step: samples / 50, epoch: samples / 1000, samples };
      return { event: 'step', ...place, loss: 0.7 - auc / 3, samplesPerSecond, dataWaitMs: 2 };
    });
    const samples = (i + 1) * 500;
    const place = { step: samples / 50, epoch: samples / 1000, samples };
    return [...steps, { event: 'eval', ...place, auc, logLoss: 1 - auc, durationMs: 100 }];
  });
  const end = { event: 'run_end', reason: 'finished', bestAuc: Math.max(...aucs), trainSeconds: 12 };
  return [start, ...course, end];
}
