import type { DcnConfig } from '../config/model-schema.ts';
import { crossMatrices, crossNetwork } from '../graph/interactions.ts';
import { concat } from '../graph/joins.ts';
import type { DeepInputs } from './deep.ts';

/**
 * DCN (Wang et al., "Deep & Cross Network for Ad Click Predictions", 2017), or with `crossKind: matrix` DCN-v2's cross layers ("DCN V2",
 * 2021), beside the MLP.
 */
export function dcnTerms(model: DcnConfig, { graph, dense, slots, hidden, term }: DeepInputs) {
  const input = concat(graph, 'input', [slots, dense]);
  const cross = model.crossKind === 'vector' ? crossNetwork : crossMatrices;
  const crossed = cross(graph, 'cross', input, model.crossLayers);
  return [term('mlpLinear', concat(graph, 'both', [crossed, hidden(input)]))];
}
