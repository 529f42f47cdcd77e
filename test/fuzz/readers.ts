/**
 * Fuzzes a reader of files from outside, guided by coverage:
 *
 *     node --import tsx test/fuzz/readers.ts shard|safetensors SECONDS [FOLDER [SEED]]
 *
 * Starts from test/fuzz/corpus/NAME. Inputs that reach new places are kept, in FOLDER as well; an input that breaks the reader is written
 * there as `finding-HASH`, and ends the work with exit code 1. `current` is the input being read, in case the process hangs or dies of it.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SeededRandom } from '../helpers/seeded-random.ts';
import { Coverage } from './coverage.ts';
import { mutate } from './mutate.ts';
import { type FuzzTarget, TARGETS } from './targets.ts';

const REPORT_MS = 10_000;

async function main([name = '', seconds = '60', folder, seed = '1']: readonly string[]): Promise<number> {
  const target = TARGETS[name];
  if (!target) {
    process.stderr.write(`usage: readers.ts ${Object.keys(TARGETS).join('|')} SECONDS [FOLDER [SEED]]\n`);
    return 2;
  }
  if (folder) mkdirSync(folder, { recursive: true });
  const keep = (bytes: Uint8Array, kind: string) => {
    const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    if (folder) writeFileSync(join(folder, `${kind}-${hash}`), bytes);
  };
  const corpus = readCorpus(join(import.meta.dirname, 'corpus', name));
  const coverage = new Coverage(/\/src\/(reader|checkpoint)\/|\/apache-arrow\/|\/flatbuffers\//);
  await coverage.start();
  for (const bytes of corpus) {
    if (await breaks(target, bytes)) return 1;
    await coverage.take();
  }
  const random = new SeededRandom(Number(seed));
  const startedAt = performance.now();
  let reportAt = startedAt;
  for (let runs = 1; performance.now() - startedAt < Number(seconds) * 1000; runs++) {
    const bytes = mutate(pick(corpus, random), pick(corpus, random), random);
    // What makes the process hang or die can't be kept afterwards.
    if (folder) writeFileSync(join(folder, 'current'), bytes);
    if (await breaks(target, bytes)) {
      keep(bytes, 'finding');
      return 1;
    }
    if (await coverage.take()) {
      corpus.push(bytes);
      keep(bytes, 'new');
    }
    if (performance.now() - reportAt < REPORT_MS) continue;
    reportAt = performance.now();
    const rate = ((runs * 1000) / (reportAt - startedAt)).toFixed(0);
    process.stdout.write(`${runs} runs, ${rate}/s, ${corpus.length} inputs, ${coverage.size} places\n`);
  }
  return 0;
}

async function breaks(target: FuzzTarget, bytes: Uint8Array): Promise<boolean> {
  try {
    await target(bytes);
    return false;
  } catch (error) {
    process.stderr.write(`${(error as Error).stack}\n`);
    return true;
  }
}

function readCorpus(folder: string): Buffer[] {
  return readdirSync(folder).map((name) => readFileSync(join(folder, name)));
}

function pick(corpus: readonly Buffer[], random: SeededRandom): Buffer {
  return corpus[random.below(corpus.length)] as Buffer;
}

process.exit(await main(process.argv.slice(2)));
