import { distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { configSchema } from './schema.ts';
import type { KeyPath } from './source.ts';

/** One thing wrong with a configuration: the key it is about and what to say of it. */
export interface Problem {
  readonly path: KeyPath;
  /** Follows the key path or stands alone; no full stop. */
  readonly text: string;
}

/** Everything wrong with the types, ranges and names of `values`, unknown keys included. */
export function typeProblems(issues: readonly z.core.$ZodIssue[], values: unknown): Problem[] {
  const problems = new Map<string, Problem>();
  for (const issue of issues) {
    const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const unknown = [...path, key];
        problems.set(formatPath(unknown), { path: unknown, text: unknownKey(unknown) });
      }
    } else {
      // A number can fail two bounds at once; the last one zod names is the narrower.
      problems.set(formatPath(path), {
        path,
        text: `${formatPath(path)}${complaint(issue, valueAt(values, path))}`,
      });
    }
  }
  return [...problems.values()];
}

/** `data.train[1]` */
export function formatPath(path: KeyPath): string {
  if (path.length === 0) return 'the configuration';
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

function complaint(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined) return ` is missing; give it ${expected(issue)}`;
  if (value === null) return ` has no value; give it ${expected(issue)} or take it out`;
  const fromZod = /^(Invalid|Too)/.test(issue.message);
  if (!fromZod) return issue.message.startsWith('must') ? ` ${issue.message}` : `: ${issue.message}`;
  return ` must be ${expected(issue)}, but is ${show(value)}`;
}

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_NAMES[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.length === 1
        ? String(issue.values[0])
        : `one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      if (issue.origin === 'array' || issue.origin === 'string')
        return `${nameOf(issue.origin)} of at least ${issue.minimum}`;
      return issue.inclusive ? `at least ${issue.minimum}` : `greater than ${issue.minimum}`;
    case 'too_big':
      if (issue.origin === 'string') return `at most ${issue.maximum} characters`;
      return issue.inclusive ? `at most ${issue.maximum}` : `less than ${issue.maximum}`;
    case 'invalid_union':
      return [...new Set(issue.errors.flat().map(expected))].join(' or ');
    default:
      return issue.message.toLowerCase();
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of keys',
};

function nameOf(type: string): string {
  return TYPE_NAMES[type] ?? type;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'empty' : 'a list';
  if (typeof value === 'object') return 'a group of keys';
  if (typeof value !== 'string') return String(value);
  return `the text "${value.length > 40 ? `${value.slice(0, 37)}...` : value}"`;
}

function unknownKey(path: KeyPath): string {
  const nearest = nearestKey(path);
  return `${formatPath(path)} isn't a known key; ${nearest ? `did you mean ${nearest}?` : 'take it out'}`;
}

/** The known key a misspelt one most likely meant: one of the same group, or of that very name in another group. */
function nearestKey(path: KeyPath): string | undefined {
  const wrong = String(path[path.length - 1]);
  const group = path.slice(0, -1).join('.');
  const known = knownKeys(configSchema, []);
  const ranked = known
    .map((key) => {
      const leaf = key.slice(key.lastIndexOf('.') + 1);
      const elsewhere = key.slice(0, Math.max(0, key.lastIndexOf('.'))) !== group;
      return { key, score: distance(leaf.toLowerCase(), wrong.toLowerCase()) + (elsewhere ? 1.5 : 0) };
    })
    .sort((a, b) => a.score - b.score);
  const best = ranked[0];
  return best && best.score <= Math.max(2, wrong.length * 0.4) ? best.key : undefined;
}

function knownKeys(schema: z.ZodType, prefix: readonly string[]): string[] {
  const object = unwrap(schema);
  if (object instanceof z.ZodDiscriminatedUnion) {
    return [...new Set(object.options.flatMap((option) => knownKeys(option as z.ZodType, prefix)))];
  }
  if (!(object instanceof z.ZodObject)) return [];
  return Object.entries(object.shape).flatMap(([key, child]) => {
    const path = [...prefix, key];
    return [path.join('.'), ...knownKeys(child as z.ZodType, path)];
  });
}

function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodPipe) return unwrap(schema.out as z.ZodType);
  return schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional
    ? unwrap(schema.unwrap() as z.ZodType)
    : schema;
}

function valueAt(values: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as never)[key] : undefined),
    values,
  );
}
