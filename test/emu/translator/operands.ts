import { cppName, type ModuleContext } from './module-context.ts';
import type { ParsedFunction } from './module-parser.ts';
import { specialRegister } from './special-registers.ts';
import { cppType, sizeOf, Unsupported } from './types.ts';

/** What a name of a function stands for: a register's C++ variable, an offset in shared memory, or an array's. */
export type Name =
  | { readonly kind: 'register'; readonly cpp: string; readonly type: string }
  | { readonly kind: 'shared'; readonly offset: number }
  | { readonly kind: 'array'; readonly cpp: string };

/** The names of a function, innermost scope last, and C++ for the operands that are made of them. */
export class Operands {
  private readonly scopes: Map<string, Name>[] = [new Map()];
  private numScopes = 0;

  constructor(
    private readonly module: ModuleContext,
    private readonly fn: ParsedFunction,
  ) {}

  openScope(): void {
    this.scopes.push(new Map());
    this.numScopes++;
  }

  closeScope(): void {
    this.scopes.pop();
  }

  /** The C++ variable for a name that is declared here; inner scopes may use a name again. */
  cppNameHere(name: string): string {
    return this.scopes.length === 1 ? cppName(name) : `${cppName(name)}_s${this.numScopes}`;
  }

  declare(name: string, meaning: Name): void {
    this.scopes.at(-1)?.set(name, meaning);
  }

  private find(name: string): Name | undefined {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const found = this.scopes[i]?.get(name);
      if (found) return found;
    }
    return undefined;
  }

  /** The register's C++ variable, or undefined when the name is something else. */
  registerOf(name: string): string | undefined {
    const found = this.find(name);
    return found?.kind === 'register' ? found.cpp : undefined;
  }

  /** The register's C++ variable. @throws Unsupported when the name is something else */
  destination(name: string): string {
    const found = this.registerOf(name.trim());
    if (found === undefined) throw new Unsupported(`destination ${name}`);
    return found;
  }

  /** C++ for the address of a symbol in its own space, a u64. @throws Unsupported for an unknown one */
  symbolAddress(name: string): string {
    const found = this.find(name);
    if (found?.kind === 'shared') return `${found.offset}ull`;
    if (found?.kind === 'array') return `(u64)${found.cpp}`;
    const offset = this.module.parsed.shared.get(name);
    if (offset !== undefined) return `${offset}ull`;
    if (this.module.parsed.dynamicShared.has(name)) return '(u64)T.launch->dynamic_offset';
    if (this.module.hasVariable(name)) return `(u64)${cppName(name)}`;
    const parameter = this.fn.parameters.findIndex((p) => p.name === name);
    if (parameter >= 0) {
      return this.fn.kind === 'entry'
        ? `(u64)(P + ${this.fn.parameters[parameter]?.offset})`
        : `(u64)a_${parameter}`;
    }
    const result = this.fn.results.findIndex((r) => r.name === name);
    if (result >= 0) return `(u64)r_${result}`;
    if (this.module.findFunction(name)) return `(u64)&${cppName(name)}`;
    throw new Unsupported(`symbol ${name}`);
  }

  /** C++ for the value of an operand as `type`. @throws Unsupported for an operand of no known form */
  source(operand: string, type: string): string {
    const text = operand.trim();
    const cpp = cppType(type);
    if (text.startsWith('!')) return `(!${this.source(text.slice(1), type)})`;
    const literal = floatLiteral(text, cpp) ?? integerLiteral(text, cpp);
    if (literal !== undefined) return literal;
    const special = specialRegister(text);
    if (special !== undefined) return `(${cpp})(${special})`;
    const named = this.find(text);
    if (named?.kind === 'register') return readRegister(named, cpp);
    if (text === '_') return `(${cpp})0`;
    const sum = /^(\S+?)\s*\+\s*(-?\w+)$/.exec(text);
    if (sum?.[1] !== undefined) return `(${cpp})(${this.symbolAddress(sum[1])} + (s64)${sum[2]})`;
    if (/^[\w$%.]+$/.test(text)) return `(${cpp})(${this.symbolAddress(text)})`;
    throw new Unsupported(`operand ${text}`);
  }

  /** C++ for the address in `[...]`, a u64. @throws Unsupported */
  address(operand: string, space: string): string {
    const inside = /^\[(.*)\]$/s.exec(operand.trim())?.[1]?.trim() ?? '';
    const found = /^([\w$%.]+)\s*(?:\+\s*(-?\w+))?$/.exec(inside);
    if (found?.[1] === undefined) throw new Unsupported(`address ${operand}`);
    const [, base, offset] = found;
    const plus = offset === undefined ? '' : ` + (s64)${offset}`;
    if (this.registerOf(base) !== undefined) {
      return `(${this.source(base, space === 'shared' ? 'u32' : 'u64')}${plus})`;
    }
    if (/^(0[xX][0-9a-fA-F]+|\d+)$/.test(base)) return `((u64)${base}${plus})`;
    return `(${this.symbolAddress(base)}${plus})`;
  }
}

/** C++ for a register as a type; where the register has that type, or one that a cast turns into it, without as<>. */
function readRegister({ cpp, type }: { cpp: string; type: string }, wanted: string): string {
  if (type === wanted) return cpp;
  const isInteger = /^u(8|16|32|64)$/.test(type) && /^[us](8|16|32|64)$/.test(wanted);
  return isInteger ? `(${wanted})${cpp}` : `as<${wanted}>(${cpp})`;
}

/** `0f3F800000`, `0d3FF0000000000000`, `1.5`: bits or decimals of a floating-point number. */
function floatLiteral(text: string, cpp: string): string | undefined {
  const single = /^(-?)0[fF]([0-9a-fA-F]{8})$/.exec(text);
  if (single) {
    const value = `${single[1]}bits<f32>(0x${single[2]}u)`;
    return ['u32', 's32', 'f16x2', 'bf16x2'].includes(cpp) ? `as<${cpp}>(${value})` : `(${cpp})(${value})`;
  }
  const double = /^(-?)0[dD]([0-9a-fA-F]{16})$/.exec(text);
  if (double) {
    const value = `${double[1]}bits<f64>(0x${double[2]}ull)`;
    return ['u64', 's64'].includes(cpp) ? `as<${cpp}>(${value})` : `(${cpp})(${value})`;
  }
  return /^-?[0-9]*\.[0-9]+([eE][-+]?\d+)?$/.test(text) ? `(${cpp})(${text})` : undefined;
}

/** `12`, `-0x1F`, `0b101`, `017`: an integer, cut to 64 bits. */
function integerLiteral(text: string, cpp: string): string | undefined {
  const found = /^(-?)(0[xX][0-9a-fA-F]+|0[bB][01]+|[0-9]+)[uU]?$/.exec(text);
  if (found?.[2] === undefined) return undefined;
  const digits = /^0[0-7]+$/.test(found[2]) ? `0o${found[2].slice(1)}` : found[2];
  const value = found[1] === '-' ? -BigInt(digits) : BigInt(digits);
  if (cpp === 'bool') return value === 0n ? 'false' : 'true';
  if (cpp === 'f32' || cpp === 'f64') return `(${cpp})(${value})`;
  const cut = (width: number) => BigInt.asUintN(width, value);
  if (cpp === 'f16' || cpp === 'bf16') return `bits<${cpp}>((u16)${cut(16)}u)`;
  if (cpp === 'f16x2' || cpp === 'bf16x2') return `bits<${cpp}>((u32)${cut(32)}u)`;
  return `(${cpp})${cut(64)}ull`;
}

/** The C++ of an array in a function's own memory. */
export function arrayDeclaration(cpp: string, type: string, count: number, alignment: number): string {
  return `alignas(${Math.max(alignment, 16)}) char ${cpp}[${Math.max(count * sizeOf(type), 1)}];`;
}
