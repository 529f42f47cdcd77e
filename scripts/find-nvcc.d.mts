/** The CUDA compiler and the folder of cuda.h, or undefined where there is none. */
export function findNvcc(): { nvcc: string; include: string } | undefined;
