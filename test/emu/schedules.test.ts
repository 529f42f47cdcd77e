import { suite } from 'uvu';
import type { EmulatedDriverOptions } from '../helpers/emulated-driver.ts';
import { testProbes } from './probe.ts';

const SEEDS = [1, 2, 3];
process.stdout.write(`seeds: ${SEEDS.join(', ')}\n`);

const everySchedule: EmulatedDriverOptions[] = (['fwd', 'rev', 'rand'] as const).flatMap((threads) =>
  (['eager', 'lazy', 'rand'] as const).flatMap((streams) =>
    SEEDS.map((seed) => ({ threads, streams, seed })),
  ),
);

const schedules = suite('results hold under all 27 schedules');
testProbes(schedules, 'schedule', everySchedule);
schedules.run();

const graphs = suite('graphs hold under all stream orders');
testProbes(graphs, 'graph', [
  { streams: 'lazy' },
  { streams: 'eager' },
  ...SEEDS.map((seed) => ({ streams: 'rand', seed }) as const),
]);
graphs.run();
