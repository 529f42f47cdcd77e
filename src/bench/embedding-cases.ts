/** One embedding to time. */
export interface EmbeddingCase {
  readonly name: string;
  /** Table of the output that it belongs to. */
  readonly table: EmbeddingTable;
  /** n */
  readonly rows: number;
  /** Settings of the config, as `--set` takes them. */
  readonly settings: readonly string[];
}

/** `compression`: Table 2 (a)-(c) of the paper. `chunk`: its (d)-(f). `kind`: every kind at the same |M|. `gradient`: what the model behind `gradient: auto` is fitted to. */
export const EMBEDDING_TABLES = ['compression', 'chunk', 'kind', 'gradient'] as const;
export type EmbeddingTable = (typeof EMBEDDING_TABLES)[number];

const COMPRESSIONS = [10, 100, 1000, 10_000];
const CHUNK_SIZES = [1, 4, 16, 32];
const CHUNK_COMPRESSION = 100;
/** Every kind, at the size of one of the table's rows: 1000 times smaller than n·D. */
const KIND_COMPRESSION = 1000;
const KINDS: Readonly<Record<string, readonly string[]>> = {
  hash: ['embedding.kind=hash'],
  'robe aligned Z=128': ['embedding.kind=robe', 'embedding.chunkSize=128', 'embedding.aligned=true'],
  'robe aligned Z=64': ['embedding.kind=robe', 'embedding.chunkSize=64', 'embedding.aligned=true'],
  'robe aligned Z=32': ['embedding.kind=robe', 'embedding.chunkSize=32', 'embedding.aligned=true'],
  robe: ['embedding.kind=robe', 'embedding.chunkSize=32'],
  hashednet: ['embedding.kind=hashednet'],
  'qr product': ['embedding.kind=qr'],
  'qr concat': ['embedding.kind=qr', 'embedding.operation=concat'],
  'qr 4 memories': ['embedding.kind=qr', 'embedding.operation=concat', 'embedding.memories=4'],
  md: ['embedding.kind=md'],
  tt: ['embedding.kind=tt'],
  'jlt sparse': ['embedding.kind=jlt'],
  'jlt achlioptas': ['embedding.kind=jlt', 'embedding.sketch=achlioptas'],
  'jlt gaussian': ['embedding.kind=jlt', 'embedding.sketch=gaussian'],
};
/** |M| as a multiple of the floats that a batch looks up, chunk sizes and optimizers, each with each. */
const GRADIENT_SHARES = [0.25, 1, 4, 16];
const GRADIENT_CHUNK_SIZES = [1, 8, 32, 128];
const GRADIENT_OPTIMIZERS = ['sgd', 'adagrad', 'rowwise-adagrad'];

/** Table 2 of the paper: lookups a batch, floats of an embedding. */
export const BATCH_SIZE = 10_240;
export const DIM = 128;

/** The cases of a table for each n. */
export function embeddingCases(table: EmbeddingTable, rows: readonly number[]): EmbeddingCase[] {
  return rows.flatMap((n) =>
    variants(table).map(({ name, settings }) => ({
      name: `n=${millions(n)} ${name}`,
      table,
      rows: n,
      settings,
    })),
  );
}

function variants(table: EmbeddingTable): { name: string; settings: readonly string[] }[] {
  const robe = (compression: number, chunkSize: number) => [
    'embedding.kind=robe',
    `embedding.chunkSize=${chunkSize}`,
    `embedding.compression=${compression}`,
  ];
  switch (table) {
    case 'compression':
      return COMPRESSIONS.map((times) => ({ name: `${times}x`, settings: robe(times, 32) }));
    case 'chunk':
      return CHUNK_SIZES.map((size) => ({ name: `Z=${size}`, settings: robe(CHUNK_COMPRESSION, size) }));
    case 'kind':
      return Object.entries(KINDS).map(([name, settings]) => ({
        name,
        settings: [...settings, `embedding.compression=${KIND_COMPRESSION}`],
      }));
    case 'gradient':
      return GRADIENT_OPTIMIZERS.flatMap((optimizer) =>
        GRADIENT_CHUNK_SIZES.flatMap((size) =>
          GRADIENT_SHARES.map((share) => ({
            name: `${optimizer} Z=${size} ${share}`,
            settings: [
              'embedding.kind=robe',
              `embedding.chunkSize=${size}`,
              `embedding.memorySize=${share * BATCH_SIZE * DIM}`,
              `optimizer.kind=${optimizer}`,
            ],
          })),
        ),
      );
  }
}

/** 4000000 as 4M. */
function millions(n: number): string {
  return n % 1_000_000 === 0 ? `${n / 1_000_000}M` : String(n);
}
