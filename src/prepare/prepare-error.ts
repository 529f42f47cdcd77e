import { EXIT, PssError } from '../errors.ts';

/** The error for work stopped from outside. */
export function interruptedError(out: string): PssError {
  return new PssError('ERR_INTERRUPTED', `Interrupted; ${goOn(out)}.`, { exitCode: EXIT.interrupted });
}

/** Whether the same command with --resume may lead further. */
export function isResumable(error: unknown): boolean {
  return !(error instanceof PssError) || RESUMABLE.has(error.code);
}

const RESUMABLE = new Set(['ERR_INTERRUPTED', 'ERR_DISK_FULL', 'ERR_OUTPUT', 'ERR_READ', 'ERR_MEMORY', 'ERR_RESUME']);
const NATIVE_CODES = new Set(['ERR_OPEN', 'ERR_READ', 'ERR_FORMAT', 'ERR_GZIP', 'ERR_IDS']);
const NO_SPACE_CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'ERR_NO_SPACE']);

function goOn(out: string): string {
  return `what is done is kept in ${out}.unfinished: run the same command with --resume to go on, or remove that folder`;
}

/** What went wrong while preparing, as an error for a person. */
export function explainPrepareError(error: unknown, out: string): unknown {
  if (error instanceof PssError) return error;
  const { code = '', message, syscall } = error as NodeJS.ErrnoException;
  if (NATIVE_CODES.has(code)) return new PssError(code, message, { cause: error });
  if (code === 'ERR_MEMORY') {
    return new PssError(
      code,
      `Memory ran out; free some, and ${goOn(out)}; a smaller --memory needs a new start.`,
      { cause: error },
    );
  }
  if (NO_SPACE_CODES.has(code)) {
    return new PssError('ERR_DISK_FULL', `The disk of ${out} is full (${code}); free some space; ${goOn(out)}.`, {
      cause: error,
    });
  }
  if (code === 'ERR_WRITE') {
    return new PssError('ERR_OUTPUT', `${message.replace(/\.$/, '')}; ${goOn(out)}.`, { cause: error });
  }
  if (syscall !== undefined) {
    return new PssError('ERR_OUTPUT', `Writing to ${out} failed: ${message}; ${goOn(out)}.`, { cause: error });
  }
  return error;
}
