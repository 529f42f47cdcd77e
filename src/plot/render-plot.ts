import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import type { TopLevelSpec } from 'vega-lite';
import { UsageError } from '../errors.ts';

/** File types a plot can be written as. */
export const PLOT_TYPES = ['.svg', '.png', '.html'] as const;

/** Of a PNG, for each unit of the SVG. */
const PIXELS = 2;

/**
 * Refuses a file a plot can't be written to, so that a command can do so before its work.
 * @throws UsageError ERR_PLOT
 */
export function checkPlotFile(file: string): void {
  if ((PLOT_TYPES as readonly string[]).includes(extname(file))) return;
  throw new UsageError(
    'ERR_PLOT',
    `A plot can't be written to ${file}; end its name in ${PLOT_TYPES.slice(0, -1).join(', ')} or ${PLOT_TYPES.at(-1)}.`,
  );
}

/**
 * Draws a Vega-Lite specification into a file of its own: a picture, or a web page that holds one and asks for nothing else.
 * The same specification gives the same bytes.
 * @param title of the web page
 */
export async function writePlot(file: string, spec: TopLevelSpec, title: string): Promise<void> {
  checkPlotFile(file);
  const svg = await drawSvg(spec);
  const type = extname(file) as (typeof PLOT_TYPES)[number];
  await writeFile(
    file,
    type === '.png' ? await drawPng(svg) : type === '.html' ? page(svg, title) : `${svg}\n`,
  );
}

/** A Vega-Lite specification as SVG. */
export async function drawSvg(spec: TopLevelSpec): Promise<string> {
  // Loaded only where something is drawn: they are the largest of all dependencies.
  const [{ compile }, { parse, View }] = await Promise.all([import('vega-lite'), import('vega')]);
  const view = new View(parse(compile(spec).spec), { renderer: 'none' });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

/** An SVG picture in pixels. Letters come from a font of ours: a server may have none, and every machine's would be others. */
async function drawPng(svg: string): Promise<Buffer> {
  const { Resvg } = await import('@resvg/resvg-js');
  const { resolve } = createRequire(import.meta.url);
  const font = {
    loadSystemFonts: false,
    fontFiles: ['', '-Bold'].map((style) => resolve(`dejavu-fonts-ttf/ttf/DejaVuSans${style}.ttf`)),
    defaultFontFamily: 'DejaVu Sans',
    sansSerifFamily: 'DejaVu Sans',
  };
  const fitTo = { mode: 'zoom', value: PIXELS } as const;
  return new Resvg(svg, { font, fitTo, background: 'white' }).render().asPng();
}

function page(svg: string, title: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head>
<body>
${svg}
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
