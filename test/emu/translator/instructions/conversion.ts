import type { FunctionWriter } from '../function-writer.ts';
import type { Emitters, Instruction } from '../instruction.ts';
import { cppType, Unsupported } from '../types.ts';

/** Rounding to an integral value, by the numbers of conversions.h. */
const INTEGRAL = { rni: 0, rzi: 1, rmi: 2, rpi: 3 } as const;
type Integral = keyof typeof INTEGRAL;
const INTEGRAL_NAMES = Object.keys(INTEGRAL) as Integral[];

const SCALAR_FLOATS = ['f16', 'bf16', 'f32', 'f64'];
const isScalarFloat = (type: string): boolean => SCALAR_FLOATS.includes(type);

/** The float type that a 16-bit float is computed in. */
const carrier = (type: string): string => (type === 'f64' ? 'f64' : 'f32');

function convert(fn: FunctionWriter, ins: Instruction): string {
  const [to = '', from = ''] = ins.types;
  const set = (expression: string): string => fn.set(ins.operand(0), expression);
  if (/^e\d/.test(to) || /^e\d/.test(from) || ins.has('pack'))
    throw new Unsupported('conversion of packed bytes');
  if (/x2$/.test(to)) return set(toPacked(fn, ins, to, from));
  if (to === 'tf32') {
    const value = `as<u32>(${fn.source(ins.operand(1), 'f32')})`;
    return set(`to_tf32_${ins.has('rna') ? 'away' : 'even'}(${value})`);
  }
  const value = fn.source(ins.operand(1), from);
  const cpp = cppType(to);
  if (isScalarFloat(from) && !isScalarFloat(to)) {
    const how = INTEGRAL[ins.maybeOneOf(INTEGRAL_NAMES) ?? 'rzi'];
    return set(`float_to_integer<${cpp}>((f64)(${value}), ${how})`);
  }
  if (isScalarFloat(to) && !isScalarFloat(from)) {
    const { rounding } = ins;
    return set(
      rounding !== undefined && (to === 'f32' || to === 'f64')
        ? `convert_rounded<${cpp}>(${value}, ${rounding})`
        : `${cpp}((${carrier(to)})(${value}))`,
    );
  }
  if (isScalarFloat(to)) return set(betweenFloats(ins, to, from, value));
  return set(ins.has('sat') ? `saturate_integer<${cpp}>(${value})` : `(${cpp})(${value})`);
}

/** Two floats to a packed pair; the second operand is the low half. */
function toPacked(fn: FunctionWriter, ins: Instruction, to: string, from: string): string {
  if (from !== 'f32' || (to !== 'f16x2' && to !== 'bf16x2')) throw new Unsupported('packed conversion');
  const half = to.replace('x2', '');
  const part = (number: number): string => {
    const value = fn.source(ins.operand(number), from);
    const kept = ins.has('relu') ? `relu<f32>(${value})` : value;
    if (!ins.has('rz')) return `${half}(${kept})`;
    if (half !== 'bf16') throw new Unsupported('rounding mode');
    return `to_bf16_toward_zero(${kept})`;
  };
  return `(${to}{${part(2)}, ${part(1)}})`;
}

function betweenFloats(ins: Instruction, to: string, from: string, value: string): string {
  const { rounding } = ins;
  const integral = ins.maybeOneOf(INTEGRAL_NAMES);
  let result = `${to}((${carrier(from)})(${value}))`;
  if (integral !== undefined && to === from) {
    result = `${to}((${carrier(to)})to_integral((f64)(${value}), ${INTEGRAL[integral]}))`;
  } else if (to === from) {
    result = value;
  } else if (to === 'f32' && from === 'f64' && rounding !== undefined) {
    result = `convert_rounded<f32>(${value}, ${rounding})`;
  } else if (rounding !== undefined && (to === 'bf16' || to === 'f16')) {
    if (to !== 'bf16' || !ins.has('rz')) throw new Unsupported('rounding mode');
    result = `to_bf16_toward_zero((f32)(${value}))`;
  }
  if (ins.has('sat')) result = `saturate<${to}>(${result})`;
  return ins.has('relu') ? `relu<${to}>(${result})` : result;
}

/** Conversions between types. */
export const conversionEmitters: Emitters = { cvt: convert };
