import type { XDeepFmConfig } from '../config/model-schema.ts';
import { cin } from '../graph/interactions.ts';
import { concat } from '../graph/joins.ts';
import type { DeepInputs } from './deep.ts';

/** xDeepFM (Lian et al., "xDeepFM: Combining Explicit and Implicit Feature Interactions for Recommender Systems", 2018). */
export function xDeepFmTerms(model: XDeepFmConfig, { graph, dense, slots, hidden, term }: DeepInputs) {
  const input = concat(graph, 'input', [slots, dense]);
  return [term('cinLinear', cin(graph, 'cin', slots, model.cinLayers)), term('mlpLinear', hidden(input))];
}
