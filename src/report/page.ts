import { drawSvg } from '../plot/render-plot.ts';
import { PSS_VERSION } from '../version.ts';
import { type Figure, type Layout, NARROW, WIDE } from './figure.ts';
import { escapeHtml } from './html.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';

/** A part of the page: figures and tables under a heading. */
export interface Section {
  readonly heading: string;
  /** HTML */
  readonly content: string;
}

/** One page that holds all it needs: its rules let it load nothing. */
export function renderPage(title: string, introduction: string, sections: readonly Section[]): string {
  const parts = sections.map(
    ({ heading, content }) => `<section>\n<h2>${escapeHtml(heading)}</h2>\n${content}\n</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="generator" content="pss ${PSS_VERSION}">
<title>${escapeHtml(title)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p class="note">${escapeHtml(introduction)}</p>
${parts.join('\n')}
</main>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

/** A figure with its buttons; the style shows the drawing that suits the screen. */
export async function renderFigure(figure: Figure): Promise<string> {
  const { id, title, caption } = figure;
  const draw = async (layout: Layout, name: string) =>
    `<div class="${name}">${label(await drawSvg(figure.spec(layout)), title)}</div>`;
  const buttons = ['svg', 'png'].map(
    (type) => `<button type="button" data-type="${type}">${type.toUpperCase()}</button>`,
  );
  return `<figure id="${id}">
${await draw(WIDE, 'wide')}
${await draw(NARROW, 'narrow')}
<figcaption>${escapeHtml(caption)}</figcaption>
<div class="export">${buttons.join('')}</div>
</figure>`;
}

/** Names a drawing for those who don't see it. */
function label(svg: string, title: string): string {
  return svg.replace('<svg ', `<svg role="img" aria-label="${escapeHtml(title)}" `);
}
