import type { FiBiNetConfig } from '../config/model-schema.ts';
import { bilinearInteraction, senet } from '../graph/interactions.ts';
import { concat } from '../graph/joins.ts';
import type { DeepInputs } from './deep.ts';

/**
 * FiBiNET (Huang et al., "FiBiNET: Combining Feature Importance and Bilinear feature Interaction for Click-Through Rate Prediction", 2019):
 * the MLP reads the bilinear products of the reweighted and of the plain embeddings, which share their matrices, and the dense features.
 */
export function fiBiNetTerms(model: FiBiNetConfig, { graph, dense, slots, hidden, term }: DeepInputs) {
  const reduced = Math.max(1, Math.floor((slots.shape[0] as number) / model.reductionRatio));
  const reweighted = senet(graph, 'senet', slots, reduced);
  const products = bilinearInteraction(graph, 'bilinear', [reweighted, slots], model.bilinear);
  return [term('mlpLinear', hidden(concat(graph, 'input', [products, dense])))];
}
