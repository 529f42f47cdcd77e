import type { FunctionWriter } from '../function-writer.ts';
import { type Emitters, type Instruction, pairOf } from '../instruction.ts';
import { sizeOf } from '../types.ts';

const word = (fn: FunctionWriter, operand: string): string => fn.source(operand, 'u32');

function blockBarrier(fn: FunctionWriter, ins: Instruction): string {
  if (ins.has('warp')) return `sync_warp(T, ${word(fn, ins.operand(0))});`;
  // A cluster is one block here.
  if (ins.has('cluster')) return ins.has('wait') ? 'barrier(T, 15, 0);' : '';
  if (ins.has('red')) return barrierReduction(fn, ins);
  const id = word(fn, ins.operand(0));
  if (ins.has('arrive')) return `barrier(T, ${id}, ${word(fn, ins.operand(1))}, 0, true);`;
  return `barrier(T, ${id}, ${ins.operands.length > 1 ? word(fn, ins.operand(1)) : '0'});`;
}

/** A barrier that also counts, or combines, a predicate of each thread. */
function barrierReduction(fn: FunctionWriter, ins: Instruction): string {
  const last = ins.operands.length - 1;
  const id = word(fn, ins.operand(1));
  const count = last > 2 ? word(fn, ins.operand(2)) : '0';
  const predicate = fn.source(ins.operand(last), 'pred');
  const meet = (brought: string): string => `barrier(T, ${id}, ${count}, ${brought})`;
  if (ins.has('popc')) return fn.set(ins.operand(0), meet(`${predicate} ? 1 : 0`));
  if (ins.has('or')) return fn.set(ins.operand(0), `(${meet(`${predicate} ? 1 : 0`)} != 0)`);
  return fn.set(ins.operand(0), `(${meet(`${predicate} ? 0 : 1`)} == 0)`);
}

/** A collective with a result and a predicate beside it: `%r|%p`. */
function withPredicate(fn: FunctionWriter, ins: Instruction, call: string): string {
  const [result, predicate = '_'] = pairOf(ins.operand(0));
  return `bool flag; const u32 result = ${call}; ${fn.set(result, 'result')} ${fn.set(predicate, 'flag')}`;
}

const SHUFFLES = { up: 'kUp', down: 'kDown', bfly: 'kButterfly', idx: 'kIndex' } as const;
const VOTES = { ballot: 'kBallot', any: 'kAny', all: 'kAll', uni: 'kUniform' } as const;
const REDUCTIONS = { add: 'kAdd', min: 'kMin', max: 'kMax', and: 'kAnd', or: 'kOr', xor: 'kXor' } as const;
const keys = <K extends string>(table: Readonly<Record<K, string>>): K[] => Object.keys(table) as K[];

function shuffle(fn: FunctionWriter, ins: Instruction): string {
  const mode = SHUFFLES[ins.oneOf(keys(SHUFFLES))];
  const [value, lane, clamp] = [1, 2, 3].map((i) => word(fn, ins.operand(i)));
  const mask = ins.has('sync') ? word(fn, ins.operand(4)) : 'T.warp->exists';
  return withPredicate(fn, ins, `shuffle(T, Shuffle::${mode}, ${value}, ${lane}, ${clamp}, ${mask}, flag)`);
}

function voteOf(fn: FunctionWriter, ins: Instruction): string {
  const mode = VOTES[ins.oneOf(keys(VOTES))];
  const value = fn.source(ins.operand(1), 'pred');
  const result = `vote(T, Vote::${mode}, ${value}, ${word(fn, ins.operand(2))})`;
  return fn.set(ins.operand(0), mode === 'kBallot' ? result : `(${result} != 0)`);
}

function match(fn: FunctionWriter, ins: Instruction): string {
  const value = fn.source(ins.operand(1), `u${8 * sizeOf(ins.type)}`);
  const call = `match_${ins.oneOf(['any', 'all'])}(T, ${value}, ${word(fn, ins.operand(2))}, flag)`;
  return withPredicate(fn, ins, call);
}

function reduction(fn: FunctionWriter, ins: Instruction): string {
  const mode = REDUCTIONS[ins.oneOf(keys(REDUCTIONS))];
  const [value, mask] = [1, 2].map((i) => word(fn, ins.operand(i)));
  return fn.set(ins.operand(0), `reduce(T, Reduction::${mode}, ${ins.type === 's32'}, ${value}, ${mask})`);
}

/** Barriers and warp collectives. */
export const synchronisationEmitters: Emitters = {
  bar: blockBarrier,
  barrier: blockBarrier,
  // Threads of a warp run apart here, so each is alone wherever it asks.
  activemask: (fn, ins) => fn.set(ins.operand(0), '(u32)(1u << T.lane)'),
  shfl: shuffle,
  vote: voteOf,
  match,
  redux: reduction,
  elect: (fn, ins) => withPredicate(fn, ins, `elect(T, ${word(fn, ins.operand(1))}, flag)`),
};
