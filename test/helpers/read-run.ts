import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The events of a run's log. */
export function readEvents(runDir: string): Record<string, unknown>[] {
  const lines = readFileSync(join(runDir, 'run.jsonl'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}

/** Path of the newest checkpoint's model. */
export function newestModelPath(runDir: string): string {
  const folder = join(runDir, 'checkpoints');
  const steps = readdirSync(folder).flatMap((name) => /^step-(\d+)$/.exec(name)?.[1] ?? []);
  return join(folder, `step-${Math.max(...steps.map(Number))}`, 'model.safetensors');
}

/** The tensors of a safetensors file, by an independent reading of the format. */
export function readTensors(path: string): Map<string, Float32Array> {
  const bytes = readFileSync(path);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const { __metadata__: _, ...header } = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString()) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  const data = bytes.subarray(8 + headerBytes);
  return new Map(
    Object.entries(header).map(
      ([
        name,
        {
          data_offsets: [begin, end],
        },
      ]) => [name, new Float32Array(new Uint8Array(data.subarray(begin, end)).buffer)],
    ),
  );
}
