/** What the assembler says of one kernel. */
export interface KernelResources {
  /** From the root. */
  readonly file: string;
  readonly name: string;
  /** Ten times the compute capability. */
  readonly architecture: number;
  /** Of a thread. */
  readonly registers: number;
  /** Static shared memory of a block. */
  readonly sharedBytes: number;
  /** Of a thread, in local memory. */
  readonly stackBytes: number;
  readonly spillBytes: number;
}
export declare const ARCHITECTURES: readonly number[];
export declare function kernelFiles(): string[];
export declare function assembleKernels(
  nvcc: string,
  files: readonly string[],
  architectures: readonly number[],
): Promise<KernelResources[]>;
export declare function parseResources(text: string): Omit<KernelResources, 'file' | 'architecture'>[];
