/** PTX text to pieces: comments out, operands apart, a function's body as a list of statements and labels. */

/** Splits at the commas that are in no bracket. */
export function splitOperands(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = '';
  for (const character of text) {
    if ('[{('.includes(character)) depth++;
    if (']})'.includes(character)) depth--;
    if (character === ',' && depth === 0) {
      parts.push(current.trim());
      current = '';
    } else {
      current += character;
    }
  }
  if (current.trim() !== '') parts.push(current.trim());
  return parts;
}

/** The text without comments, debug sections and the directives that mean nothing here. */
export function stripSource(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\/\/[^\n]*/g, '')
    .replace(/^\s*\.(version|target|address_size|file|loc)\b[^\n]*$/gm, '')
    .replace(/\.section\s+\.debug\w*\s*\{[\s\S]*?\n\s*\}/g, '');
}

/** A piece of a function's body. */
export type Token =
  | { readonly kind: 'open' }
  | { readonly kind: 'close' }
  | { readonly kind: 'label'; readonly name: string }
  | { readonly kind: 'targets'; readonly name: string; readonly labels: readonly string[] }
  | { readonly kind: 'statement'; readonly text: string };

const TARGETS = /^\s*\.branchtargets\s+([^;]*);/;
const PROTOTYPE = /^\s*\.(callprototype|calltargets)[^;]*;/;

/** The statements, labels, branch tables and scopes of a body, in order. */
export function tokenize(body: string): Token[] {
  const tokens: Token[] = [];
  let current = '';
  for (let i = 0; i < body.length; i++) {
    const character = body[i] ?? '';
    if (character === '{' && current.trim() === '') {
      tokens.push({ kind: 'open' });
      current = '';
    } else if (character === '{') {
      const end = body.indexOf('}', i);
      current += body.slice(i, end + 1);
      i = end;
    } else if (character === '}') {
      tokens.push({ kind: 'close' });
      current = '';
    } else if (character === ';') {
      if (current.trim() !== '') tokens.push({ kind: 'statement', text: current.trim() });
      current = '';
    } else if (character === ':' && /^\s*[\w$%]+\s*$/.test(current) && body[i + 1] !== ':') {
      i += pushLabel(tokens, current.trim(), body.slice(i + 1));
      current = '';
    } else {
      current += character;
    }
  }
  return tokens;
}

/** Adds a label, or what a label of a branch table stands for; gives how many characters after it belong to it. */
function pushLabel(tokens: Token[], name: string, rest: string): number {
  const targets = TARGETS.exec(rest);
  if (targets) {
    const labels = (targets[1] ?? '').split(',').map((label) => label.trim());
    tokens.push({ kind: 'targets', name, labels });
    return targets[0].length;
  }
  const prototype = PROTOTYPE.exec(rest);
  if (prototype) return prototype[0].length;
  tokens.push({ kind: 'label', name });
  return 0;
}
