/** PTX's scalar types: their size in bytes. */
export const SIZES: Readonly<Record<string, number>> = {
  pred: 1,
  u8: 1,
  s8: 1,
  b8: 1,
  u16: 2,
  s16: 2,
  b16: 2,
  f16: 2,
  bf16: 2,
  u32: 4,
  s32: 4,
  b32: 4,
  f32: 4,
  tf32: 4,
  f16x2: 4,
  bf16x2: 4,
  u64: 8,
  s64: 8,
  b64: 8,
  f64: 8,
  b128: 16,
};

/** What the program can't be translated for; the instruction then fails when, and only if, it is executed. */
export class Unsupported extends Error {}

/** Whether a modifier of an instruction is a type. */
export function isType(modifier: string): boolean {
  return modifier in SIZES || /^e[45]m[0-9]x[24]$/.test(modifier);
}

/** Size of a type in bytes. @throws Unsupported for a type outside the table */
export function sizeOf(type: string): number {
  const size = SIZES[type];
  if (size === undefined) throw new Unsupported(`type ${type}`);
  return size;
}

/** The C++ type that computes a PTX type (scalars.h). */
export function cppType(type: string): string {
  if (type === 'pred') return 'bool';
  return type.startsWith('b') && !type.startsWith('bf') ? `u${type.slice(1)}` : type;
}

/** The C++ type of a register of a PTX type: registers of a size are alike, but for floats and predicates. */
export function registerType(type: string): string {
  if (type === 'pred') return 'bool';
  if (type === 'f32' || type === 'f64') return type;
  return `u${8 * sizeOf(type)}`;
}

/** Whether the type is a floating-point one, packed or not. */
export function isFloat(type: string): boolean {
  return /^(f|bf)\d/.test(type);
}

/** The unsigned type of the same size. */
export function unsignedType(type: string): string {
  return `u${8 * sizeOf(type)}`;
}

/** `offset` rounded up to a multiple of `alignment`. */
export function alignUp(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
