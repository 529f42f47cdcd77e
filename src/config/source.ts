import { type Document, isMap, isNode, isPair, LineCounter, parse, parseDocument } from 'yaml';
import { UsageError } from '../errors.ts';

/** A key path as its parts: `['data', 'batchSize']`. */
export type KeyPath = readonly (string | number)[];

/** A configuration as written: plain values, and where each was written. */
export interface ConfigSource {
  readonly values: Record<string, unknown>;
  readonly fileName: string;
  /** `line N` of the file or the `--set` argument that gave this path; the nearest enclosing place when it is absent. */
  locate(path: KeyPath): string;
}

interface Override {
  readonly path: readonly string[];
  readonly argument: string;
}

/**
 * Reads the text of a configuration file and lays the `--set` arguments over it, in their order.
 * A `--set` to `null` takes the key away.
 * @param sets `key.path=value`, the value written as in YAML
 * @throws UsageError ERR_CONFIG when the text isn't one YAML mapping or an argument isn't `key.path=value`
 */
export function readSource(text: string, fileName: string, sets: readonly string[]): ConfigSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const broken = document.errors[0];
  if (broken) {
    const { line, col } = lines.linePos(broken.pos[0]);
    const reason = broken.message.replace(/\s+/g, ' ').replace(/\.$/, '');
    throw new UsageError(
      'ERR_CONFIG',
      `${fileName}:${line}: not valid YAML at column ${col}: ${lowerFirst(reason)}; correct that line.`,
      { cause: broken },
    );
  }
  if (!isMap(document.contents)) {
    const what = document.contents === null ? 'is empty' : "isn't a list of keys and values";
    throw new UsageError(
      'ERR_CONFIG',
      `${fileName}:1: the configuration ${what}; see configs/smoke.yaml for one that works.`,
    );
  }
  const values = toValues(document, fileName);
  const overrides = sets.map((argument) => applySet(values, argument));
  return {
    values,
    fileName,
    locate: (path) => {
      const override = overrides.findLast(({ path: own }) => {
        const length = document.hasIn(path) ? own.length : Math.min(own.length, path.length);
        return own.slice(0, length).every((key, i) => key === String(path[i]));
      });
      return override ? `--set ${override.argument}` : `line ${lineOf(document, lines, path)}`;
    },
  };
}

function toValues(document: Document, fileName: string): Record<string, unknown> {
  try {
    return document.toJS() as Record<string, unknown>;
  } catch (error) {
    const reason = lowerFirst((error as Error).message.replace(/\.$/, ''));
    throw new UsageError('ERR_CONFIG', `${fileName}: not valid YAML: ${reason}; correct that alias.`, {
      cause: error,
    });
  }
}

function applySet(values: Record<string, unknown>, argument: string): Override {
  const at = argument.indexOf('=');
  const path = argument.slice(0, Math.max(at, 0)).trim().split('.');
  if (at < 1 || path.some((key) => key === '' || key === '__proto__')) {
    throw new UsageError(
      'ERR_CONFIG',
      `--set ${argument}: write it as key.path=value, for example --set data.batchSize=4096.`,
    );
  }
  let value: unknown;
  try {
    value = parse(argument.slice(at + 1), { prettyErrors: false });
  } catch (error) {
    throw new UsageError(
      'ERR_CONFIG',
      `--set ${argument}: the value isn't valid YAML (${(error as Error).message}); quote it.`,
      { cause: error },
    );
  }
  let parent = values;
  for (const key of path.slice(0, -1)) {
    const child = parent[key];
    if (child === undefined || child === null) parent[key] = {};
    else if (typeof child !== 'object' || Array.isArray(child)) {
      throw new UsageError('ERR_CONFIG', `--set ${argument}: "${key}" holds no keys; set "${key}" itself.`);
    }
    parent = parent[key] as Record<string, unknown>;
  }
  const leaf = path[path.length - 1] as string;
  if (value === null || value === undefined) delete parent[leaf];
  else parent[leaf] = value;
  return { path, argument };
}

function lineOf(document: Document, lines: LineCounter, path: KeyPath): number {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const key = path[length - 1];
    const pair = isMap(parent)
      ? parent.items.find((item) => isPair(item) && String(item.key) === String(key))
      : undefined;
    const node = pair?.key ?? document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
