import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { Document, visit } from 'yaml';
import { fileProblem, UsageError } from '../errors.ts';
import { type Problem, typeProblems } from './problems.ts';
import { resolve, ruleProblems } from './rules.ts';
import { type Config, configSchema } from './schema.ts';
import { type ConfigSource, readSource } from './source.ts';

/**
 * Reads, checks and completes a configuration file.
 * @param sets `--set` arguments, `key.path=value`, the value as in YAML; later ones win, `null` takes a key away
 * @throws UsageError ERR_CONFIG when the file can't be read or anything in it is wrong; it lists every problem
 */
export function loadConfig(file: string, sets: readonly string[] = []): Config {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError('ERR_CONFIG', `${file}: ${readFailure(error)}.`, { cause: error });
  }
  return parseConfig(text, file, sets);
}

/**
 * `loadConfig` for text already in hand.
 * @param fileName shown in errors, and the default of `name`
 */
export function parseConfig(text: string, fileName: string, sets: readonly string[] = []): Config {
  const source = readSource(text, fileName, sets);
  const checked = configSchema.safeParse(source.values);
  if (!checked.success) throw problemsError(source, typeProblems(checked.error.issues, source.values));
  const config = resolve(checked.data, runName(fileName));
  const problems = ruleProblems(config);
  if (problems.length > 0) throw problemsError(source, problems);
  return deepFreeze(config);
}

/** The configuration as YAML; `parseConfig` of it gives the same configuration. */
export function stringifyConfig(config: Config): string {
  const document = new Document(config);
  visit(document, {
    Seq: (_, list) => {
      list.flow = true;
    },
  });
  return document.toString({ lineWidth: 110 });
}

function problemsError(source: ConfigSource, problems: readonly Problem[]): UsageError {
  const [first] = problems;
  if (first && problems.length === 1) {
    const place = source.locate(first.path);
    const where = place.startsWith('line ') ? `${source.fileName}:${place.slice(5)}` : place;
    return new UsageError('ERR_CONFIG', `${where}: ${sentence(first.text)}`);
  }
  const lines = problems.map(({ path, text }) => `  ${source.locate(path)}: ${sentence(text)}`);
  return new UsageError(
    'ERR_CONFIG',
    `${source.fileName} has ${problems.length} problems:\n${lines.join('\n')}`,
  );
}

function sentence(text: string): string {
  return text.endsWith('?') ? text : `${text}.`;
}

function readFailure(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return 'no such configuration file; ready ones are in configs/';
    case 'EISDIR':
      return 'this is a folder; name a configuration file in it';
    case 'EACCES':
      return 'no permission to read this configuration file';
    default:
      return `can't read this configuration file (${fileProblem(error)})`;
  }
}

/** The file's name without its extension, as far as it can name a folder. */
function runName(fileName: string): string {
  const stem = basename(fileName, extname(fileName)).replace(/[^A-Za-z0-9._-]+/g, '-');
  return stem.replace(/^[^A-Za-z0-9]+/, '') || 'run';
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) deepFreeze(child);
    Object.freeze(value);
  }
  return value;
}

export type { Config, DeviceChoice } from './schema.ts';
