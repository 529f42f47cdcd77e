import { countFlops } from './flops.ts';
import { Instruction } from './instruction.ts';
import { emitCall } from './instructions/call.ts';
import { emitterOf } from './instructions/index.ts';
import { findLabels, findLoops, type Loop } from './loops.ts';
import { cppName, type ModuleContext } from './module-context.ts';
import type { ParsedFunction } from './module-parser.ts';
import { arrayDeclaration, Operands } from './operands.ts';
import { splitOperands, type Token, tokenize } from './source.ts';
import { alignUp, cppType, registerType, sizeOf, Unsupported } from './types.ts';

const ARRAY = /^\.(\w+)\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+([\w$%.]+)\s*(?:\[(\d*)\])?$/;

/** Translates one function: its declarations and statements, in order. */
export class FunctionWriter {
  readonly declarations: string[] = [];
  readonly code: string[] = [];
  readonly operands: Operands;
  /** Shared memory used up to here: the module's arrays, then this function's. */
  sharedBytes: number;
  /** Bytes of arrays in local memory. */
  localBytes = 0;
  /** Whether the function uses the carry flag. */
  usesCarry = false;
  /** Numbers of the parameters that the function converts to global addresses. */
  readonly pointers = new Set<number>();
  private readonly tokens: readonly Token[];
  private readonly labels: ReadonlyMap<string, number>;
  private readonly loops: readonly Loop[];
  private readonly branchTables = new Map<string, readonly string[]>();
  private readonly loadedParameters = new Map<string, number>();
  private position = 0;

  constructor(
    readonly module: ModuleContext,
    readonly parsed: ParsedFunction,
  ) {
    this.operands = new Operands(module, parsed);
    this.sharedBytes = module.parsed.sharedBytes;
    this.tokens = tokenize(parsed.body);
    this.labels = findLabels(this.tokens);
    this.loops = findLoops(this.tokens, this.labels, module.numLoops);
    module.numLoops += this.loops.length;
    for (const token of this.tokens) {
      if (token.kind === 'targets') this.branchTables.set(token.name, token.labels);
    }
  }

  write(): void {
    this.tokens.forEach((token, position) => {
      this.position = position;
      if (token.kind === 'open') this.operands.openScope();
      else if (token.kind === 'close') this.operands.closeScope();
      else if (token.kind === 'label') this.code.push(`${this.label(token.name)}:;`);
      else if (token.kind === 'statement') this.statement(token.text);
    });
  }

  // What emitters use

  /** C++ for an operand's value as a PTX type. */
  source(operand: string, type: string): string {
    return this.operands.source(operand, type);
  }

  /** C++ that writes an expression to a register; `_` takes it and forgets it. */
  set(destination: string, expression: string): string {
    if (destination.trim() === '_') return `(void)(${expression});`;
    return `put(${this.operands.destination(destination)}, ${expression});`;
  }

  /** C++ for the checked host address of `[...]`, counted where accesses are. */
  pointer(
    ins: Instruction,
    operand: string,
    access: 'kLoad' | 'kStore' | 'kAtomic',
    vectorLength = 1,
  ): string {
    const { space, type } = ins;
    const address = this.operands.address(operand, space);
    if (space === 'param') return `((char*)${address})`;
    const writes = access !== 'kLoad';
    const atomic = access === 'kAtomic' && space === 'shared' ? ', true' : '';
    const find = space === 'shared' || space === 'local' ? space : 'global';
    const found = `${find}<${cppType(type)}>(T, ${address}, ${vectorLength}, ${writes}${atomic})`;
    if (!this.module.counting || space === 'const') return found;
    return `count_access(T, ${found}, Access::${access}, ${sizeOf(type) * vectorLength}, ${this.accessKey()})`;
  }

  /** Names the static instruction and, at run time, the iteration of every loop around it (counters.h). */
  accessKey(): string {
    if (!this.module.counting) return '0';
    const around = this.loops.filter(({ start, end }) => start <= this.position && this.position <= end);
    return `access_key(${[this.module.nextAccess(), ...around.map(({ id }) => `T.loops[${id}]`)].join(', ')})`;
  }

  /** The C++ label. @throws Unsupported when the function doesn't have it */
  label(name: string): string {
    if (!this.labels.has(name)) throw new Unsupported(`label ${name}`);
    return `L_${cppName(name)}`;
  }

  /** C++ that goes to a label; a branch backwards lets other threads run now and then. */
  branch(name: string): string {
    const target = this.label(name);
    const header = this.labels.get(name) ?? 0;
    if (header >= this.position) return `goto ${target};`;
    const loop = this.loops.find(({ start }) => start === header);
    if (!this.module.counting || !loop) return `branch_back(T); goto ${target};`;
    const inner = this.loops.filter((l) => l !== loop && loop.start <= l.start && l.end <= loop.end);
    return `next_iteration(T, ${[loop, ...inner].map(({ id }) => id).join(', ')}); branch_back(T); goto ${target};`;
  }

  /** The labels of a branch table. @throws Unsupported when there is no such table */
  branchTable(name: string): readonly string[] {
    const table = this.branchTables.get(name);
    if (!table) throw new Unsupported(`branch table ${name}`);
    return table;
  }

  // Statements

  private statement(text: string): void {
    const registers = /^\.reg\s+\.(\w+)\s+(.*)$/s.exec(text);
    if (registers) {
      this.declareRegisters(registers[1] ?? '', registers[2] ?? '');
    } else if (/^\.(local|shared|param)\b/.test(text)) {
      this.declareArray(text);
    } else if (!text.startsWith('.')) {
      this.instruction(text);
    }
  }

  private declareRegisters(type: string, names: string): void {
    for (const name of splitOperands(names)) {
      const range = /^(.*)<(\d+)>$/.exec(name);
      const all = range ? Array.from({ length: Number(range[2]) }, (_, i) => `${range[1]}${i}`) : [name];
      for (const register of all) {
        const cpp = this.operands.cppNameHere(register);
        this.operands.declare(register, { kind: 'register', cpp, type: registerType(type) });
        this.declarations.push(`${registerType(type)} ${cpp};`);
      }
    }
  }

  private declareArray(text: string): void {
    const found = ARRAY.exec(text);
    if (!found) throw new Error(`not a declaration: ${text}`);
    const [, space, align, type = '', name = '', count] = found;
    const alignment = Math.max(Number(align ?? 0), sizeOf(type));
    const length = Number(count || 1);
    if (space === 'shared') {
      const offset = alignUp(this.sharedBytes, alignment);
      this.operands.declare(name, { kind: 'shared', offset });
      this.sharedBytes = offset + length * sizeOf(type);
      return;
    }
    const cpp = this.operands.cppNameHere(name);
    this.operands.declare(name, { kind: 'array', cpp });
    this.declarations.push(arrayDeclaration(cpp, type, length, alignment));
    if (space === 'local') this.localBytes += length * sizeOf(type);
  }

  private instruction(text: string): void {
    const predicated = /^@(!?)\s*([\w%$]+)\s+(.*)$/s.exec(text);
    const condition = predicated
      ? `if (${predicated[1]}${this.operands.destination(predicated[2] ?? '')}) `
      : '';
    const [, name = '', rest = ''] = /^([\w.:]+)\s*(.*)$/s.exec(predicated?.[3] ?? text) ?? [];
    this.trackPointers(name, rest.trim());
    const counter = this.module.counting ? 'T.instructions++; ' : '';
    const flops = this.module.counting ? countFlops(name) : '';
    this.code.push(`${counter}${condition}{ ${flops}${this.translate(name, rest.trim())} }`);
  }

  private translate(name: string, rest: string): string {
    try {
      if (/^call(\.|$)/.test(name)) return emitCall(this, rest);
      const ins = Instruction.parse(name, rest);
      return emitterOf(ins)(this, ins);
    } catch (error) {
      if (!(error instanceof Unsupported)) throw error;
      this.module.noteUnsupported(`${name} (${error.message})`);
      return `fail(T, Fault::kUnsupported, ${JSON.stringify(`unsupported instruction: ${name} (${error.message})`)});`;
    }
  }

  /** A 64-bit parameter that is converted to a global address is a pointer. */
  private trackPointers(name: string, rest: string): void {
    const found = /^(%\w+)\s*,\s*\[?([\w$%]+)\]?$/.exec(rest);
    if (this.parsed.kind !== 'entry' || found?.[1] === undefined || found[2] === undefined) return;
    const [, to, from] = found;
    if (/^ld\.param\.[bu]64$/.test(name)) {
      const number = this.parsed.parameters.findIndex((p) => p.name === from && p.sizeBytes === 8);
      if (number >= 0) this.loadedParameters.set(to, number);
    } else if (name === 'cvta.to.global.u64') {
      const number = this.loadedParameters.get(from);
      if (number !== undefined) this.pointers.add(number);
    }
  }
}
