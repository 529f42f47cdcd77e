import { z } from 'zod';

const positive = z.int().positive();
/** Longest layer; a typo such as 512256 fails here instead of asking for terabytes. */
const MAX_LAYER = 65_536;
const layerSize = positive.max(MAX_LAYER);
const layers = z.array(layerSize).min(1);
const factor = z.number().nonnegative();

const dlrm = z.strictObject({ kind: z.literal('dlrm'), bottomMlp: layers, topMlp: layers });

/** What the other models share: an MLP beside a first-order term and the model's own interaction. */
const deep = {
  mlp: layers.default([400, 400, 400]),
  dropout: z.number().min(0).lt(1).default(0),
  l2: z
    .strictObject({ embedding: factor.default(0), linear: factor.default(0), mlp: factor.default(0) })
    .prefault({}),
  compat: z.enum(['none', 'criteo_deepctr']).default('none'),
};

const dcn = z.strictObject({
  kind: z.literal('dcn'),
  crossLayers: positive.max(64).default(1),
  crossKind: z.enum(['vector', 'matrix']).default('vector'),
  ...deep,
  mlp: layers.default([1024, 1024, 1024, 1024]),
});

const autoint = z.strictObject({
  kind: z.literal('autoint'),
  attentionLayers: positive.max(64).default(3),
  attentionDim: positive.max(1024).default(32),
  heads: positive.max(64).default(2),
  ...deep,
});

const deepfm = z.strictObject({ kind: z.literal('deepfm'), ...deep });

const xdeepfm = z.strictObject({
  kind: z.literal('xdeepfm'),
  cinLayers: layers.default([200, 200, 200]),
  ...deep,
});

const fibinet = z.strictObject({
  kind: z.literal('fibinet'),
  bilinear: z.enum(['interaction', 'each', 'all']).default('interaction'),
  reductionRatio: positive.max(MAX_LAYER).default(3),
  ...deep,
});

const models = z.discriminatedUnion('kind', [dlrm, dcn, autoint, deepfm, xdeepfm, fibinet], {
  error: 'must be one of dlrm, dcn, autoint, deepfm, xdeepfm, fibinet',
});

/** The `model` section: DLRM unless it names another kind. */
export const modelSchema = z.preprocess(
  (value) => (typeof value === 'object' && value !== null ? { kind: 'dlrm', ...value } : value),
  models,
);

export type ModelConfig =
  | DlrmConfig
  | DcnConfig
  | AutoIntConfig
  | DeepFmConfig
  | XDeepFmConfig
  | FiBiNetConfig;

export interface DlrmConfig {
  readonly kind: 'dlrm';
  /** Output sizes of the layers over the dense features; the last is `embedding.dim`. */
  readonly bottomMlp: readonly number[];
  /** Output sizes of the layers over the interaction; the last is 1. */
  readonly topMlp: readonly number[];
}

/** Keys of every model but DLRM. */
export interface DeepConfig {
  /** Output sizes of the hidden layers. */
  readonly mlp: readonly number[];
  /** Share of each hidden layer's output that a training step drops. */
  readonly dropout: number;
  /** Factors of Σw² added to the loss that updates see, by group of parameters. */
  readonly l2: { readonly embedding: number; readonly linear: number; readonly mlp: number };
  /** `criteo_deepctr`: what the paper's companion code does differently; see docs/models.md. */
  readonly compat: 'none' | 'criteo_deepctr';
}

export interface DcnConfig extends DeepConfig {
  readonly kind: 'dcn';
  readonly crossLayers: number;
  /** `vector`: DCN's cross layers; `matrix`: those of DCN-v2. */
  readonly crossKind: 'vector' | 'matrix';
}

export interface AutoIntConfig extends DeepConfig {
  readonly kind: 'autoint';
  readonly attentionLayers: number;
  /** Of one head. */
  readonly attentionDim: number;
  readonly heads: number;
}

export interface DeepFmConfig extends DeepConfig {
  readonly kind: 'deepfm';
}

export interface XDeepFmConfig extends DeepConfig {
  readonly kind: 'xdeepfm';
  /** Sizes of the CIN's layers; even, but for the last. */
  readonly cinLayers: readonly number[];
}

export interface FiBiNetConfig extends DeepConfig {
  readonly kind: 'fibinet';
  /** A matrix for each pair of slots, for each first slot of a pair, or one for all. */
  readonly bilinear: 'interaction' | 'each' | 'all';
  /** Slots over units of SENET's inner layer. */
  readonly reductionRatio: number;
}
