import { splitOperands, stripSource } from './source.ts';
import { alignUp, sizeOf } from './types.ts';

/** A parameter or a result: where it lies in the buffer of all of them. */
export interface ParsedParameter {
  readonly name: string;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** A kernel (`entry`) or a function that kernels call. */
export interface ParsedFunction {
  readonly name: string;
  readonly kind: 'entry' | 'func';
  readonly parameters: readonly ParsedParameter[];
  readonly results: readonly ParsedParameter[];
  readonly body: string;
  readonly maxThreads: number;
}

/** A variable in global or constant memory. */
export interface ParsedVariable {
  readonly name: string;
  readonly type: string;
  readonly alignment: number;
  readonly sizeBytes: number;
  readonly initializer: string | undefined;
}

/** Everything a module declares. */
export interface ParsedModule {
  readonly functions: ParsedFunction[];
  readonly variables: ParsedVariable[];
  /** Offsets of module-level shared arrays. */
  readonly shared: Map<string, number>;
  /** Arrays in dynamic shared memory, which all start at its beginning, and their alignments. */
  readonly dynamicShared: Map<string, number>;
  sharedBytes: number;
}

const LINKAGE = '((?:\\.(?:visible|extern|weak|common)\\s+)*)';
const FUNCTION = new RegExp(
  `${LINKAGE}\\.(entry|func)\\s*(?:\\.noreturn\\s*)?(\\([^)]*\\))?\\s*([\\w$]+)\\s*(?:\\(([^)]*)\\))?\\s*((?:\\.[\\w]+(?:\\s+[\\d,\\s"\\w]+)?\\s*)*)`,
  'y',
);
const VARIABLE = new RegExp(
  `${LINKAGE}\\.(global|const|shared)\\s+(?:\\.attribute\\([^)]*\\)\\s*)?(?:\\.align\\s+(\\d+)\\s+)?\\.(\\w+)\\s+([\\w$]+)\\s*((?:\\[\\d*\\]\\s*)*)(?:=\\s*([^;]*))?;`,
  'y',
);
const PARAMETER =
  /^\.(?:param|reg)\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+(?:\.ptr\s*(?:\.(?:global|shared|const|local)\s*)?(?:\.align\s+\d+\s+)?)?([\w$%]+)\s*(?:\[(\d*)\])?$/;
const OTHER = /[^;{]*;/y;

/**
 * Parses a module as nvcc writes it.
 * @throws Error at text that is no declaration
 */
export function parseModule(text: string): ParsedModule {
  const source = stripSource(text);
  const module: ParsedModule = {
    functions: [],
    variables: [],
    shared: new Map(),
    dynamicShared: new Map(),
    sharedBytes: 0,
  };
  let position = 0;
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    return pattern.exec(source);
  };
  for (;;) {
    position += source.slice(position).search(/\S|$/);
    if (position >= source.length) return module;
    const fn = match(FUNCTION);
    if (fn) {
      position = addFunction(module, fn, source, position + fn[0].length);
      continue;
    }
    const variable = match(VARIABLE);
    if (variable) addVariable(module, variable);
    const found = variable ?? match(OTHER);
    if (!found) throw new Error(`not PTX: ${source.slice(position, position + 100)}`);
    position += found[0].length;
  }
}

/** Adds a function with a body; gives where the text goes on. */
function addFunction(module: ParsedModule, found: RegExpExecArray, source: string, start: number): number {
  if (source[start] === ';') return start + 1;
  if (source[start] !== '{')
    throw new Error(`a function without a body: ${source.slice(start, start + 100)}`);
  let depth = 0;
  let end = start;
  do {
    if (source[end] === '{') depth++;
    if (source[end] === '}') depth--;
    end++;
  } while (depth > 0 && end < source.length);
  const [, , kind, results, name = '', parameters, directives = ''] = found;
  module.functions.push({
    name,
    kind: kind === 'entry' ? 'entry' : 'func',
    parameters: parseParameters(parameters ?? ''),
    results: parseParameters((results ?? '()').slice(1, -1)),
    body: source.slice(start + 1, end - 1),
    maxThreads: product(/\.(?:max|req)ntid\s+([\d,\s]+)/.exec(directives)?.[1]) ?? 1024,
  });
  return end;
}

function product(numbers: string | undefined): number | undefined {
  return numbers?.split(',').reduce((total, number) => total * Number(number), 1);
}

function parseParameters(text: string): ParsedParameter[] {
  let end = 0;
  return splitOperands(text).map((declaration) => {
    const found = PARAMETER.exec(declaration);
    if (!found) throw new Error(`not a parameter: ${declaration}`);
    const [, align, type = '', name = '', count] = found;
    const offset = alignUp(end, Math.max(Number(align ?? 0), sizeOf(type)));
    const sizeBytes = sizeOf(type) * Number(count || 1);
    end = offset + sizeBytes;
    return { name, offset, sizeBytes };
  });
}

function addVariable(module: ParsedModule, found: RegExpExecArray): void {
  const [, linkage = '', space, align, type = '', name = '', dimensions = '', initializer] = found;
  const alignment = Math.max(Number(align ?? 0), sizeOf(type));
  const count = [...dimensions.matchAll(/\[(\d*)\]/g)].reduce((total, [, n]) => total * Number(n || 0), 1);
  const sizeBytes = count * sizeOf(type);
  if (space !== 'shared') {
    module.variables.push({ name, type, alignment, sizeBytes, initializer });
  } else if (linkage.includes('.extern') || sizeBytes === 0) {
    module.dynamicShared.set(name, alignment);
  } else {
    const offset = alignUp(module.sharedBytes, alignment);
    module.shared.set(name, offset);
    module.sharedBytes = offset + sizeBytes;
  }
}
