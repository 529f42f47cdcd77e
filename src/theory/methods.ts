import { UsageError } from '../errors.ts';

/** A way to share parameters that a table can be compressed with after training. */
export interface Method {
  /** As on the command line, e.g. `robe:8`. */
  readonly name: string;
  /** The `embedding` section of a configuration, without its size. */
  readonly embedding: Readonly<Record<string, string | number | boolean>>;
  /** Floats that |M| must be a multiple of. */
  readonly unit: number;
  /**
   * How the M whose table is nearest is found: `means` where each float of a lookup is one float of M, `solved` where it is a sum of
   * several; undefined where it isn't asked for.
   */
  readonly nearest?: 'means' | 'solved';
}

interface MethodKind {
  /** Meaning of the number after the colon. */
  readonly parameter?: string;
  /** @param parameter undefined when not given */
  readonly method: (dim: number, parameter: number | undefined) => Omit<Method, 'name'>;
}

const KINDS: Readonly<Record<string, MethodKind>> = {
  gaussian: { method: (dim) => jlt({ sketch: 'gaussian' }, dim) },
  achlioptas: { method: (dim) => jlt({ sketch: 'achlioptas' }, dim) },
  sparse: {
    parameter: 'number of non-zeros',
    method: (dim, nonZeros = 4) => jlt({ sketch: 'sparse', nonZeros }, nonZeros * dim),
  },
  hash: { method: (dim) => ({ embedding: { kind: 'hash' }, unit: dim, nearest: 'means' }) },
  robe: {
    parameter: 'chunk size',
    method: (dim, chunkSize = Math.min(dim, 32)) => ({
      embedding: { kind: 'robe', chunkSize },
      unit: 1,
      nearest: 'means',
    }),
  },
  hashednet: { method: () => ({ embedding: { kind: 'hashednet' }, unit: 1, nearest: 'means' }) },
  qr: {
    method: () => ({ embedding: { kind: 'qr', operation: 'concat' }, unit: 1, nearest: 'means' }),
  },
  sum: {
    method: () => ({ embedding: { kind: 'qr', operation: 'sum' }, unit: 1, nearest: 'solved' }),
  },
  memories: {
    parameter: 'number of memories',
    method: (dim, memories = 2) => ({
      embedding: { kind: 'qr', operation: 'concat', memories },
      unit: dim,
      nearest: 'means',
    }),
  },
};

function jlt(choice: Readonly<Record<string, string | number>>, unit: number): Omit<Method, 'name'> {
  return { embedding: { kind: 'jlt', ...choice }, unit };
}

/** Every method, with its own parameter's default. */
export const METHODS = Object.keys(KINDS);

/**
 * @param text a name from `METHODS`, with a number behind a colon where the method has a parameter, e.g. `robe:8`
 * @param dim d
 * @throws UsageError ERR_USAGE
 */
export function parseMethod(text: string, dim: number): Method {
  const [name = '', number, ...rest] = text.split(':');
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
  if (!kind) throw new UsageError('ERR_USAGE', `There is no method "${name}"; use ${METHODS.join(', ')}.`);
  if (number === undefined) return { name: text, ...kind.method(dim, undefined) };
  const value = Number(number);
  if (kind.parameter === undefined || rest.length > 0) {
    throw new UsageError(
      'ERR_USAGE',
      `Method "${text}" has a number too many; write ${name}${kind.parameter ? ':NUMBER' : ''}.`,
    );
  }
  if (!/^\d+$/.test(number) || value < 1) {
    throw new UsageError(
      'ERR_USAGE',
      `Method "${text}" needs a whole number as its ${kind.parameter}, e.g. ${name}:4.`,
    );
  }
  return { name: text, ...kind.method(dim, value) };
}
