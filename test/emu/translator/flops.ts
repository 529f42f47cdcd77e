/** Operations of plain instructions on one value, a multiply-add counted as two. */
const SCALAR: Readonly<Record<string, number>> = { add: 1, sub: 1, mul: 1, div: 1, sqrt: 1, fma: 2, mad: 2 };

/** Units of matrix instructions by the type of A (FlopUnit in abi.h). */
const MATRIX: Readonly<Record<string, string>> = { tf32: 'kTf32', f16: 'kF16', bf16: 'kF16' };

/**
 * C++ that counts an instruction's floating-point operations for one thread; nothing for one that has none. A matrix
 * instruction's are shared out among its warp.
 * @param name as in `fma.rn.f32`
 */
export function countFlops(name: string): string {
  const [opcode = '', ...modifiers] = name.split('.');
  const type = modifiers.at(-1);
  if (opcode === 'mma' || (opcode === 'wmma' && modifiers[0] === 'mma')) {
    const shape = modifiers.map((modifier) => /^m(\d+)n(\d+)k(\d+)$/.exec(modifier)).find(Boolean);
    const unit = modifiers.map((modifier) => MATRIX[modifier]).find(Boolean);
    if (!shape || !unit) return '';
    const [, m, n, k] = shape.map(Number) as [number, number, number, number];
    return count(unit, (2 * m * n * k) / 32);
  }
  const flops = SCALAR[opcode];
  if (flops === undefined || (type !== 'f32' && type !== 'f64')) return '';
  return count(type === 'f32' ? 'kF32' : 'kF64', flops);
}

function count(unit: string, flops: number): string {
  return `T.flops[static_cast<int>(FlopUnit::${unit})] += ${flops}; `;
}
