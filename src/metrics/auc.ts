/**
 * Exact area under the ROC curve: the share of (positive, negative) pairs in which the positive scores higher, ties counted half.
 * Sorts both arrays in place, then merges them: O(n log n) time, no further memory. Counts are exact up to 2⁵² pairs.
 * @returns undefined when either array is empty, since there is no pair to compare
 */
export function areaUnderRoc(positives: Float32Array, negatives: Float32Array): number | undefined {
  if (positives.length === 0 || negatives.length === 0) return undefined;
  positives.sort();
  negatives.sort();
  let below = 0;
  let upTo = 0;
  let twiceWins = 0;
  for (let i = 0; i < positives.length; i++) {
    const score = positives[i] as number;
    while (below < negatives.length && (negatives[below] as number) < score) below++;
    if (upTo < below) upTo = below;
    while (upTo < negatives.length && (negatives[upTo] as number) === score) upTo++;
    twiceWins += below + upTo;
  }
  return twiceWins / 2 / (positives.length * negatives.length);
}

/**
 * Standard error of an AUC whose true value is a half, √((p + n + 1) / (12·p·n)): the Mann–Whitney statistic's spread when scores say nothing.
 */
export function aucStandardError(positives: number, negatives: number): number {
  return Math.sqrt((positives + negatives + 1) / (12 * positives * negatives));
}
