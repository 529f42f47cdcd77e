import { colourScale, type Figure, type Layout, themed } from './figure.ts';
import { type Course, type CoursePoint, courseOf, type ReportRun } from './report-run.ts';

interface Axis {
  readonly id: 'samples' | 'time';
  readonly title: string;
  readonly format: string;
  readonly of: (point: CoursePoint) => number;
}

/** AUC and loss against samples and against time: the four figures of how runs went. */
export function courseFigures(runs: readonly ReportRun[], target: number | null): Figure[] {
  const courses = runs.map(({ name, history }) => ({ name, course: courseOf(history) }));
  const unit = timeUnit(Math.max(...courses.map(({ course }) => course.logLoss.at(-1)?.seconds ?? 0)));
  const axes: Axis[] = [
    { id: 'samples', title: 'samples seen', format: '~s', of: ({ samples }) => samples },
    {
      id: 'time',
      title: `training time, ${unit.name}`,
      format: ',~r',
      of: ({ seconds }) => seconds / unit.seconds,
    },
  ];
  const names = runs.map(({ name }) => name);
  return [
    ...axes.map(
      (axis): Figure => ({
        id: `auc-${axis.id}`,
        title: `AUC against ${axis.id}`,
        caption: `Each point is an evaluation.${target === null ? '' : ` The dashed line is the target, ${target.toFixed(4)}.`}`,
        spec: (layout) => {
          const evaluated = curve(
            valuesOf(courses, axis, ({ auc }) => auc),
            true,
          );
          const goal = target === null ? [] : [targetRule(target)];
          return chart(layout, names, axis, 'AUC', [evaluated, ...goal]);
        },
      }),
    ),
    ...axes.map(
      (axis): Figure => ({
        id: `loss-${axis.id}`,
        title: `Log loss against ${axis.id}`,
        caption: 'Points: evaluations. Pale lines: means of the training loss.',
        spec: (layout) =>
          chart(layout, names, axis, 'log loss', [
            curve(
              valuesOf(courses, axis, ({ trainingLoss }) => trainingLoss),
              false,
            ),
            curve(
              valuesOf(courses, axis, ({ logLoss }) => logLoss),
              true,
            ),
          ]),
      }),
    ),
  ];
}

interface Value {
  readonly run: string;
  readonly x: number;
  readonly y: number;
}

function valuesOf(
  courses: readonly { name: string; course: Course }[],
  axis: Axis,
  pick: (course: Course) => readonly CoursePoint[],
): Value[] {
  return courses.flatMap(({ name, course }) =>
    pick(course).map((point) => ({ run: name, x: axis.of(point), y: point.value })),
  );
}

function curve(values: readonly Value[], strong: boolean) {
  return {
    data: { values },
    mark: strong
      ? { type: 'line', strokeWidth: 2, point: { size: 22, filled: true } }
      : { type: 'line', strokeWidth: 1, opacity: 0.4 },
  };
}

function targetRule(target: number) {
  return {
    data: { values: [{ target }] },
    mark: { type: 'rule', strokeDash: [5, 4], color: 'var(--muted)' },
    encoding: { y: { field: 'target', type: 'quantitative' }, x: null, color: null },
  };
}

function chart(
  layout: Layout,
  names: readonly string[],
  axis: Axis,
  title: string,
  layer: readonly object[],
) {
  const { width, height, legendColumns } = layout;
  const shared = {
    x: {
      field: 'x',
      type: 'quantitative',
      axis: { title: axis.title, format: axis.format, tickCount: width / 80 },
    },
    y: {
      field: 'y',
      type: 'quantitative',
      scale: { zero: false },
      axis: { title, format: ',~r', tickCount: 6 },
    },
    color: {
      field: 'run',
      type: 'nominal',
      sort: null,
      scale: colourScale(names),
      legend:
        names.length === 1 ? null : { title: null, orient: 'top', columns: legendColumns, symbolOpacity: 1 },
    },
  };
  return themed({
    width,
    height,
    layer: layer.map((each) => ({ ...each, encoding: 'encoding' in each ? each.encoding : shared })),
  });
}

function timeUnit(seconds: number): { name: string; seconds: number } {
  if (seconds > 2 * 3600) return { name: 'hours', seconds: 3600 };
  return seconds > 300 ? { name: 'minutes', seconds: 60 } : { name: 'seconds', seconds: 1 };
}
