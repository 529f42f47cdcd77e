import type { FunctionWriter } from '../function-writer.ts';
import { type Emitters, type Instruction, registersOf } from '../instruction.ts';
import { Unsupported } from '../types.ts';

/** Elements of matrices: how many a register holds, and their name in matrix.h. */
const ELEMENTS: Readonly<Record<string, { readonly perRegister: number; readonly cpp: string }>> = {
  f16: { perRegister: 2, cpp: 'Element::kF16' },
  bf16: { perRegister: 2, cpp: 'Element::kBf16' },
  tf32: { perRegister: 1, cpp: 'Element::kTf32' },
  f32: { perRegister: 1, cpp: 'Element::kF32' },
  s8: { perRegister: 4, cpp: 'Element::kS8' },
  u8: { perRegister: 4, cpp: 'Element::kU8' },
  s32: { perRegister: 1, cpp: 'Element::kS32' },
  f64: { perRegister: 1, cpp: 'Element::kF64' },
};

function elementOf(type: string | undefined): { perRegister: number; cpp: string } {
  const element = ELEMENTS[type ?? ''];
  if (!element) throw new Unsupported(`matrix of ${type}`);
  return element;
}

interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

function shapeOf(ins: Instruction): Shape {
  for (const modifier of ins.modifiers) {
    const found = /^m(\d+)n(\d+)k(\d+)$/.exec(modifier);
    if (found) return { m: Number(found[1]), n: Number(found[2]), k: Number(found[3]) };
  }
  throw new Unsupported('matrix shape');
}

const cppShape = ({ m, n, k }: Shape): string => `{${m}, ${n}, ${k}}`;
const registerCpp = (type: string | undefined): string => (type === 'f64' ? 'u64' : 'u32');

/** C++ that puts an operand's registers into an array. */
function gather(fn: FunctionWriter, array: string, operand: string, type: string | undefined): string {
  const cpp = registerCpp(type);
  const values = registersOf(operand).map((register) => fn.source(register, cpp));
  return `${cpp} ${array}[] = {${values.join(', ')}};`;
}

/** C++ that puts an array into an operand's registers. */
function scatter(fn: FunctionWriter, array: string, operand: string): string {
  return registersOf(operand)
    .map((register, i) => fn.set(register, `${array}[${i}]`))
    .join(' ');
}

function fragment(array: string, operand: string, type: string | undefined): string {
  const { perRegister, cpp } = elementOf(type);
  return `{${cpp}, ${registersOf(operand).length * perRegister}, ${array}}`;
}

/** d = a·b + c. */
function multiply(fn: FunctionWriter, ins: Instruction): string {
  const wmma = ins.opcode === 'wmma';
  const shape = shapeOf(ins);
  if (ins.modifiers.some((modifier) => modifier.startsWith('sp'))) throw new Unsupported('sparse matrix');
  const types = ins.types.length === 4 ? ins.types : [ins.types[0], 'f16', 'f16', ins.types[1]];
  const [typeD, typeA, typeB, typeC] = types;
  if (!wmma) {
    const supported = (shape.m === 16 || (shape.m === 8 && typeA === 'f64')) && shape.n === 8;
    const layout = ins.modifiers.filter((modifier) => modifier === 'row' || modifier === 'col').join();
    if (!supported || layout !== 'row,col') throw new Unsupported('matrix shape or layout');
  }
  const [d, a, b, c] = [0, 1, 2, 3].map((i) => ins.operand(i)) as [string, string, string, string];
  return [
    gather(fn, 'ma', a, typeA),
    gather(fn, 'mb', b, typeB),
    gather(fn, 'mc', c, typeC),
    `${registerCpp(typeD)} md[${registersOf(d).length}];`,
    `multiply_matrices(T, Layout::${wmma ? 'kWmma' : 'kMma'}, ${cppShape(shape)}, ${fragment('ma', a, typeA)},`,
    `${fragment('mb', b, typeB)}, ${fragment('mc', c, typeC)}, ${elementOf(typeD).cpp}, md);`,
    scatter(fn, 'md', d),
  ].join(' ');
}

/** wmma.load and wmma.store; their fragments have a layout of the emulator's own. */
function moveFragment(fn: FunctionWriter, ins: Instruction): string {
  const stores = ins.modifiers[0] === 'store';
  const matrix = { a: 'kA', b: 'kB', c: 'kC', d: 'kC' }[ins.modifiers[1] ?? ''];
  if (matrix === undefined) throw new Unsupported('matrix');
  const space = ins.space === 'shared' ? 'shared' : 'global';
  const [address, registers] = stores ? [ins.operand(0), ins.operand(1)] : [ins.operand(1), ins.operand(0)];
  const stride = ins.operands.length > 2 ? fn.source(ins.operand(2), 'u32') : '0';
  const count = registersOf(registers).length * elementOf(ins.type).perRegister;
  const what = `{${stores}, ${ins.has('col')}, ${space === 'shared'}, Matrix::${matrix}, ${elementOf(ins.type).cpp}, ${cppShape(shapeOf(ins))}}`;
  const declare = stores
    ? gather(fn, 'm', registers, ins.type)
    : `${registerCpp(ins.type)} m[${registersOf(registers).length}];`;
  const move = `move_wmma(T, ${what}, ${fn.operands.address(address, space)}, ${stride}, ${count}, m);`;
  return `${declare} ${move} ${stores ? '' : scatter(fn, 'm', registers)}`;
}

function loadOrStoreMatrices(fn: FunctionWriter, ins: Instruction): string {
  if (!ins.has('m8n8')) throw new Unsupported('matrix shape');
  const count = Number(ins.oneOf(['x1', 'x2', 'x4']).slice(1));
  const transposed = ins.has('trans');
  if (ins.opcode === 'ldmatrix') {
    const address = fn.operands.address(ins.operand(1), 'shared');
    const load = `u32 m[${count}]; load_matrices(T, ${count}, ${transposed}, ${address}, m);`;
    return `${load} ${scatter(fn, 'm', ins.operand(0))}`;
  }
  const address = fn.operands.address(ins.operand(0), 'shared');
  return `${gather(fn, 'm', ins.operand(1), 'b32')} store_matrices(T, ${count}, ${transposed}, ${address}, m);`;
}

/** Tensor-core instructions. */
export const matrixEmitters: Emitters = {
  mma: multiply,
  wmma: (fn, ins) => (ins.modifiers[0] === 'mma' ? multiply(fn, ins) : moveFragment(fn, ins)),
  ldmatrix: loadOrStoreMatrices,
  stmatrix: loadOrStoreMatrices,
  movmatrix: (fn, ins) => fn.set(ins.operand(0), `transpose_matrix(T, ${fn.source(ins.operand(1), 'u32')})`),
};
