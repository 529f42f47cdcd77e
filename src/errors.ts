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

const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of this path is a file, not a folder',
  EISDIR: 'this is a folder',
  EEXIST: 'there is one already',
  EACCES: 'this user has no permission',
  EPERM: 'this user has no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: "this user's share of the disk is full",
  EIO: 'the disk reported an error',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its symbolic links go round in a circle',
};

/** Why the system refused to read or write a file, in plain words: a clause without a full stop. */
export function fileProblem(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  // Node puts the code before, and the call and the path behind the system's words.
  return FILE_PROBLEMS[code] ?? /^[A-Z0-9]+: (.*?)(?:, \w+.*)?$/.exec(message)?.[1] ?? message;
}
