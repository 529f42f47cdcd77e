import type { FunctionWriter } from '../function-writer.ts';
import { cppName } from '../module-context.ts';
import { splitOperands } from '../source.ts';
import { Unsupported } from '../types.ts';

/** A call: `(result), name, (arguments)`, where results and arguments are arrays in the param space. */
export function emitCall(fn: FunctionWriter, rest: string): string {
  const parts = splitOperands(rest.replaceAll(/\s+/g, ' '));
  const list = (part: string | undefined): string[] =>
    part?.startsWith('(') ? splitOperands(part.slice(1, -1)) : [];
  const results = list(parts[0]);
  const [name = '', inputs] = parts[0]?.startsWith('(') ? parts.slice(1) : parts;
  const pass = (symbol: string | undefined): string => {
    if (symbol === undefined) throw new Unsupported(`call ${name}`);
    return `(char*)${fn.operands.symbolAddress(symbol)}`;
  };
  const passed = [...results, ...list(inputs)];
  const all = ['T', ...passed.map(pass)].join(', ');
  if (name === 'vprintf') {
    const [format, values] = list(inputs);
    return `store<s32>(${pass(results[0])}, print_formatted(load<u64>(${pass(format)}), load<u64>(${pass(values)})));`;
  }
  if (name === '__assertfail') {
    return `fail_format(T, Fault::kAssert, 0, "device assert: %s", (const char*)load<u64>(${pass(list(inputs)[0])}));`;
  }
  const pointer = fn.operands.registerOf(name);
  if (pointer !== undefined) {
    const signature = ['Thread&', ...passed.map(() => 'char*')].join(', ');
    return `((void (*)(${signature}))as<u64>(${pointer}))(${all});`;
  }
  if (!fn.module.findFunction(name)) throw new Unsupported(`call ${name}`);
  return `${cppName(name)}(${all});`;
}
