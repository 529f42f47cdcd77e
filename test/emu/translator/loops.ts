import type { Token } from './source.ts';

/** A loop of a function: from its header's label to the last branch back there, as positions in the body. */
export interface Loop {
  readonly start: number;
  readonly end: number;
  /** Its counter's number in the module. */
  readonly id: number;
}

const BRANCH = /^(?:@!?\s*\S+\s+)?bra(?:\.uni)?\s+(\S+)$/;

/** Positions of the labels of a body. */
export function findLabels(tokens: readonly Token[]): Map<string, number> {
  const labels = new Map<string, number>();
  tokens.forEach((token, position) => {
    if (token.kind === 'label') labels.set(token.name, position);
  });
  return labels;
}

/** The loops of a body, outer before inner; their ids count on from `firstId`. */
export function findLoops(
  tokens: readonly Token[],
  labels: ReadonlyMap<string, number>,
  firstId: number,
): Loop[] {
  const ends = new Map<number, number>();
  tokens.forEach((token, position) => {
    const target = token.kind === 'statement' ? BRANCH.exec(token.text)?.[1] : undefined;
    const header = target === undefined ? undefined : labels.get(target);
    if (header !== undefined && header < position) ends.set(header, position);
  });
  return [...ends]
    .sort(([a], [b]) => a - b)
    .map(([start, end], index) => ({ start, end, id: firstId + index }));
}
