import { FunctionWriter } from './function-writer.ts';
import { cppName, ModuleContext } from './module-context.ts';
import { type ParsedFunction, type ParsedVariable, parseModule } from './module-parser.ts';
import { splitOperands } from './source.ts';
import { cppType } from './types.ts';

/** A translated module. */
export interface Translation {
  /** C++ to be compiled with the runtime's translated.h. */
  readonly cpp: string;
  /** Instructions that will fail when they are executed, and how often each occurs. */
  readonly unsupported: ReadonlyMap<string, number>;
}

/**
 * Translates PTX to C++.
 * @param counting whether the C++ counts instructions and memory accesses
 * @throws Error when the text isn't PTX
 */
export function translate(ptx: string, counting: boolean): Translation {
  const module = new ModuleContext(parseModule(ptx), counting);
  const functions = module.parsed.functions.map((parsed) => new FunctionWriter(module, parsed));
  for (const fn of functions) fn.write();
  const cpp = [
    '#include "translated.h"',
    'using namespace emu;',
    ...module.parsed.variables.map(
      ({ name, alignment, sizeBytes }) =>
        `alignas(${Math.max(alignment, 16)}) static char ${cppName(name)}[${Math.max(sizeBytes, 1)}];`,
    ),
    ...module.parsed.functions.map((fn) => `${signature(fn)};`),
    ...functions.flatMap(definition),
    ...initialiser(module),
    ...description(module, functions),
    '',
  ].join('\n');
  return { cpp, unsupported: module.unsupported };
}

/** Kernels get their parameters in one buffer, functions a pointer to each result and argument. */
function signature(fn: ParsedFunction): string {
  const own =
    fn.kind === 'entry'
      ? ['char* P']
      : [...fn.results.map((_, i) => `char* r_${i}`), ...fn.parameters.map((_, i) => `char* a_${i}`)];
  return `static void ${cppName(fn.name)}(${['Thread& T', ...own].join(', ')})`;
}

function definition(fn: FunctionWriter): string[] {
  const carry = fn.usesCarry ? ['u32 carry = 0;'] : [];
  return [`${signature(fn.parsed)} {`, ...carry, ...fn.declarations, ...fn.code, 'return;', '}'];
}

function initialiser(module: ModuleContext): string[] {
  const copies = module.parsed.variables.flatMap((variable) =>
    variable.initializer === undefined ? [] : [initialValue(module, variable, variable.initializer)],
  );
  return ['static void initialise() {', ...copies, '}'];
}

/** An initializer is a list of numbers and of addresses of variables. */
function initialValue(module: ModuleContext, variable: ParsedVariable, initializer: string): string {
  const cpp = cppType(variable.type);
  const values = splitOperands(initializer.replaceAll(/[{}]/g, '')).map((text) => {
    const element = /^generic\((.*)\)$/.exec(text)?.[1] ?? text;
    const symbol = /^([A-Za-z_$][\w$]*)(?:\s*\+\s*(\d+))?$/.exec(element);
    if (symbol?.[1] !== undefined) {
      return module.hasVariable(symbol[1]) ? `(u64)(${cppName(symbol[1])}) + ${symbol[2] ?? 0}` : '0';
    }
    if (/^0[fF]/.test(element)) return `bits<f32>(0x${element.slice(2)}u)`;
    if (/^0[dD]/.test(element)) return `bits<f64>(0x${element.slice(2)}ull)`;
    return element;
  });
  const list = values.map((value) => `(${cpp})(${value})`).join(', ');
  return `{ const ${cpp} values[] = {${list}}; std::memcpy(${cppName(variable.name)}, values, sizeof values); }`;
}

/** The tables that abi.h describes. */
function description(module: ModuleContext, functions: readonly FunctionWriter[]): string[] {
  const entries = functions.filter(({ parsed }) => parsed.kind === 'entry');
  const callees = functions.filter(({ parsed }) => parsed.kind === 'func');
  const calleeShared = Math.max(0, ...callees.map(({ sharedBytes }) => sharedBytes));
  const calleeLocal = callees.reduce((sum, { localBytes }) => sum + localBytes, 0);
  const alignment = Math.max(16, ...module.parsed.dynamicShared.values());
  const parameters = entries.map(({ parsed, pointers }) => {
    const list = parsed.parameters.map((p, i) => `{${p.offset}, ${p.sizeBytes}, ${pointers.has(i)}}`);
    return `static const Parameter parameters_${cppName(parsed.name)}[] = {${[...list, '{0, 0, false}'].join(', ')}};`;
  });
  const kernels = entries.map((fn) => {
    const { name, parameters: own, maxThreads } = fn.parsed;
    const last = own.at(-1);
    const fields = [
      JSON.stringify(name),
      cppName(name),
      `parameters_${cppName(name)}`,
      own.length,
      last === undefined ? 0 : last.offset + last.sizeBytes,
      Math.max(fn.sharedBytes, calleeShared),
      alignment,
      fn.localBytes + calleeLocal,
      maxThreads,
    ];
    return `{${fields.join(', ')}}`;
  });
  const variables = module.parsed.variables.map(
    ({ name, sizeBytes }) => `{${JSON.stringify(name)}, ${cppName(name)}, ${sizeBytes}}`,
  );
  return [
    ...parameters,
    `static const Kernel kernels[] = {${[...kernels, '{}'].join(', ')}};`,
    `static const Variable variables[] = {${[...variables, '{}'].join(', ')}};`,
    'extern "C" EMU_EXPORT const ModuleDescription emu_module;',
    `const ModuleDescription emu_module = {kernels, ${kernels.length}, variables, ${variables.length}, ${module.numLoops}, initialise};`,
  ];
}
