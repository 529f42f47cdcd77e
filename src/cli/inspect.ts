import type { Command } from 'commander';
import { loadAddon } from '../addon/load.ts';
import { expandDataPaths } from '../config/data-paths.ts';
import { UsageError } from '../errors.ts';
import { inspectMemory, type MemoryReport } from '../inspect/inspect-memory.ts';
import { allIds, countIds, type KnownIds } from '../inspect/known-ids.ts';
import { checkSameFacts, Dataset, type DatasetFacts } from '../reader/dataset.ts';
import { modelFile, readModelMetadata } from '../train/trained-model.ts';
import { createOutput, type Output } from './output.ts';
import { collect, exampleHelp, type SharedOptions } from './shared-options.ts';
import { formatTable } from './text-table.ts';

interface InspectOptions extends SharedOptions {
  readonly run?: string;
  readonly init?: string;
  readonly data: string[];
  readonly json: boolean;
}

/** Adds `pss inspect`. */
export function registerInspect(program: Command): void {
  program
    .command('inspect')
    .summary('Show how the ids of a model share its array')
    .description(
      'Shows how much of a shared array is used, how evenly, and how much the ids of each table get in the way of others, weighted by how often they occur in data.',
    )
    .option('--run <dir>', 'the run whose newest checkpoint is inspected')
    .option('--init <file>', 'a model.safetensors written by pss, instead of a run')
    .option('--data <dir>', 'prepared folder in which ids are counted, read once (repeatable)', collect, [])
    .option('--json', 'print one JSON object', false)
    .addHelpText('after', exampleHelp('pss inspect --run runs/NAME-TIMESTAMP --data data/slice/train'))
    .action(runInspect);
}

async function runInspect({ run, init, data, json, ...shared }: InspectOptions): Promise<void> {
  const output = createOutput(shared);
  if ((run === undefined) === (init === undefined)) {
    throw new UsageError('ERR_USAGE', 'Which model? Give --run RUN_DIR or --init FILE.safetensors.');
  }
  const file = init ?? (await modelFile(run as string, output.warn));
  const { graph, facts } = await readModelMetadata(file);
  if (!graph.nodes.some(({ op }) => op === 'embedding')) {
    throw new UsageError(
      'ERR_USAGE',
      `Every lookup of the model in ${file} reads all of its array, so there is nothing to inspect; give a model of another kind.`,
    );
  }
  const known = data.length === 0 ? allIds(facts) : await countFolders(data, facts, output);
  const memories = inspectMemory(loadAddon(), graph, known);
  output.result(
    json
      ? JSON.stringify({ file, rows: known.rows, memories })
      : memories.map((m) => describe(m, known)).join('\n\n'),
  );
}

async function countFolders(data: readonly string[], facts: DatasetFacts, output: Output): Promise<KnownIds> {
  const dataset = await Dataset.open(expandDataPaths(data, '--data'));
  const progress = output.progress({ title: 'Counting ids', total: dataset.rows, unit: 'rows' });
  try {
    checkSameFacts(facts, dataset.facts, `The data in ${dataset.folders.join(', ')}`);
    return await countIds(dataset, (rows) => progress.update(rows));
  } finally {
    progress.stop();
    await dataset.close();
  }
}

function describe(memory: MemoryReport, { rows }: KnownIds): string {
  const { node, kind, floats, load, occupancy, randomOccupancy, imbalance, tables } = memory;
  const random = randomOccupancy === null ? '' : `, and random places would be ${percent(randomOccupancy)}`;
  const by = rows === 0 ? 'every id counted once' : `ids weighted by their occurrences in ${rows} rows`;
  return [
    `${node}: ${kind}, ${floats} floats; ${by}.`,
    `  occupancy     ${percent(occupancy)} of the floats are read${random}; each stands for ${load.toPrecision(3)} on average`,
    `  collisions    ${percent(memory.collided)} of what lookups read is read by others too; ${percent(memory.interference)} of all reads there are others'`,
    `  balance       the busiest of ${imbalance.ranges} ranges has ${imbalance.ids.toFixed(2)} times the mean by ids, ${imbalance.lookups.toFixed(2)} times by occurrences`,
    '',
    formatTable(
      ['table', 'ids', 'lookups', 'occupancy', 'collided', 'interference', 'balance, ids', 'occurrences'],
      tables.map((table) => [
        String(table.column),
        String(table.ids),
        String(table.lookups),
        percent(table.occupancy),
        percent(table.collided),
        percent(table.interference),
        table.imbalance.ids.toFixed(2),
        table.imbalance.lookups.toFixed(2),
      ]),
    ),
  ].join('\n');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)}%`;
}
