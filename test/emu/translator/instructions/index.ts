import type { Emitter, Emitters, Instruction } from '../instruction.ts';
import { Unsupported } from '../types.ts';
import { arithmeticEmitters } from './arithmetic.ts';
import { bitEmitters } from './bits.ts';
import { comparisonEmitters } from './comparison.ts';
import { controlEmitters } from './control.ts';
import { conversionEmitters } from './conversion.ts';
import { matrixEmitters } from './matrix.ts';
import { memoryEmitters } from './memory.ts';
import { synchronisationEmitters } from './synchronisation.ts';

const EMITTERS: Emitters = {
  ...arithmeticEmitters,
  ...bitEmitters,
  ...comparisonEmitters,
  ...controlEmitters,
  ...conversionEmitters,
  ...matrixEmitters,
  ...memoryEmitters,
  ...synchronisationEmitters,
};

/** What translates an instruction. @throws Unsupported for an unknown opcode */
export function emitterOf(ins: Instruction): Emitter {
  const emitter = EMITTERS[ins.opcode];
  if (!emitter) throw new Unsupported('opcode');
  return emitter;
}
