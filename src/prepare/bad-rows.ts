import type { CriteoSummary } from '../addon/criteo-types.ts';
import { PssError } from '../errors.ts';
import type { Manifest, RejectReason, RejectSample } from '../manifest/manifest.ts';
import type { BadRowLimit } from './prepare-options.ts';

const EXPLANATIONS: Record<RejectReason, string> = {
  columns: 'not 40 columns',
  label: 'label neither 0 nor 1',
  integer: 'not an integer',
  range: 'an integer beyond 32 bits',
  hex: 'not a hex number of at most 8 digits',
  'long-line': 'a line over 64 KiB',
  binary: 'bytes that are no text',
  'truncated-gzip': 'gzip data cut off in mid-row',
};

/** Bad rows that an error names. */
const NAMED = 3;

/** Malformed rows as the manifest lists them. */
export function describeRejected(inputs: readonly string[], summary: CriteoSummary): Manifest['rejected'] {
  return {
    rows: Object.values(summary.rejected).reduce((sum, rows) => sum + rows, 0),
    byReason: summary.rejected,
    samples: toSamples(inputs, summary),
  };
}

/** The error for more malformed rows than the limit allows, naming the first of them. */
export function tooManyBadRows(
  inputs: readonly string[],
  summary: CriteoSummary,
  limit: BadRowLimit,
): PssError {
  const rejected = summary.inputs.reduce((sum, input) => sum + input.rejected, 0);
  const seen = summary.inputs.reduce((sum, input) => sum + input.rows + input.rejected, 0);
  const first = toSamples(inputs, summary).slice(0, NAMED);
  const named = first.map(({ file, line, reason, excerpt }) => {
    return `${file} line ${line} (${EXPLANATIONS[reason]}: ${JSON.stringify(excerpt)})`;
  });
  return new PssError(
    'ERR_BAD_ROWS',
    `${rejected} of the first ${seen} rows are malformed, more than --max-bad-rows ${limit.text} allows: ${named.join(', ')}${
      rejected > named.length ? ', …' : ''
    }; give raw Criteo rows (label, 13 integers, 26 hex values, separated by tabs) or raise the limit.`,
  );
}

/** One line for a person on what was left out; undefined when nothing was. */
export function summarizeRejected(rejected: Manifest['rejected']): string | undefined {
  if (rejected.rows === 0) return undefined;
  const reasons = Object.entries(rejected.byReason).map(
    ([reason, rows]) => `${rows} × ${EXPLANATIONS[reason as RejectReason]}`,
  );
  return `${rejected.rows} malformed rows were left out (${reasons.join(', ')}); the manifest lists the first of them.`;
}

function toSamples(inputs: readonly string[], summary: CriteoSummary): RejectSample[] {
  return summary.samples.map(({ input, line, reason, excerpt }) => {
    return { file: inputs[input] ?? '', line, reason, excerpt };
  });
}
