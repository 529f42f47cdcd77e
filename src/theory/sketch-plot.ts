import type { TopLevelSpec } from 'vega-lite';
import { mostImportant } from './micro-error.ts';
import type { SketchReport, SketchResult } from './sketch.ts';

/** A point of the plot. */
interface PlotPoint {
  readonly panel: string;
  readonly series: string;
  readonly memorySize: number;
  readonly error: number;
  readonly bound: boolean;
}

const PANEL = {
  worst: 'Macro error, largest over all x, y',
  random: 'Macro error, median over random x, y',
  micro: 'Micro error, median over the most important rows',
} as const;

/** Error against memory, one panel a measure, both axes logarithmic; what the theorems promise is dashed. */
export function sketchPlot(report: SketchReport, title: string): TopLevelSpec {
  const points = plotPoints(report);
  const panels = Object.values(PANEL).filter((panel) => points.some((point) => point.panel === panel));
  const layer = (bound: boolean) => ({
    transform: [{ filter: `datum.bound === ${bound}` }],
    mark: bound
      ? { type: 'line' as const, strokeDash: [5, 4], strokeWidth: 1.5 }
      : { type: 'line' as const, point: { size: 28 }, strokeWidth: 1.5 },
  });
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: title, anchor: 'start' },
    background: 'white',
    data: { values: points.map((point) => ({ ...point })) },
    columns: 2,
    concat: panels.map((panel) => ({
      title: { text: panel, fontSize: 11, fontWeight: 'normal' as const },
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
          sort: null,
          legend: { title: null, symbolType: 'stroke' as const },
          scale: { scheme: 'tableau20' as const },
        },
      },
      layer: [layer(false), layer(true)],
    })),
  };
}

function plotPoints({ results }: SketchReport): PlotPoint[] {
  const points = results.flatMap((result) => {
    const { memorySize, macro, micro } = result;
    const of = (panel: string, error: number): PlotPoint => ({
      panel,
      series: seriesName(result),
      memorySize,
      error,
      bound: false,
    });
    const important = micro.slice(mostImportant(micro)).slice(0, 1);
    return [
      of(PANEL.worst, macro.worst),
      of(PANEL.random, macro.random.p50),
      ...important.map(({ worst }) => of(PANEL.micro, worst.p50)),
    ];
  });
  const sizes = new Map(results.map((result) => [result.memorySize, result.bounds]));
  const bounds = [...sizes].flatMap(([memorySize, { macro, macroGaussian }]): PlotPoint[] => [
    ...(macro === null
      ? []
      : [{ panel: PANEL.worst, series: 'Theorem 6, any JLT', memorySize, error: macro, bound: true }]),
    {
      panel: PANEL.worst,
      series: 'Theorem 6, Gaussian',
      memorySize,
      error: macroGaussian,
      bound: true,
    },
  ]);
  // A logarithmic axis has no place for zero (a memory as large as the table).
  return [...points, ...bounds.sort((a, b) => a.memorySize - b.memorySize)].filter(({ error }) => error > 0);
}

/** The method, and the recovery where the method has several. */
export function seriesName({ method, recovery }: Pick<SketchResult, 'method' | 'recovery'>): string {
  return recovery === 'sketch' ? method : `${method}, mean`;
}
