import type { FunctionWriter } from '../function-writer.ts';
import { type Emitters, type Instruction, registersOf } from '../instruction.ts';
import { sizeOf, Unsupported } from '../types.ts';

/** Loads that programs wait in a loop with. */
const isWatching = (ins: Instruction): boolean =>
  ins.space !== 'param' && ins.maybeOneOf(['volatile', 'acquire', 'relaxed']) !== undefined;

function loadValues(fn: FunctionWriter, ins: Instruction): string {
  const pointer = fn.pointer(ins, ins.operand(1), 'kLoad', ins.vectorLength);
  const reads = registersOf(ins.operand(0)).map((register, i) =>
    register === '_' ? '' : fn.set(register, `load<${ins.cpp}>(p + ${i * sizeOf(ins.type)})`),
  );
  return `${isWatching(ins) ? 'spin(T); ' : ''}char* p = ${pointer}; ${reads.join(' ')}`;
}

function storeValues(fn: FunctionWriter, ins: Instruction): string {
  const pointer = fn.pointer(ins, ins.operand(0), 'kStore', ins.vectorLength);
  const writes = registersOf(ins.operand(1)).map(
    (value, i) => `store<${ins.cpp}>(p + ${i * sizeOf(ins.type)}, ${fn.source(value, ins.type)});`,
  );
  return `char* p = ${pointer}; ${writes.join(' ')}`;
}

const ATOMICS = ['add', 'min', 'max', 'and', 'or', 'xor', 'exch', 'cas', 'inc', 'dec'] as const;

function atomic(fn: FunctionWriter, ins: Instruction): string {
  if (ins.has('async')) throw new Unsupported('asynchronous reduction');
  const operation = ins.oneOf(ATOMICS);
  const [to, address, value, other] = ins.opcode === 'red' ? ['_', ...ins.operands] : ins.operands;
  if (to === undefined || address === undefined || value === undefined) throw new Unsupported('operands');
  const pointer = fn.pointer(ins, address, 'kAtomic', ins.vectorLength);
  if (operation === 'cas') {
    if (other === undefined) throw new Unsupported('operands');
    const [expected, desired] = [fn.source(value, ins.type), fn.source(other, ins.type)];
    return fn.set(to, `atomic_cas<${ins.cpp}>(T, ${pointer}, ${expected}, ${desired})`);
  }
  const results = registersOf(to);
  const updates = registersOf(value).map((v, i) =>
    fn.set(
      results[i] ?? '_',
      `atomic_${operation}<${ins.cpp}>(p + ${i * sizeOf(ins.type)}, ${fn.source(v, ins.type)})`,
    ),
  );
  return `char* p = ${pointer}; ${updates.join(' ')}`;
}

/** Between generic addresses and those of a space; only shared memory has addresses of its own. */
function convertAddress(fn: FunctionWriter, ins: Instruction): string {
  const address = fn.source(ins.operand(1), 'u64');
  if (ins.space !== 'shared') return fn.set(ins.operand(0), address);
  return fn.set(
    ins.operand(0),
    `${ins.has('to') ? 'generic_to_shared' : 'shared_to_generic'}(T, ${address})`,
  );
}

function isInSpace(fn: FunctionWriter, ins: Instruction): string {
  const address = fn.source(ins.operand(1), 'u64');
  const tests: Readonly<Record<string, string>> = {
    shared: `is_shared(T, ${address})`,
    local: `is_local(T, ${address})`,
    global: `(!is_shared(T, ${address}) && !is_local(T, ${address}))`,
  };
  return fn.set(ins.operand(0), tests[ins.space] ?? 'false');
}

function copyAsync(fn: FunctionWriter, ins: Instruction): string {
  if (!ins.has('async') || ins.has('bulk') || ins.has('mbarrier'))
    throw new Unsupported('bulk or mbarrier copy');
  if (ins.has('commit_group')) return 'async_commit(T);';
  if (ins.has('wait_group')) return `async_wait(T, ${ins.operand(0)});`;
  if (ins.has('wait_all')) return 'async_wait_all(T);';
  const [to, from] = [
    fn.operands.address(ins.operand(0), 'shared'),
    fn.operands.address(ins.operand(1), 'global'),
  ];
  const size = ins.operand(2);
  const hinted = ins.modifiers.some((modifier) => modifier.includes('cache_hint'));
  const given = ins.operands[3];
  const fromSize =
    given !== undefined && !(hinted && ins.operands.length === 4) ? fn.source(given, 'u32') : size;
  return `async_copy(T, (u32)${to}, ${from}, ${size}, ${fromSize}, ${fn.accessKey()});`;
}

/** Loads, stores, atomics, addresses, asynchronous copies. */
export const memoryEmitters: Emitters = {
  ld: loadValues,
  ldu: loadValues,
  st: storeValues,
  atom: atomic,
  red: atomic,
  cvta: convertAddress,
  isspacep: isInSpace,
  mapa: (fn, ins) => fn.set(ins.operand(0), fn.source(ins.operand(1), ins.type)),
  getctarank: (fn, ins) => fn.set(ins.operand(0), '0u'),
  cp: copyAsync,
};
