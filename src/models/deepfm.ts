import { fmInteraction } from '../graph/interactions.ts';
import { concat } from '../graph/joins.ts';
import type { DeepInputs } from './deep.ts';

/** DeepFM (Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR Prediction", 2017). */
export function deepFmTerms({ graph, dense, slots, hidden, term }: DeepInputs) {
  const input = concat(graph, 'input', [slots, dense]);
  return [fmInteraction(graph, 'fm', slots), term('mlpLinear', hidden(input))];
}
