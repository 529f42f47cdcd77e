import type { FunctionWriter } from './function-writer.ts';
import { splitOperands } from './source.ts';
import { cppType, isType, Unsupported } from './types.ts';

/** Turns an instruction into C++ statements. @throws Unsupported */
export type Emitter = (fn: FunctionWriter, ins: Instruction) => string;

/** Emitters by opcode. */
export type Emitters = Readonly<Record<string, Emitter>>;

/** `<cfenv>` names of the rounding modes other than to nearest. */
const ROUNDING: Readonly<Record<string, string>> = {
  rz: 'FE_TOWARDZERO',
  rm: 'FE_DOWNWARD',
  rp: 'FE_UPWARD',
};

/** An instruction without its predicate: `add.s32 %r1, %r2, 3`. */
export class Instruction {
  /** The first part of the name. */
  readonly opcode: string;
  /** The other parts. */
  readonly modifiers: readonly string[];
  /** Those of the parts that are types. */
  readonly types: readonly string[];

  constructor(
    readonly name: string,
    readonly operands: readonly string[],
  ) {
    const [opcode = '', ...modifiers] = name.split('.');
    this.opcode = opcode;
    this.modifiers = modifiers;
    this.types = modifiers.filter(isType);
  }

  static parse(name: string, rest: string): Instruction {
    return new Instruction(name, splitOperands(rest));
  }

  /** The last type, which is the operands' in most instructions. */
  get type(): string {
    const type = this.types.at(-1);
    if (type === undefined) throw new Unsupported('an instruction without a type');
    return type;
  }

  /** The C++ type of `type`. */
  get cpp(): string {
    return cppType(this.type);
  }

  /** The `<cfenv>` constant of the rounding mode, or undefined when it is to nearest or not said. */
  get rounding(): string | undefined {
    const mode = this.modifiers.find((modifier) => modifier in ROUNDING);
    return mode === undefined ? undefined : ROUNDING[mode];
  }

  has(modifier: string): boolean {
    return this.modifiers.includes(modifier);
  }

  /** An operand by its number. @throws Unsupported when there are fewer */
  operand(number: number): string {
    const operand = this.operands[number];
    if (operand === undefined) throw new Unsupported(`operand ${number}`);
    return operand;
  }

  /** The first of these words that is a modifier. @throws Unsupported when none is */
  oneOf<Word extends string>(words: readonly Word[]): Word {
    const found = this.maybeOneOf(words);
    if (found === undefined) throw new Unsupported(`none of ${words.join(', ')}`);
    return found;
  }

  maybeOneOf<Word extends string>(words: readonly Word[]): Word | undefined {
    return words.find((word) => this.has(word));
  }

  /** The state space of a memory instruction: `shared`, `global`, `param`, `local`, `const` or `generic`. */
  get space(): string {
    const found = this.modifiers.map((modifier) => /^(shared|global|param|local|const)/.exec(modifier)?.[1]);
    return found.find((space) => space !== undefined) ?? 'generic';
  }

  /** How many values a vector load or store moves. */
  get vectorLength(): number {
    const vector = this.modifiers.find((modifier) => /^v\d$/.test(modifier));
    return vector === undefined ? 1 : Number(vector.slice(1));
  }
}

/** The names in `{%r1, %r2}`, or the one name. */
export function registersOf(operand: string): string[] {
  return operand.startsWith('{')
    ? operand
        .slice(1, -1)
        .split(',')
        .map((name) => name.trim())
    : [operand];
}

/** The names in `%p1|%p2`. */
export function pairOf(operand: string): [string, string | undefined] {
  const [first = '', second] = operand.split('|').map((name) => name.trim());
  return [first, second];
}
