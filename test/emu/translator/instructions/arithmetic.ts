import type { FunctionWriter } from '../function-writer.ts';
import type { Emitter, Emitters, Instruction } from '../instruction.ts';
import { cppType, isFloat, sizeOf, Unsupported } from '../types.ts';

const sources = (fn: FunctionWriter, ins: Instruction, ...numbers: number[]): string[] =>
  numbers.map((number) => fn.source(ins.operand(number), ins.type));

/** A function of the operands after the destination, all of the instruction's type. */
const plain =
  (name: string, operands: number): Emitter =>
  (fn, ins) => {
    const inputs = sources(fn, ins, ...Array.from({ length: operands }, (_, i) => i + 1));
    return fn.set(ins.operand(0), `${name}<${ins.cpp}>(${inputs.join(', ')})`);
  };

const saturated = (ins: Instruction, expression: string): string =>
  ins.has('sat') && isFloat(ins.type) ? `saturate<${ins.cpp}>(${expression})` : expression;

const ROUNDED: Readonly<Record<string, string>> = {
  add: 'add_rounded',
  sub: 'add_rounded',
  mul: 'multiply_rounded',
  div: 'divide_rounded',
};
const PLAIN: Readonly<Record<string, string>> = {
  add: 'add',
  sub: 'subtract',
  mul: 'multiply',
  div: 'divide',
};

/** add, sub and mul of floats; div of anything. */
function binary(fn: FunctionWriter, ins: Instruction): string {
  const [a, b] = sources(fn, ins, 1, 2);
  const { opcode, rounding, type } = ins;
  const result =
    rounding !== undefined && (type === 'f32' || type === 'f64')
      ? `${ROUNDED[opcode]}(${a}, ${opcode === 'sub' ? '-' : ''}${b}, ${rounding})`
      : `${PLAIN[opcode]}<${ins.cpp}>(${a}, ${b})`;
  return fn.set(ins.operand(0), saturated(ins, result));
}

/** C++ for `expression` in twice the width, whose upper half gives the carry flag. */
function withCarry(fn: FunctionWriter, ins: Instruction, type: string, expression: string): string {
  const width = 8 * sizeOf(type);
  fn.usesCarry = true;
  const keep = ins.has('cc') ? ` carry = (wide >> ${width}) & 1;` : '';
  return `${width === 64 ? 'u128' : 'u64'} wide = ${expression};${keep} ${fn.set(ins.operand(0), `(u${width})wide`)}`;
}

function addOrSubtract(fn: FunctionWriter, ins: Instruction): string {
  const { opcode, type } = ins;
  if (isFloat(type)) return binary(fn, ins);
  const chained = opcode === 'addc' || opcode === 'subc';
  const sign = opcode.startsWith('add') ? '+' : '-';
  if (chained || ins.has('cc')) {
    const narrow = `u${8 * sizeOf(type)}`;
    const [a, b] = [1, 2].map((i) => fn.source(ins.operand(i), narrow));
    const wide = sizeOf(type) === 8 ? 'u128' : 'u64';
    return withCarry(fn, ins, type, `(${wide})${a} ${sign} ${b}${chained ? ` ${sign} carry` : ''}`);
  }
  const [a, b] = sources(fn, ins, 1, 2);
  if (ins.has('sat')) return fn.set(ins.operand(0), `saturate_integer<s32>((s64)${a} ${sign} (s64)${b})`);
  return fn.set(ins.operand(0), `${PLAIN[opcode]}<${ins.cpp}>(${a}, ${b})`);
}

const WIDER: Readonly<Record<string, string>> = {
  u16: 'u32',
  s16: 's32',
  u32: 'u64',
  s32: 's64',
  b32: 'u64',
};

function multiply(fn: FunctionWriter, ins: Instruction): string {
  const { opcode, type } = ins;
  const adds = opcode.startsWith('mad');
  if (isFloat(type)) return adds ? fused(fn, ins) : binary(fn, ins);
  const [a, b] = sources(fn, ins, 1, 2);
  let product = `multiply<${ins.cpp}>(${a}, ${b})`;
  let resultType = type;
  if (ins.has('wide')) {
    const wider = WIDER[type];
    if (wider === undefined) throw new Unsupported('wide product');
    resultType = wider;
    product = `(${wider})((${wider})${a} * (${wider})${b})`;
  } else if (ins.has('hi')) {
    product = `multiply_high<${ins.cpp}>(${a}, ${b})`;
  }
  if (!adds) return fn.set(ins.operand(0), product);
  if (ins.has('cc') || opcode === 'madc') {
    const width = 8 * sizeOf(resultType);
    const addend = fn.source(ins.operand(3), `u${width}`);
    const carry = opcode === 'madc' ? ' + carry' : '';
    const wide = width === 64 ? 'u128' : 'u64';
    return withCarry(fn, ins, resultType, `(${wide})(u${width})${product} + ${addend}${carry}`);
  }
  const addend = fn.source(ins.operand(3), resultType);
  return fn.set(ins.operand(0), `add<${cppType(resultType)}>(${product}, ${addend})`);
}

function fused(fn: FunctionWriter, ins: Instruction): string {
  const inputs = sources(fn, ins, 1, 2, 3).join(', ');
  const { rounding } = ins;
  const result =
    rounding === undefined
      ? `fused_multiply_add<${ins.cpp}>(${inputs})`
      : `fused_rounded(${inputs}, ${rounding})`;
  return fn.set(ins.operand(0), ins.has('relu') ? `relu<${ins.cpp}>(${result})` : saturated(ins, result));
}

const extreme =
  (name: string): Emitter =>
  (fn, ins) => {
    const nan = ins.has('NaN') ? ', true' : '';
    const [a, b] = sources(fn, ins, 1, 2);
    let result = `${name}<${ins.cpp}>(${a}, ${b}${nan})`;
    if (ins.operands.length > 3) result = `${name}<${ins.cpp}>(${result}, ${sources(fn, ins, 3)[0]}${nan})`;
    return fn.set(ins.operand(0), result);
  };

/** sqrt and rcp, which are also there with rounding modes. */
const rounded =
  (name: string, exact: (a: string, mode: string) => string): Emitter =>
  (fn, ins) => {
    const [a = ''] = sources(fn, ins, 1);
    const { rounding } = ins;
    return fn.set(ins.operand(0), rounding === undefined ? `${name}<${ins.cpp}>(${a})` : exact(a, rounding));
  };

function absoluteDifference(fn: FunctionWriter, ins: Instruction): string {
  const [a, b, c] = sources(fn, ins, 1, 2, 3);
  return fn.set(ins.operand(0), `(${ins.cpp})(${c} + (${a} < ${b} ? ${b} - ${a} : ${a} - ${b}))`);
}

function dotOfBytes(fn: FunctionWriter, ins: Instruction): string {
  const bytes = ins.types.map((type) => `${type[0]}8`).join(', ');
  const [a, b] = [1, 2].map((i) => fn.source(ins.operand(i), 'u32'));
  return fn.set(ins.operand(0), `dot4<${bytes}>(${a}, ${b}, ${fn.source(ins.operand(3), 's32')})`);
}

/** Sums, products, roots and the like. */
export const arithmeticEmitters: Emitters = {
  add: addOrSubtract,
  sub: addOrSubtract,
  addc: addOrSubtract,
  subc: addOrSubtract,
  mul: multiply,
  mad: multiply,
  madc: multiply,
  mul24: multiply,
  mad24: multiply,
  fma: fused,
  div: binary,
  rem: plain('remainder', 2),
  min: extreme('minimum'),
  max: extreme('maximum'),
  neg: plain('negate', 1),
  abs: plain('absolute', 1),
  sqrt: rounded('square_root', (a, mode) => `root_rounded(${a}, ${mode})`),
  rcp: rounded('reciprocal', (a, mode) => `divide_rounded(1.0f, ${a}, ${mode})`),
  rsqrt: plain('reciprocal_root', 1),
  ex2: plain('exponential2', 1),
  lg2: plain('logarithm2', 1),
  sin: plain('sine', 1),
  cos: plain('cosine', 1),
  tanh: plain('hyperbolic_tangent', 1),
  copysign: plain('copy_sign', 2),
  sad: absoluteDifference,
  dp4a: dotOfBytes,
};
