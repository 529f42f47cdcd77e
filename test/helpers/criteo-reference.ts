import type { DenseProfile, RejectReason } from '../../src/manifest/manifest.ts';

/** What a file of raw rows should come to. */
export interface ReferenceRows {
  readonly label: number[];
  /** Row-major, [rows, 13]. */
  readonly dense: number[];
  /** Row-major, [rows, 26]. */
  readonly sparse: number[];
  readonly rejected: { line: number; reason: RejectReason }[];
}

const HIGHEST = 2 ** 31 - 1;
const LOWEST = -(2 ** 31);

/**
 * Parses raw Criteo text the plain way: a line at a time, a field at a time.
 * @param text one character a byte
 */
export function parseReference(
  text: string,
  options: { dense?: DenseProfile; maxIndex?: number; maxLineBytes?: number } = {},
): ReferenceRows {
  const { dense = 'dlrm', maxIndex = 0, maxLineBytes = 65_536 } = options;
  const rows: ReferenceRows = { label: [], dense: [], sparse: [], rejected: [] };
  const lines = text.replace(/^\xef\xbb\xbf/, '').split('\n');
  if (lines.at(-1) === '') lines.pop();
  for (const [i, line] of lines.entries()) {
    const reason = faultOf(line, maxLineBytes);
    if (reason) {
      rows.rejected.push({ line: i + 1, reason });
      continue;
    }
    const fields = line.replace(/\r$/, '').split('\t');
    rows.label.push(Number(fields[0]));
    for (const field of fields.slice(1, 14)) rows.dense.push(transform(Number(field), dense));
    for (const field of fields.slice(14)) {
      const id = Number.parseInt(field || '0', 16);
      rows.sparse.push(maxIndex === 0 ? id : id % maxIndex);
    }
  }
  return rows;
}

/** Ids by first appearance in each of the 26 columns. */
export function numberIds(sparse: readonly number[]): { ids: number[]; tables: number[][] } {
  const seen = Array.from({ length: 26 }, () => new Map<number, number>());
  const ids = sparse.map((value, i) => {
    const column = seen[i % 26] as Map<number, number>;
    if (!column.has(value)) column.set(value, column.size);
    return column.get(value) as number;
  });
  return { ids, tables: seen.map((column) => [...column.keys()]) };
}

function faultOf(line: string, maxLineBytes: number): RejectReason | undefined {
  if (line.length > maxLineBytes) return 'long-line';
  const row = line.replace(/\r$/, '');
  if (/[^\t\x20-\x7e]/.test(row)) return 'binary';
  const fields = row.split('\t');
  if (fields.length !== 40) return 'columns';
  if (fields[0] !== '0' && fields[0] !== '1') return 'label';
  for (const field of fields.slice(1, 14)) {
    if (!/^(-?\d+)?$/.test(field)) return 'integer';
    const value = Number(field);
    if (field.replace('-', '').length > 10 || value > HIGHEST || value < LOWEST) return 'range';
  }
  return fields.slice(14).every((field) => /^[0-9a-fA-F]{0,8}$/.test(field)) ? undefined : 'hex';
}

function transform(value: number, profile: DenseProfile): number {
  if (profile === 'dlrm') return Math.fround(Math.log1p(Math.fround(Math.max(value, 0))));
  if (profile === 'log3') return Math.fround(Math.log(Math.max(value, -2) + 3));
  return Math.fround(value);
}

/** Floats of the same sign at most one step apart. */
export function withinOneUlp(a: number, b: number): boolean {
  const bits = new Int32Array(Float32Array.of(a, b).buffer);
  return a === b || Math.abs((bits[0] as number) - (bits[1] as number)) <= 1;
}
