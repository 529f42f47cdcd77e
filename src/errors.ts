/** Process exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/**
 * An error meant for a person: one sentence that says what is wrong, where, and what to do.
 * The command line prints only its message (a stack with `--log-level debug`) and exits with `exitCode`.
 */
export class PssError extends Error {
  override readonly name = 'PssError';
  readonly code: string;
  readonly exitCode: number;

  /**
   * @param code stable, machine-readable, upper snake case, e.g. `ERR_CONFIG`
   * @param message one sentence: what, where, what to do
   */
  constructor(code: string, message: string, options: { cause?: unknown; exitCode?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** Wrong usage or configuration: exit code 2. */
export class UsageError extends PssError {
  constructor(code: string, message: string, options: { cause?: unknown } = {}) {
    super(code, message, { ...options, exitCode: EXIT.usage });
  }
}
