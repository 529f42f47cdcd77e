import type { TopLevelSpec } from 'vega-lite';
import { type MicroErrors, mostImportant } from './micro-error.ts';
import type { SketchReport, SketchResult } from './sketch.ts';

/** A point of the plot. */
interface PlotPoint {
  readonly panel: string;
  /** What the colour says: the method, or whose bound it is. */
  readonly series: string;
  /** What the dashes say. */
  readonly line: (typeof LINES)[number];
  readonly memorySize: number;
  readonly error: number;
}

const LINES = ['sketch', 'mean', 'bound'] as const;
const BOUNDS = { any: 'theorem, any JLT', gaussian: 'theorem, Gaussian' } as const;
/** The colours of Tableau 10, in an order in which neighbours differ most. */
const COLOURS = [
  '#4c78a8',
  '#f58518',
  '#54a24b',
  '#e45756',
  '#b279a2',
  '#72b7b2',
  '#9d755d',
  '#ff9da6',
  '#eeca3b',
];
const BOUND_COLOURS = ['#222222', '#888888'];

/** Error against memory, one panel a measure, both axes logarithmic; what the theorems promise is dashed. */
export function sketchPlot(report: SketchReport, title: string): TopLevelSpec {
  const points = plotPoints(report);
  const panels = [...new Set(points.map(({ panel }) => panel))];
  const methods = [...new Set(report.results.map(({ method }) => method))];
  const layer = (bound: boolean) => ({
    transform: [{ filter: `(datum.line === 'bound') === ${bound}` }],
    mark: { type: 'line' as const, strokeWidth: 1.5, ...(bound ? {} : { point: { size: 24 } }) },
  });
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: {
      text: title,
      subtitle:
        'solid: M = AᵀE;  dotted: the M whose table is nearest to E;  dashed: what Theorems 6 and 7 promise',
      anchor: 'start',
    },
    description: `Errors of the sketched table against the size of M, and the bounds of the theorems: ${title}`,
    background: 'white',
    // A description of every single mark would make the file several times larger.
    config: { aria: false },
    bounds: 'flush',
    spacing: 75,
    data: { values: points.map((point) => ({ ...point })) },
    columns: 2,
    concat: panels.map((panel) => ({
      title: { text: panel, fontSize: 11, fontWeight: 'normal' as const, anchor: 'start' as const },
      width: 340,
      height: 260,
      transform: [{ filter: { field: 'panel', equal: panel } }],
      encoding: {
        x: {
          field: 'memorySize',
          type: 'quantitative' as const,
          scale: { type: 'log' as const, nice: false },
          axis: { title: '|M| in floats', format: '~s', tickCount: 6 },
        },
        y: {
          field: 'error',
          type: 'quantitative' as const,
          scale: { type: 'log' as const },
          axis: { title: 'relative error', format: '~g', tickCount: 6 },
        },
        color: {
          field: 'series',
          type: 'nominal' as const,
          legend: { title: null, symbolType: 'stroke' as const },
          scale: {
            domain: [...methods, ...Object.values(BOUNDS)],
            range: [...methods.map((_, i) => COLOURS[i % COLOURS.length] as string), ...BOUND_COLOURS],
          },
        },
        strokeDash: {
          field: 'line',
          type: 'nominal' as const,
          // Vega-Lite draws no dashes in this legend; the subtitle says what they mean.
          legend: null,
          scale: {
            domain: [...LINES],
            range: [
              [1, 0],
              [2, 3],
              [6, 4],
            ],
          },
        },
      },
      layer: [layer(false), layer(true)],
    })),
  };
}

function plotPoints({ results }: SketchReport): PlotPoint[] {
  const micro = results[0]?.micro ?? [];
  const bin = mostImportant(micro);
  const panels = panelNames(micro[bin]);
  const errors = results.flatMap((result) => {
    const at = (panel: string, error: number): PlotPoint => ({
      panel,
      series: result.method,
      line: result.recovery,
      memorySize: result.memorySize,
      error,
    });
    return [
      at(panels.worst, result.macro.worst),
      at(panels.random, result.macro.random.p50),
      ...result.micro.slice(bin, bin + 1).map(({ worst }) => at(panels.micro, worst.p50)),
    ];
  });
  const sizes = new Map(results.map((result) => [result.memorySize, result.bounds]));
  const bounds = [...sizes].flatMap(([memorySize, bound]) => {
    const at = (panel: string, series: string, error: number | null | undefined): PlotPoint[] =>
      error == null ? [] : [{ panel, series, line: 'bound', memorySize, error }];
    return [
      ...at(panels.worst, BOUNDS.any, bound.macro),
      ...at(panels.worst, BOUNDS.gaussian, bound.macroGaussian),
      ...at(panels.micro, BOUNDS.any, bound.micro[bin]),
      ...at(panels.micro, BOUNDS.gaussian, bound.microGaussian[bin]),
    ];
  });
  // A logarithmic axis has no place for zero (a memory as large as the table).
  return [...errors, ...bounds].filter(({ error }) => error > 0);
}

function panelNames(bin: MicroErrors | undefined) {
  return {
    worst: 'Macro error, largest over all x and y',
    random: 'Macro error, median over random x and y',
    micro: `Micro error, largest over all x, median of the rows with ρ in (${short(bin?.rhoAbove)}, ${short(bin?.rhoUpTo)}]`,
  };
}

function short(value = 0): string {
  return String(Number(value.toPrecision(2)));
}

/** The method, and the recovery where the method has several. */
export function seriesName({ method, recovery }: Pick<SketchResult, 'method' | 'recovery'>): string {
  return recovery === 'sketch' ? method : `${method}, mean`;
}
