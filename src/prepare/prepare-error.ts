import { EXIT, fileProblem, PssError } from '../errors.ts';

/** The error for work stopped from outside. @param left what there is now, and what to do with it */
export function interruptedError(left: string): PssError {
  return new PssError('ERR_INTERRUPTED', `Interrupted; ${left}.`, { exitCode: EXIT.interrupted });
}

/** What a run that can be resumed leaves. */
export function unfinishedWork(out: string): string {
  return `what is done is kept in ${out}.unfinished: run the same command with --resume to go on, or remove that folder`;
}

/** Whether the same command with --resume may lead further. */
export function isResumable(error: unknown): boolean {
  return !(error instanceof PssError) || RESUMABLE.has(error.code);
}

const RESUMABLE = new Set([
  'ERR_INTERRUPTED',
  'ERR_DISK_FULL',
  'ERR_OUTPUT',
  'ERR_READ',
  'ERR_MEMORY',
  'ERR_RESUME',
]);
const NATIVE_CODES = new Set(['ERR_OPEN', 'ERR_READ', 'ERR_FORMAT', 'ERR_GZIP', 'ERR_IDS']);
const NO_SPACE_CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'ERR_NO_SPACE']);

/**
 * What went wrong while reading raw rows or writing shards, as an error for a person.
 * @param left what there is of `out` now, and what to do with it
 */
export function explainPrepareError(error: unknown, out: string, left: string): unknown {
  if (error instanceof PssError) return error;
  const { code = '', message, syscall } = error as NodeJS.ErrnoException;
  if (NATIVE_CODES.has(code)) return new PssError(code, message, { cause: error });
  if (code === 'ERR_MEMORY') {
    return new PssError(
      code,
      `Memory ran out; free some, and ${left}; a smaller --memory needs a new start.`,
      { cause: error },
    );
  }
  if (NO_SPACE_CODES.has(code)) {
    return new PssError('ERR_DISK_FULL', `The disk of ${out} is full (${code}); free some space; ${left}.`, {
      cause: error,
    });
  }
  if (code === 'ERR_WRITE') {
    return new PssError('ERR_OUTPUT', `${message.replace(/\.$/, '')}; ${left}.`, { cause: error });
  }
  if (syscall !== undefined) {
    return new PssError('ERR_OUTPUT', `Writing to ${out} failed: ${fileProblem(error)}; ${left}.`, {
      cause: error,
    });
  }
  return error;
}
