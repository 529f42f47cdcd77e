/** One mistake, put into a copy of a source file, that a test must notice. */
export interface Mutation {
  /** What is wrong, as part of a test's name. */
  readonly name: string;
  /** The file that has it, from native/. */
  readonly file: string;
  /** Text that the file has exactly once, and what is in its place. */
  readonly find: string;
  readonly replace: string;
  /** The device code that includes the file, without `.cu`; undefined for host code. */
  readonly kernels?: string;
  /** Test file in test/cuda that must fail, without `-cuda.test.ts`, and what it must say. */
  readonly caughtBy: string;
  readonly says: RegExp;
  /** Settings of the emulated driver under which it does. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether `npm test` tries it; `npm run test:mutations` tries them all. */
  readonly core?: boolean;
}
