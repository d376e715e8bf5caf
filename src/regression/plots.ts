// Plots as SVG that needs no script. What they show stands in a table beside each, too.
import { scaleLinear, scaleLog, scaleTime } from 'd3-scale';
import { type Content, type Markup, tag } from './markup.js';

/** In units of the drawing; on screens it takes the width that there is. */
const width = 360;
const edge = { top: 8, right: 10, bottom: 24, left: 52 } as const;

export interface Plot {
  readonly title: string;
  /** For those who do not see it. */
  readonly description: string;
}

function drawing({ title, description }: Plot, height: number, ...content: readonly Content[]): Markup {
  return tag(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${title}. ${description}` },
    ...content,
  );
}

function label(x: number, y: number, anchor: 'start' | 'middle' | 'end', text: string): Markup {
  return tag('text', { x, y, 'text-anchor': anchor }, text);
}

function rule(kind: string, x1: number, y1: number, x2: number, y2: number): Markup {
  return tag('line', { class: kind, x1, y1, x2, y2 });
}

/** From somewhat below the lowest to somewhat above the highest. */
function reach(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low) * 0.08 || Math.abs(high) * 0.02 || 1;
  return [low - room, high + room];
}

interface Scale {
  (value: number): number;
  ticks(count: number): number[];
}

function horizontals(scale: Scale, format: (value: number) => string): Content {
  return scale
    .ticks(4)
    .map((value) => [
      rule('grid', edge.left, scale(value), width - edge.right, scale(value)),
      label(edge.left - 5, scale(value) + 3, 'end', format(value)),
    ]);
}

export interface TimePoint {
  readonly time: Date;
  readonly value: number;
  /** What it says to whom points at it. */
  readonly label: string;
}

export interface Level {
  /** Of the first and the last point. */
  readonly from: number;
  readonly to: number;
  readonly value: number;
}

/** Points over time; levels are what holds between changes, and a change is where one ends. */
export function timePlot(
  plot: Plot,
  points: readonly TimePoint[],
  levels: readonly Level[],
  format: (value: number) => string,
): Markup {
  const height = 170;
  const times = points.map(({ time }) => time.getTime());
  const x = scaleTime()
    .domain([new Date(Math.min(...times)), new Date(Math.max(...times, Math.min(...times) + 1))])
    .range([edge.left + 6, width - edge.right - 6]);
  const y = scaleLinear()
    .domain(reach(points.map(({ value }) => value)))
    .range([height - edge.bottom, edge.top]);
  const at = (index: number) => x(points[index]?.time ?? new Date(0));
  const days = (Math.max(...times) - Math.min(...times)) / 86_400_000;
  const clock = (time: Date) => {
    const text = time.toISOString();
    return days < 2 ? text.slice(11, 16) : text.slice(5, 10);
  };
  return drawing(
    plot,
    height,
    horizontals(y, format),
    x.ticks(4).map((time) => label(x(time), height - 8, 'middle', clock(time))),
    levels.slice(1).map(({ from }) => rule('change', at(from), edge.top, at(from), height - edge.bottom)),
    levels.map(({ from, to, value }) => rule('level', at(from), y(value), at(to), y(value))),
    points.map(({ time, value, label: words }) =>
      tag('circle', { class: 'mark', cx: x(time), cy: y(value), r: 3 }, tag('title', {}, words)),
    ),
  );
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Which of the colours. */
  readonly colour: number;
  readonly interval?: { readonly low: number; readonly high: number };
}

const barHeight = 15;

/** From zero, or on a logarithmic scale from 1, where nothing differs. */
export function barPlot(
  plot: Plot,
  bars: readonly Bar[],
  format: (value: number) => string,
  { isRatio = false }: { readonly isRatio?: boolean } = {},
): Markup {
  const left = 128;
  const right = width - 62;
  const ends = bars.flatMap(({ value, interval }) => [value, interval?.low ?? value, interval?.high ?? value]);
  const x = isRatio
    ? scaleLog()
        .domain([Math.min(0.98, ...ends), Math.max(1.02, ...ends)])
        .range([left, right])
    : scaleLinear()
        .domain([0, Math.max(...ends, 1e-9)])
        .range([left, right]);
  const from = x(isRatio ? 1 : 0);
  const height = bars.length * barHeight + 6;
  return drawing(
    plot,
    height,
    bars.map(({ label: words, value, colour, interval }, index) => {
      const y = index * barHeight + 3;
      const middle = y + barHeight / 2;
      const [start, end] = [Math.min(from, x(value)), Math.max(from, x(value))];
      return [
        label(left - 5, middle + 3, 'end', words),
        tag(
          'rect',
          {
            class: `mark fill-${colour}`,
            x: start,
            y: y + 2,
            width: Math.max(0.75, end - start),
            height: barHeight - 4,
          },
          tag('title', {}, `${words}: ${format(value)}`),
        ),
        interval === undefined ? [] : rule('interval', x(interval.low), middle, x(interval.high), middle),
        label(width - 4, middle + 3, 'end', format(value)),
      ];
    }),
    rule('axis', from, 0, from, height),
  );
}

export interface PairPoint {
  readonly base: number;
  readonly head: number;
  readonly label: string;
}

/** Points above the diagonal took longer than what they are compared with. */
export function scatterPlot(
  plot: Plot,
  titles: { readonly base: string; readonly head: string },
  points: readonly PairPoint[],
  format: (value: number) => string,
): Markup {
  const height = 230;
  const domain = reach(points.flatMap(({ base, head }) => [base, head]));
  const x = scaleLinear()
    .domain(domain)
    .range([edge.left, width - edge.right]);
  const y = scaleLinear()
    .domain(domain)
    .range([height - edge.bottom - 12, edge.top]);
  return drawing(
    plot,
    height,
    horizontals(y, format),
    x.ticks(4).map((value) => label(x(value), height - edge.bottom + 2, 'middle', format(value))),
    rule('change', x(domain[0]), y(domain[0]), x(domain[1]), y(domain[1])),
    points.map(({ base, head, label: words }) =>
      tag('circle', { class: 'mark', cx: x(base), cy: y(head), r: 3.5 }, tag('title', {}, words)),
    ),
    label(edge.left + 4, edge.top + 8, 'start', `${titles.head} ↑`),
    label(width - edge.right, height - 6, 'end', `${titles.base} →`),
  );
}
