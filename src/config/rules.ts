import { embeddingProblems, impliedChunkSize, ownKeys } from './embedding-rules.ts';
import type { Problem } from './problems.ts';
import type { CheckedConfig, Config, DeviceChoice } from './schema.ts';

/** Fills in what follows from other keys: the name, the chunk size of kinds that have no choice, lists of one path. */
export function resolve(checked: CheckedConfig, defaultName: string): Config {
  const { kind, dim, compression, memorySize, chunkSize, hash, aligned, minRows, gradient } =
    checked.embedding;
  const { targetAuc, ...train } = checked.train;
  return {
    name: checked.name ?? defaultName,
    seed: checked.seed,
    data: { ...checked.data, train: asList(checked.data.train), eval: asList(checked.data.eval) },
    embedding: {
      kind,
      dim,
      ...(compression === undefined ? {} : { compression }),
      ...(memorySize === undefined ? {} : { memorySize }),
      chunkSize: chunkSize ?? impliedChunkSize(kind, dim),
      hash,
      aligned,
      minRows,
      ...ownKeys(checked.embedding),
      gradient,
    },
    model: checked.model,
    optimizer: checked.optimizer,
    train: { ...train, ...(targetAuc === undefined ? {} : { targetAuc }) },
    device: checked.device as DeviceChoice,
    precision: checked.precision,
    threads: checked.threads,
  };
}

/** What is wrong between keys that are each right on their own. */
export function ruleProblems(config: Config): Problem[] {
  return [...embeddingProblems(config.embedding), ...modelProblems(config), ...scheduleProblems(config)];
}

function modelProblems({ model, embedding, train }: Config): Problem[] {
  const problems: Problem[] = [];
  if (model.kind !== 'dlrm') {
    const odd =
      model.kind === 'xdeepfm' ? model.cinLayers.slice(0, -1).find((size) => size % 2 !== 0) : undefined;
    if (odd !== undefined) {
      problems.push({
        path: ['model', 'cinLayers'],
        text: `model.cinLayers has ${odd} before its last layer, but half of such a layer goes on; make it even`,
      });
    }
    if (model.compat === 'criteo_deepctr' && embedding.kind !== 'robe' && embedding.kind !== 'hashednet') {
      problems.push({
        path: ['model', 'compat'],
        text: `model.compat criteo_deepctr is about shared arrays; use kind robe or hashednet, not ${embedding.kind}`,
      });
    }
    if (model.compat === 'criteo_deepctr' && model.dropout > 0 && train.evalEvery === 0) {
      problems.push({
        path: ['model', 'compat'],
        text: 'model.compat criteo_deepctr stops dropout at the first evaluation; set train.evalEvery',
      });
    }
    return problems;
  }
  const bottom = model.bottomMlp.at(-1);
  const top = model.topMlp.at(-1);
  if (bottom !== embedding.dim) {
    problems.push({
      path: ['model', 'bottomMlp'],
      text: `model.bottomMlp ends in ${bottom} but must end in embedding.dim, ${embedding.dim}, to meet the embeddings`,
    });
  }
  if (top !== 1) {
    problems.push({
      path: ['model', 'topMlp'],
      text: `model.topMlp ends in ${top} but must end in 1, the logit`,
    });
  }
  return problems;
}

function scheduleProblems({ optimizer, train, data }: Config): Problem[] {
  const problems: Problem[] = [];
  if (optimizer.decaySteps > 0 && optimizer.decayStart < optimizer.warmupSteps) {
    problems.push({
      path: ['optimizer', 'decayStart'],
      text: `optimizer.decayStart is ${optimizer.decayStart} but decay can't begin before warm-up ends at step ${optimizer.warmupSteps}`,
    });
  }
  if (train.stopAtTarget && train.targetAuc === undefined) {
    problems.push({
      path: ['train', 'stopAtTarget'],
      text: 'train.stopAtTarget needs train.targetAuc; add it',
    });
  }
  if (data.shuffle !== 'none' && data.shuffleWindow < data.batchSize) {
    problems.push({
      path: ['data', 'shuffleWindow'],
      text: `data.shuffleWindow is ${data.shuffleWindow} but must hold at least one batch of ${data.batchSize} rows`,
    });
  }
  return problems;
}

function asList(paths: string | string[]): string[] {
  return typeof paths === 'string' ? [paths] : paths;
}
