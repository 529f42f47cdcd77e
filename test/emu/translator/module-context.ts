import type { ParsedFunction, ParsedModule } from './module-parser.ts';

/** What the functions of a module share while they are translated. */
export class ModuleContext {
  /** How often an instruction that can't be translated occurs, by its name. */
  readonly unsupported = new Map<string, number>();
  /** Loops numbered so far. */
  numLoops = 0;
  private numAccesses = 0;

  constructor(
    readonly parsed: ParsedModule,
    /** Whether the C++ counts instructions and accesses. */
    readonly counting: boolean,
  ) {}

  nextAccess(): number {
    return ++this.numAccesses;
  }

  noteUnsupported(what: string): void {
    this.unsupported.set(what, (this.unsupported.get(what) ?? 0) + 1);
  }

  hasVariable(name: string): boolean {
    return this.parsed.variables.some((variable) => variable.name === name);
  }

  findFunction(name: string): ParsedFunction | undefined {
    return this.parsed.functions.find((fn) => fn.name === name);
  }
}

/** The C++ name of a PTX name. */
export function cppName(name: string): string {
  return `v_${name
    .replaceAll('%', '')
    .replaceAll('$', 'D_')
    .replaceAll(/[^A-Za-z0-9_]/g, '_')}`;
}
