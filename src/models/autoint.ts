import type { AutoIntConfig } from '../config/model-schema.ts';
import { selfAttention } from '../graph/interactions.ts';
import { concat } from '../graph/joins.ts';
import type { DeepInputs } from './deep.ts';

/** AutoInt (Song et al., "AutoInt: Automatic Feature Interaction Learning via Self-Attentive Neural Networks", 2019), with an MLP. */
export function autoIntTerms(model: AutoIntConfig, { graph, dense, slots, hidden, term }: DeepInputs) {
  const input = concat(graph, 'input', [slots, dense]);
  let attended = slots;
  for (let l = 0; l < model.attentionLayers; l++) {
    attended = selfAttention(graph, `attention.${l}`, attended, model.heads, model.attentionDim);
  }
  return [term('mlpLinear', concat(graph, 'both', [attended, hidden(input)]))];
}
