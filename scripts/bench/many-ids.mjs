/**
 * node scripts/bench/many-ids.mjs ROWS VALUES
 *
 * Raw Criteo rows on standard output, made for their number of distinct ids: six of the 26 categorical columns draw from VALUES values
 * each, all equally likely, which no dictionary can do anything about; the others hold a few thousand.
 */
import { once } from 'node:events';

const TEMPLATE_ROWS = 4096;
const WIDE_COLUMNS = [2, 3, 11, 15, 20, 25];
const [rows = 0, values = 0] = process.argv.slice(2).map(Number);

const HEX = Array.from({ length: 256 }, (_, byte) =>
  Buffer.from(byte.toString(16).padStart(2, '0')).readUInt16LE(),
);
let state = 1;

/** A number below 2^32 (SplitMix32). */
function random() {
  state = (state + 0x9e3779b9) >>> 0;
  return mix(state);
}

function mix(value) {
  let x = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

function makeTemplate() {
  const lines = [];
  const places = [];
  let length = 0;
  for (let row = 0; row < TEMPLATE_ROWS; row++) {
    let line = String(random() % 4 === 0 ? 1 : 0);
    for (let i = 0; i < 13; i++) line += `\t${random() % 6 === 0 ? '' : random() % 3 ** (i + 1)}`;
    for (let column = 0; column < 26; column++) {
      line += '\t';
      if (WIDE_COLUMNS.includes(column)) places.push(length + line.length);
      line += mix(random() % (40 * column + 3))
        .toString(16)
        .padStart(8, '0');
    }
    lines.push(`${line}\n`);
    length += line.length + 1;
  }
  return { text: Buffer.from(lines.join('')), places, rowLengths: lines.map((line) => line.length) };
}

const { text, places, rowLengths } = makeTemplate();
for (let done = 0; done < rows; done += TEMPLATE_ROWS) {
  const chunk = Buffer.from(text);
  const words = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  for (const [i, place] of places.entries()) {
    const value = mix((random() % values) + (i % WIDE_COLUMNS.length) * 0x1000_0000);
    for (let byte = 0; byte < 4; byte++) {
      words.setUint16(place + 2 * byte, HEX[(value >>> (24 - 8 * byte)) & 0xff], true);
    }
  }
  const wanted = rowLengths.slice(0, rows - done).reduce((sum, length) => sum + length, 0);
  if (!process.stdout.write(chunk.subarray(0, wanted))) await once(process.stdout, 'drain');
}
