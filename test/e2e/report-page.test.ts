import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { writeRunLog } from '../helpers/run-logs.ts';
import { runPss } from '../helpers/run-pss.ts';
import { testUnless } from '../helpers/skippable.ts';
import { temporaryFolder } from '../helpers/temporary-folder.ts';

const test = suite('report page');
const folder = temporaryFolder();
const page = join(folder, 'report.html');
const sweep = join(folder, 'my-sweep');
const bench = join(folder, 'bench.jsonl');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
);
const missing = CHROMIUM === undefined ? 'there is no Chromium' : undefined;
const FIGURES = [
  'trade-off',
  'auc-samples',
  'auc-time',
  'loss-samples',
  'loss-time',
  'step-time',
  'step-parts',
];

for (const [name, bytes] of [
  ['original', 4_000_000],
  ['10x', 400_000],
  ['100x', 40_000],
] as const) {
  const sets = [`embedding.memorySize=${bytes / 4}`];
  writeRunLog(join(sweep, 'runs', `compression-${name}`), {
    aucs: [0.7, 0.75, 0.76],
    embeddingBytes: bytes,
    sets,
  });
}
mkdirSync(folder, { recursive: true });
const row = { bench: 'step', case: 'kaggle-2048', memorySize: 540_000, medianMs: 9 };
writeFileSync(bench, `${JSON.stringify({ ...row, parts: { lookup: 2, 'bottom MLP': 3, 'top MLP': 4 } })}\n`);

let browser: Browser | undefined;
test.before(async () => {
  const made = runPss(['report', sweep, bench, '--out', page]);
  assert.is(made.code, 0, made.stderr);
  assert.is(made.stdout, `${page}: 3 runs and 1 measurement\n`);
  if (CHROMIUM) browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
});
test.after(async () => {
  await browser?.close();
});

/** Opens the page and fails on anything it asks the network for or complains of. */
async function open(width: number, colorScheme: 'light' | 'dark'): Promise<Page> {
  const tab = await (browser as Browser).newPage({ viewport: { width, height: 800 }, colorScheme });
  const asked: string[] = [];
  const complaints: string[] = [];
  tab.on('request', (request) => asked.push(request.url()));
  tab.on('console', (message) => complaints.push(message.text()));
  tab.on('pageerror', (error) => complaints.push(error.message));
  await tab.goto(`file://${page}`);
  assert.equal(asked, [`file://${page}`]);
  assert.equal(complaints, []);
  return tab;
}

test('the same runs give the same bytes, and the page names no other address', () => {
  const again = join(folder, 'again.html');
  assert.is(runPss(['report', sweep, bench, '--out', again, '--quiet']).code, 0);
  const text = readFileSync(page, 'utf8');
  assert.is(readFileSync(again, 'utf8'), text);
  const addresses = new Set(text.match(/https?:\/\/[^"' <]+/g));
  assert.equal(
    [...addresses].filter((each) => !each.startsWith('http://www.w3.org/')),
    [],
  );
});

test('wrong use is told in a sentence', () => {
  assert.is(runPss(['report', '--out', page]).code, 2);
  const gone = runPss(['report', join(folder, 'gone'), '--out', page]);
  assert.is(gone.code, 1);
  assert.match(gone.stderr, /Cannot read .*gone/);
  const nowhere = runPss(['report', sweep, '--out', join(folder, 'no', 'where.html')]);
  assert.match(nowhere.stderr, /Cannot write .*where\.html/);
});

testUnless(test, missing, 'on a desk every figure is shown once, large enough', async () => {
  const tab = await open(1200, 'light');
  for (const id of FIGURES) {
    const shown = await tab.locator(`figure#${id} svg:visible`).count();
    assert.is(shown, 1, id);
    const box = await tab.locator(`figure#${id} svg:visible`).boundingBox();
    assert.ok((box?.width ?? 0) > 600 && (box?.height ?? 0) > 80, `${id}: ${JSON.stringify(box)}`);
  }
  assert.is(await tab.locator('section:has(h2:text("Where the configurations differ")) tbody tr').count(), 1);
});

testUnless(test, missing, 'on a phone nothing overflows and letters stay readable', async () => {
  const tab = await open(390, 'light');
  const widths = await tab.evaluate('[document.documentElement.scrollWidth, window.innerWidth]');
  assert.equal(widths, [390, 390]);
  for (const id of FIGURES) {
    const svg = tab.locator(`figure#${id} svg:visible`);
    const letters = await svg.locator('text', { hasText: /\S/ }).first().boundingBox();
    assert.ok((letters?.height ?? 0) >= 11, `${id}: letters ${letters?.height} px high`);
  }
});

testUnless(test, missing, 'in the dark, paper, letters and lines are those of the dark', async () => {
  const colours = async (scheme: 'light' | 'dark') => {
    const tab = await open(1200, scheme);
    const line = "getComputedStyle(document.querySelector('#auc-samples svg .mark-line path')).stroke";
    const letters = "getComputedStyle(document.querySelector('#auc-samples svg text')).fill";
    return (await tab.evaluate(
      `[getComputedStyle(document.body).backgroundColor, ${line}, ${letters}]`,
    )) as string[];
  };
  const [light, dark] = [await colours('light'), await colours('dark')];
  assert.is(light[0], 'rgb(255, 255, 255)');
  assert.is(dark[0], 'rgb(20, 24, 28)');
  for (const i of [0, 1, 2]) assert.is.not(light[i], dark[i]);
});

testUnless(test, missing, 'a figure is saved as SVG and as PNG, in the colours it is shown in', async () => {
  const tab = await open(1200, 'dark');
  const save = async (type: string) => {
    const waiting = tab.waitForEvent('download');
    await tab.locator(`figure#auc-time button[data-type=${type}]`).click();
    const download = await waiting;
    assert.is(download.suggestedFilename(), `auc-time.${type}`);
    const path = join(folder, `saved.${type}`);
    await download.saveAs(path);
    return readFileSync(path);
  };
  const svg = (await save('svg')).toString();
  assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.match(svg, /<rect width="100%" height="100%" fill="#14181c"/);
  assert.not.match(svg, /var\(/);
  const alone = await (browser as Browser).newPage();
  await alone.goto(`file://${join(folder, 'saved.svg')}`);
  assert.is(await alone.evaluate('document.documentElement.tagName'), 'svg');
  const png = await save('png');
  assert.is(png.subarray(1, 4).toString(), 'PNG');
  const [width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)?.slice(1).map(Number) ?? [];
  assert.equal([png.readUInt32BE(16), png.readUInt32BE(20)], [2 * (width ?? 0), 2 * (height ?? 0)]);
});

test.run();
