import { suite } from 'uvu';
import { missingCuda } from '../helpers/cuda-device.ts';
import { testSeed } from '../helpers/seeded-random.ts';
import {
  assertSameTraining,
  OPTIMIZERS,
  type OptimizerKind,
  STEPS,
  smallGraph,
  trainSteps,
} from '../helpers/short-training.ts';
import { testUnless } from '../helpers/skippable.ts';

const test = suite('DLRM on CUDA');
const seed = testSeed(80);
const reason = missingCuda();
const MODEL = '{ kind: dlrm, bottomMlp: [16, 12], topMlp: [16, 1] }';

/** Every embedding kind and hash, chunks aligned and not. */
const EMBEDDINGS = {
  full: ['embedding.kind=full'],
  hash: ['embedding.kind=hash', 'embedding.memorySize=1200'],
  robe: ['embedding.memorySize=1001', 'embedding.chunkSize=8'],
  'robe apd10': ['embedding.memorySize=1001', 'embedding.chunkSize=5', 'embedding.hash=apd10'],
  'robe aligned': ['embedding.memorySize=1200', 'embedding.chunkSize=4', 'embedding.aligned=true'],
  hashednet: ['embedding.kind=hashednet', 'embedding.memorySize=1001'],
} as const;

for (const [embedding, sets] of Object.entries(EMBEDDINGS)) {
  for (const gradient of ['dense', 'sparse'] as const) {
    testUnless(
      test,
      reason,
      `${embedding}, ${gradient} gradient: ${STEPS} steps end where the CPU's end, with every optimizer`,
      async () => {
        const graph = smallGraph(MODEL, [...sets, `embedding.gradient=${gradient}`]);
        for (const kind of Object.keys(OPTIMIZERS) as OptimizerKind[]) {
          const cpu = await trainSteps(graph, kind, seed, {});
          for (const deterministic of [true, false]) {
            const cuda = await trainSteps(graph, kind, seed, { device: 'cuda', deterministic });
            assertSameTraining(cuda, cpu, kind);
          }
        }
      },
    );
  }
}

test.run();
