import type { TopLevelSpec } from 'vega-lite';

/** A figure of the report: drawn once for wide screens and once for phones, so that its letters are readable on both. */
export interface Figure {
  /** Names its file when exported. */
  readonly id: string;
  readonly title: string;
  /** What to look at, in a sentence. */
  readonly caption: string;
  readonly spec: (layout: Layout) => TopLevelSpec;
}

export interface Layout {
  /** Of the plotting area, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Columns of a legend. */
  readonly legendColumns: number;
}

export const WIDE: Layout = { width: 700, height: 300, legendColumns: 3 };
export const NARROW: Layout = { width: 268, height: 240, legendColumns: 1 };

/** As many colours as the page's style defines, for light and for dark. */
const COLOURS = 10;

/** The colour of series `i`: a variable of the page, so that a figure follows the reader's choice of light or dark. */
export function colour(i: number): string {
  return `var(--series-${i % COLOURS})`;
}

/** Colours of names, the same in all figures. */
export function colourScale(names: readonly string[]) {
  return { domain: [...names], range: names.map((_, i) => colour(i)) };
}

/** What all figures share. */
export function themed(spec: object): TopLevelSpec {
  const text = { labelColor: 'var(--muted)', titleColor: 'var(--ink)', labelFontSize: 12, titleFontSize: 12 };
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: null,
    padding: 4,
    ...spec,
    config: {
      font: 'system-ui, sans-serif',
      view: { stroke: null },
      axis: {
        ...text,
        titleFontWeight: 'normal',
        gridColor: 'var(--grid)',
        domainColor: 'var(--axis)',
        tickColor: 'var(--axis)',
        labelFlush: false,
      },
      legend: {
        ...text,
        labelColor: 'var(--ink)',
        labelLimit: 260,
        symbolStrokeWidth: 3,
        symbolType: 'stroke',
      },
      title: { color: 'var(--ink)', fontSize: 12, fontWeight: 'normal', anchor: 'start', frame: 'group' },
      text: { color: 'var(--ink)', fontSize: 12 },
    },
  } as object as TopLevelSpec;
}
