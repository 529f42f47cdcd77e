import type { FunctionWriter } from '../function-writer.ts';
import { type Emitters, type Instruction, pairOf } from '../instruction.ts';
import { cppType, isFloat, sizeOf, Unsupported } from '../types.ts';

const OPERATORS: Readonly<Record<string, string>> = {
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  lo: '<',
  ls: '<=',
  hi: '>',
  hs: '>=',
};
/** What an unordered comparison is the opposite of: it holds where the ordered one doesn't, NaN included. */
const OPPOSITES: Readonly<Record<string, string>> = {
  equ: 'ne',
  neu: 'eq',
  ltu: 'ge',
  leu: 'gt',
  gtu: 'le',
  geu: 'lt',
};

/** C++ for `a comparison b` of two floats. */
function compareFloats(comparison: string, a: string, b: string): string {
  if (comparison === 'num') return `(${a} == ${a} && ${b} == ${b})`;
  if (comparison === 'nan') return `(${a} != ${a} || ${b} != ${b})`;
  if (comparison === 'ne') return `(${a} < ${b} || ${a} > ${b})`;
  const opposite = OPPOSITES[comparison];
  if (opposite !== undefined) return `(!${compareFloats(opposite, a, b)})`;
  const operator = OPERATORS[comparison];
  if (operator === undefined) throw new Unsupported(`comparison ${comparison}`);
  return `(${a} ${operator} ${b})`;
}

/** C++ for the comparison of two operands of `type`. */
function compare(fn: FunctionWriter, comparison: string, type: string, a: string, b: string): string {
  const as = ['lo', 'ls', 'hi', 'hs'].includes(comparison) ? `u${8 * sizeOf(type)}` : type;
  const [x, y] = [fn.source(a, as), fn.source(b, as)];
  if (type === 'f16' || type === 'bf16') return compareFloats(comparison, `(f32)${x}`, `(f32)${y}`);
  if (isFloat(type)) return compareFloats(comparison, x, y);
  return `(${x} ${OPERATORS[comparison]} ${y})`;
}

const COMBINATIONS: Readonly<Record<string, string>> = { and: '&', or: '|', xor: '^' };

function setPredicate(fn: FunctionWriter, ins: Instruction): string {
  const comparison = ins.modifiers[0] ?? '';
  if (/x2$/.test(ins.type)) return setPacked(fn, ins);
  const combination = ins.maybeOneOf(['and', 'or', 'xor']);
  const combined = (holds: string): string =>
    combination === undefined
      ? holds
      : `(${holds} ${COMBINATIONS[combination]} ${fn.source(ins.operand(3), 'pred')})`;
  const holds = compare(fn, comparison, ins.type, ins.operand(1), ins.operand(2));
  const [first, second] = pairOf(ins.operand(0));
  if (ins.opcode === 'set') {
    const type = ins.types[0] ?? '';
    const [yes, no] = type === 'f32' ? ['1.0f', '0.0f'] : [`(${cppType(type)})-1`, `(${cppType(type)})0`];
    return `const bool holds = ${holds}; ${fn.set(first, `(${combined('holds')} ? ${yes} : ${no})`)}`;
  }
  if (second === undefined) return `const bool holds = ${holds}; ${fn.set(first, combined('holds'))}`;
  const both = `const bool holds = ${holds}, yes = ${combined('holds')}, no = ${combined('(!holds)')};`;
  return `${both} ${fn.set(first, 'yes')} ${fn.set(second, 'no')}`;
}

/** set and setp of the two halves of packed floats. */
function setPacked(fn: FunctionWriter, ins: Instruction): string {
  if (ins.maybeOneOf(['and', 'or', 'xor']) !== undefined) throw new Unsupported('combined packed comparison');
  const comparison = ins.modifiers[0] ?? '';
  const half = (part: string): string => compareFloats(comparison, `(f32)a.${part}`, `(f32)b.${part}`);
  const [a, b] = [1, 2].map((i) => fn.source(ins.operand(i), ins.type));
  const inputs = `const ${ins.cpp} a = ${a}, b = ${b};`;
  if (ins.opcode === 'setp') {
    const [first, second = '_'] = pairOf(ins.operand(0));
    return `${inputs} const bool low = ${half('x')}, high = ${half('y')}; ${fn.set(first, 'low')} ${fn.set(second, 'high')}`;
  }
  const one =
    { bf16x2: '0x3f80u', f16x2: '0x3c00u' }[ins.types.length > 1 ? (ins.types[0] ?? '') : ''] ?? '0xffffu';
  return `${inputs} ${fn.set(ins.operand(0), `(u32)((${half('x')} ? ${one} : 0u) | (${half('y')} ? ${one} : 0u) << 16)`)}`;
}

const PROPERTIES: Readonly<Record<string, (a: string) => string>> = {
  finite: (a) => `std::isfinite(${a})`,
  infinite: (a) => `std::isinf(${a})`,
  number: (a) => `!std::isnan(${a})`,
  notanumber: (a) => `std::isnan(${a})`,
  normal: (a) => `std::isnormal(${a})`,
  subnormal: (a) => `(std::fpclassify(${a}) == FP_SUBNORMAL)`,
};

function testProperty(fn: FunctionWriter, ins: Instruction): string {
  const property = PROPERTIES[ins.modifiers[0] ?? ''];
  if (!property) throw new Unsupported('property');
  return fn.set(ins.operand(0), property(fn.source(ins.operand(1), ins.type)));
}

function select(fn: FunctionWriter, ins: Instruction): string {
  const [a, b] = [1, 2].map((i) => fn.source(ins.operand(i), ins.type));
  return fn.set(ins.operand(0), `(${fn.source(ins.operand(3), 'pred')} ? ${a} : ${b})`);
}

function selectBySign(fn: FunctionWriter, ins: Instruction): string {
  const [a, b] = [1, 2].map((i) => fn.source(ins.operand(i), ins.types[0] ?? ''));
  return fn.set(ins.operand(0), `(${fn.source(ins.operand(3), ins.type)} >= 0 ? ${a} : ${b})`);
}

/** Comparisons and choices. */
export const comparisonEmitters: Emitters = {
  setp: setPredicate,
  set: setPredicate,
  testp: testProperty,
  selp: select,
  slct: selectBySign,
};
