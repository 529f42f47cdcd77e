/** Where training tells a person what it does; the command line's output is one. */
export interface Reporter {
  info(line: string): void;
  warn(line: string): void;
  progress(options: { title: string; total?: number; unit: string; start?: number }): {
    update(done: number, note?: string): void;
    stop(): void;
  };
}

/** Says nothing, for use as a library. */
export const SILENT: Reporter = {
  info: () => {},
  warn: () => {},
  progress: () => ({ update: () => {}, stop: () => {} }),
};
