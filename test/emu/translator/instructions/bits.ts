import type { FunctionWriter } from '../function-writer.ts';
import { type Emitter, type Emitters, type Instruction, registersOf } from '../instruction.ts';
import { sizeOf, Unsupported } from '../types.ts';

const word = (fn: FunctionWriter, ins: Instruction, number: number): string =>
  fn.source(ins.operand(number), 'u32');

const operator =
  (cpp: string): Emitter =>
  (fn, ins) => {
    const [a, b] = [1, 2].map((i) => fn.source(ins.operand(i), ins.type));
    return fn.set(ins.operand(0), `(${ins.cpp})(${a} ${cpp} ${b})`);
  };

/** A function whose first inputs have the instruction's type and whose others are 32-bit numbers. */
const fields =
  (name: string, typed: number, words: number): Emitter =>
  (fn, ins) => {
    const inputs = [
      ...Array.from({ length: typed }, (_, i) => fn.source(ins.operand(i + 1), ins.type)),
      ...Array.from({ length: words }, (_, i) => word(fn, ins, typed + i + 1)),
    ];
    return fn.set(ins.operand(0), `${name}<${ins.cpp}>(${inputs.join(', ')})`);
  };

function not(fn: FunctionWriter, ins: Instruction): string {
  const a = fn.source(ins.operand(1), ins.type);
  return fn.set(ins.operand(0), `(${ins.cpp})(${ins.type === 'pred' ? '!' : '~'}${a})`);
}

function leadingZeros(fn: FunctionWriter, ins: Instruction): string {
  const a = fn.source(ins.operand(1), ins.type);
  return fn.set(ins.operand(0), `count_leading_zeros((u${8 * sizeOf(ins.type)})${a})`);
}

function funnelShift(fn: FunctionWriter, ins: Instruction): string {
  const side = ins.oneOf(['l', 'r']) === 'l' ? 'left' : 'right';
  const inputs = [1, 2, 3].map((i) => word(fn, ins, i)).join(', ');
  return fn.set(ins.operand(0), `funnel_shift_${side}(${inputs}, ${ins.has('wrap')})`);
}

/** Byte permutation; the modes other than the plain one are the selectors they stand for, by the low two bits of c. */
const PERMUTATIONS: Readonly<Record<string, readonly number[]>> = {
  f4e: [0x3210, 0x4321, 0x5432, 0x6543],
  b4e: [0x5670, 0x6701, 0x7012, 0x0123],
  rc8: [0x0000, 0x1111, 0x2222, 0x3333],
  ecl: [0x3210, 0x3211, 0x3222, 0x3333],
  ecr: [0x0000, 0x1110, 0x2210, 0x3210],
  rc16: [0x1010, 0x3232, 0x1010, 0x3232],
};

function permute(fn: FunctionWriter, ins: Instruction): string {
  const [a, b, c] = [1, 2, 3].map((i) => word(fn, ins, i));
  const mode = ins.maybeOneOf(Object.keys(PERMUTATIONS));
  const table = mode === undefined ? undefined : PERMUTATIONS[mode];
  const selectors = table ? `(const u32[]){${table.join(', ')}}[${c} & 3]` : c;
  return fn.set(ins.operand(0), `permute_bytes(${a}, ${b}, ${selectors})`);
}

function logic(fn: FunctionWriter, ins: Instruction): string {
  if (ins.modifiers.join('.') !== 'b32') throw new Unsupported('lop3 of predicates');
  return fn.set(ins.operand(0), `logic3(${[1, 2, 3, 4].map((i) => word(fn, ins, i)).join(', ')})`);
}

function move(fn: FunctionWriter, ins: Instruction): string {
  const [to, from] = [ins.operand(0), ins.operand(1)];
  const whole = `u${8 * sizeOf(ins.type)}`;
  if (to.startsWith('{')) {
    const parts = registersOf(to);
    const width = (8 * sizeOf(ins.type)) / parts.length;
    const writes = parts.map((part, i) =>
      part === '_' ? '' : fn.set(part, `(u${width})(whole >> ${width * i})`),
    );
    return `${whole} whole = as<${whole}>(${fn.source(from, ins.type)}); ${writes.join(' ')}`;
  }
  if (from.startsWith('{')) {
    const parts = registersOf(from);
    const width = (8 * sizeOf(ins.type)) / parts.length;
    const shifted = parts.map((part, i) => `((${whole})${fn.source(part, `b${width}`)} << ${width * i})`);
    return fn.set(to, `(${whole})(${shifted.join(' | ')})`);
  }
  return fn.set(to, fn.source(from, ins.type));
}

/** Bits of integers and predicates; moves. */
export const bitEmitters: Emitters = {
  mov: move,
  and: operator('&'),
  or: operator('|'),
  xor: operator('^'),
  not,
  cnot: (fn, ins) => fn.set(ins.operand(0), `(${ins.cpp})(${fn.source(ins.operand(1), ins.type)} == 0)`),
  shl: fields('shift_left', 1, 1),
  shr: fields('shift_right', 1, 1),
  shf: funnelShift,
  popc: fields('count_ones', 1, 0),
  clz: leadingZeros,
  brev: fields('reverse_bits', 1, 0),
  bfind: (fn, ins) =>
    fn.set(
      ins.operand(0),
      `find_bit<${ins.cpp}>(${fn.source(ins.operand(1), ins.type)}, ${ins.has('shiftamt')})`,
    ),
  bfe: fields('extract_field', 1, 2),
  bfi: fields('insert_field', 2, 2),
  bmsk: (fn, ins) =>
    fn.set(ins.operand(0), `bit_mask(${word(fn, ins, 1)}, ${word(fn, ins, 2)}, ${ins.has('clamp')})`),
  prmt: permute,
  lop3: logic,
};
