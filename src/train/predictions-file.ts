import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { Field, Float32, makeData, Schema, Uint8 } from 'apache-arrow';
import { ArrowEncoder } from '../arrow/arrow-encoder.ts';
import { fileProblem, PssError } from '../errors.ts';
import { sigmoid } from './sigmoid.ts';

type PredictionTypes = { logit: Float32; probability: Float32; label: Uint8 };

const SCHEMA = new Schema<PredictionTypes>([
  new Field('logit', new Float32(), false),
  new Field('probability', new Float32(), false),
  new Field('label', new Uint8(), false),
]);

/** An Arrow file of scores, one row for each row scored, in their order. It appears under its name when it is whole. */
export class PredictionsFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #encoder = new ArrowEncoder(SCHEMA);

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** @throws PssError ERR_OUTPUT when nothing can be written there */
  static async create(path: string): Promise<PredictionsFile> {
    const file = await open(`${path}.partial`, 'w').catch((cause: NodeJS.ErrnoException) => {
      throw new PssError(
        'ERR_OUTPUT',
        `${path} can't be written (${fileProblem(cause)}); give another --predictions.`,
        {
          cause,
        },
      );
    });
    return new PredictionsFile(path, file);
  }

  /** Appends a record batch. */
  async write(logits: Float32Array, labels: Uint8Array): Promise<void> {
    const rows = logits.length;
    const float32 = (data: Float32Array) =>
      makeData({ type: new Float32(), length: rows, nullCount: 0, data });
    const columns = {
      logit: float32(logits),
      probability: float32(logits.map(sigmoid)),
      label: makeData({ type: new Uint8(), length: rows, nullCount: 0, data: labels }),
    };
    for (const chunk of this.#encoder.encode(columns, rows)) await this.#file.writeFile(chunk);
  }

  /** Ends the file and gives it its name. */
  async finish(): Promise<void> {
    for (const chunk of this.#encoder.finish()) await this.#file.writeFile(chunk);
    await this.#file.sync();
    await this.#file.close();
    await rename(`${this.#path}.partial`, this.#path);
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    await this.#file.close();
    await rm(`${this.#path}.partial`, { force: true });
  }
}
