import { EXIT, PssError } from '../errors.ts';

/** The error for work stopped from outside. */
export function interruptedError(): PssError {
  return new PssError('ERR_INTERRUPTED', 'Interrupted; nothing was written.', { exitCode: EXIT.interrupted });
}

const NATIVE_CODES = new Set(['ERR_OPEN', 'ERR_READ', 'ERR_FORMAT', 'ERR_GZIP']);
const NO_SPACE_CODES = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** What went wrong while preparing, as an error for a person. */
export function explainPrepareError(error: unknown, out: string): unknown {
  if (error instanceof PssError) return error;
  const { code = '', message, syscall } = error as NodeJS.ErrnoException;
  if (NATIVE_CODES.has(code)) return new PssError(code, message, { cause: error });
  if (code === 'ERR_MEMORY') {
    return new PssError(
      code,
      'Memory ran out while numbering the ids; use --ids raw, which needs no dictionary, or a smaller --max-index.',
      { cause: error },
    );
  }
  if (NO_SPACE_CODES.has(code)) {
    return new PssError(
      'ERR_DISK_FULL',
      `The disk of ${out} is full (${code}), and nothing was kept; free some space, or choose another --out.`,
      { cause: error },
    );
  }
  if (syscall !== undefined) {
    return new PssError('ERR_OUTPUT', `Writing to ${out} failed: ${message}; choose another --out.`, {
      cause: error,
    });
  }
  return error;
}
