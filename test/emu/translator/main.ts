/** main.ts IN.ptx OUT.cpp [--count]: what the emulated driver runs when a module isn't in its cache. */
import { readFileSync, writeFileSync } from 'node:fs';
import { translate } from './module-writer.ts';

const [input, output, option] = process.argv.slice(2);
if (input === undefined || output === undefined) {
  process.stderr.write('usage: main.ts IN.ptx OUT.cpp [--count]\n');
  process.exit(2);
}
const { cpp, unsupported } = translate(readFileSync(input, 'utf8'), option === '--count');
writeFileSync(output, cpp);
for (const [what, times] of unsupported) process.stderr.write(`unsupported: ${what}, ${times} times\n`);
