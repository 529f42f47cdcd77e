import type { FunctionWriter } from '../function-writer.ts';
import type { Emitter, Emitters, Instruction } from '../instruction.ts';

function branchByTable(fn: FunctionWriter, ins: Instruction): string {
  const cases = fn
    .branchTable(ins.operand(1))
    .map((label, i) => `case ${i}: goto ${fn.label(label)};`)
    .join(' ');
  const index = fn.source(ins.operand(0), 'u32');
  return `branch_back(T); switch (${index}) { ${cases} default: fail(T, Fault::kOther, "brx: no such target"); }`;
}

/** Hints and fences: threads run one at a time and memory is always coherent. */
const nothing: Emitter = () => '';

const trap: Emitter = () => 'fail(T, Fault::kOther, "trap");';

/** Control flow, and what has no effect here. */
export const controlEmitters: Emitters = {
  ret: () => 'return;',
  exit: (fn) => (fn.parsed.kind === 'entry' ? 'return;' : 'exit_thread(T);'),
  bra: (fn, ins) => fn.branch(ins.operand(0)),
  brx: branchByTable,
  trap,
  brkpt: trap,
  nanosleep: () => 'spin(T); branch_back(T);',
  membar: nothing,
  fence: nothing,
  prefetch: nothing,
  prefetchu: nothing,
  pmevent: nothing,
  griddepcontrol: nothing,
  applypriority: nothing,
  discard: nothing,
  setmaxnreg: nothing,
  createpolicy: (fn, ins) => fn.set(ins.operand(0), '(u64)0'),
};
