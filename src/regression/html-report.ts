// One page about a result and what was measured before on the same machine: no script, no network, for large and small
// screens. Each plot has a table beside it.
import { median } from 'simple-statistics';
import { ablationBars } from './ablation.js';
import { type ChangePointOptions, effectOf } from './change-points.js';
import { describeMachine } from './fingerprint.js';
import { type Content, escaped, type Markup, tag } from './markup.js';
import type { Metric } from './metrics.js';
import { barPlot, scatterPlot, timePlot } from './plots.js';
import type { Report } from './report.js';
import {
  doneRuns,
  failedRuns,
  headName,
  machinesOf,
  metricOf,
  type RunResult,
  valuesOf,
  workloadsOf,
} from './result.js';
import { changesIn, type Series } from './series.js';
import { amount, changeTable, comparisonTable, phaseTable, repeatabilityTable, share, type Table } from './tables.js';

const style = `
:root { color-scheme: light dark; --text: light-dark(#1c1e21, #e4e6ea); --back: light-dark(#fff, #16181c);
  --muted: light-dark(#5a6068, #a3a9b3); --line: light-dark(#d9dce1, #363b44); --a: light-dark(#1f63b5, #6cabf0);
  --b: light-dark(#a8470c, #f0a060); --c: light-dark(#2c7a36, #79c883); --bad: light-dark(#b01e28, #ff8a8f); }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); margin: 0 auto; padding: 1rem;
  max-width: 1400px; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } h3 { font-size: 1rem; margin: 0; }
a { color: var(--a); } nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; padding: 0; list-style: none; }
:focus-visible { outline: 2px solid var(--a); outline-offset: 2px; }
.plots { display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr)); }
figure { margin: 0; min-width: 0; } svg { display: block; width: 100%; height: auto; }
svg text { font: 10px system-ui, sans-serif; fill: var(--muted); }
.grid { stroke: var(--line); } .axis { stroke: var(--muted); } .level { stroke: var(--b); stroke-width: 2; }
.change { stroke: var(--muted); stroke-dasharray: 3 3; } .interval { stroke: var(--text); stroke-width: 1.5; }
.mark { fill: var(--a); } .fill-1 { fill: var(--b); } .fill-2 { fill: var(--c); }
.table { overflow-x: auto; margin-bottom: 1rem; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .875rem; }
th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
.right { text-align: right; } caption { text-align: left; color: var(--muted); }
summary { cursor: pointer; color: var(--muted); font-size: .875rem; }
.worse, .failed { color: var(--bad); font-weight: 600; } .better { color: var(--c); font-weight: 600; }`;

const colours = 3;

function tableOf({ columns, rows }: Table, caption: string): Markup {
  const align = (index: number) => (columns[index]?.align === 'right' ? { class: 'right' } : {});
  const cell = (text: string, index: number) =>
    tag('td', ['better', 'worse'].includes(text) ? { class: text } : align(index), text);
  return tag(
    'div',
    // What is too wide scrolls by keys, too.
    { class: 'table', tabindex: 0, role: 'region', 'aria-label': caption },
    tag(
      'table',
      {},
      tag('caption', {}, caption),
      tag(
        'thead',
        {},
        tag(
          'tr',
          {},
          columns.map(({ title }, index) => tag('th', { scope: 'col', ...align(index) }, title)),
        ),
      ),
      tag(
        'tbody',
        {},
        rows.map((row) => tag('tr', {}, row.map(cell))),
      ),
    ),
  );
}

/** Phones show the first columns. */
function verdictFirst({ columns, rows }: Table): Table {
  const moved = <T>([name, ...others]: readonly T[]) =>
    [name, others.at(-1), ...others.slice(0, -1)].filter((one) => one !== undefined);
  return { columns: moved(columns), rows: rows.map(moved) };
}

function figure(title: string, plot: Content, table: Table): Markup {
  const details = tag('details', {}, tag('summary', {}, 'As a table'), tableOf(table, title));
  return tag('figure', {}, tag('figcaption', {}, tag('h3', {}, title)), plot, details);
}

interface Section {
  readonly id: string;
  readonly title: string;
  readonly content: Content;
}

function seriesFigure({ workload, metric, icount, points }: Series, options: ChangePointOptions): Markup {
  const format = (value: number) => amount(metric, [value]);
  const changes = changesIn({ workload, metric, icount, points }, options);
  const starts = [0, ...changes.map(({ index }) => index)];
  const levels = starts.map((from, position) => {
    const to = (starts[position + 1] ?? points.length) - 1;
    return { from, to, value: median(points.slice(from, to + 1).map(({ value }) => value)) };
  });
  const told = changes.map((change) => {
    const since = points[change.index];
    return `${effectOf(change) > 0 ? '+' : ''}${share(effectOf(change))} since ${since?.revision ?? ''}`;
  });
  const title = `${workload}: ${metric}${icount ? ', --icount' : ''}`;
  const description = `${points.length} results, ${told.length === 0 ? 'no change' : told.join(', ')}`;
  const plot = timePlot(
    { title, description },
    points.map(({ startedAt, value, revision }) => ({
      time: new Date(startedAt),
      value,
      label: `${startedAt.slice(0, 16)}, ${revision}: ${format(value)}`,
    })),
    levels,
    format,
  );
  return figure(title, [plot, tag('p', {}, description)], {
    columns: [
      { title: 'measured', align: 'left' },
      { title: 'result', align: 'left' },
      { title: 'revision', align: 'left' },
      { title: metric, align: 'right' },
    ],
    rows: points.map(({ startedAt, id, revision, value }) => [startedAt.slice(0, 16), id, revision, format(value)]),
  });
}

function phaseFigure(result: RunResult, workload: string, metric: Metric): Markup | undefined {
  // A phase has no peak of memory of its own.
  const shown = metric === 'memory' ? 'wall' : metric;
  const format = (value: number) => amount(shown, [value]);
  const subjects = result.subjects.map(({ name }) => name);
  const runs = subjects.map((subject) => doneRuns(result, workload, subject));
  const phases = runs.find((some) => some.length > 0)?.[0]?.phases.map(({ name }) => name) ?? [];
  const bars = phases.flatMap((phase, index) =>
    subjects.flatMap((subject, place) => {
      const values = (runs[place] ?? [])
        .map(({ phases: own }) => (own[index] === undefined ? undefined : metricOf({ total: own[index] }, shown)))
        .filter((value) => value !== undefined);
      const label = subjects.length === 1 ? phase : `${phase}, ${subject}`;
      return values.length === 0 ? [] : [{ label, value: median(values), colour: place % colours }];
    }),
  );
  if (bars.length === 0) return undefined;
  const title = `${workload}: ${shown} by phase`;
  const description = bars.map(({ label, value }) => `${label} ${format(value)}`).join(', ');
  return figure(title, barPlot({ title, description }, bars, format), {
    columns: [
      { title: 'phase', align: 'left' },
      { title: `median ${shown}`, align: 'right' },
    ],
    rows: bars.map(({ label, value }) => [label, format(value)]),
  });
}

function pairFigure(result: RunResult, workload: string, base: string, metric: Metric): Markup | undefined {
  const format = (value: number) => amount(metric, [value]);
  const before = valuesOf(result, workload, base, metric);
  const points = [...valuesOf(result, workload, headName, metric)].flatMap(([pair, head]) => {
    const own = before.get(pair);
    if (own === undefined) return [];
    return [{ base: own, head, label: `pair ${pair + 1}: ${base} ${format(own)}, ${headName} ${format(head)}` }];
  });
  if (points.length === 0) return undefined;
  const title = `${workload}: ${metric} of each pair`;
  const above = points.filter((point) => point.head > point.base).length;
  const description = `${headName} needed more than ${base} in ${above} of ${points.length} pairs`;
  const plot = scatterPlot({ title, description }, { base, head: headName }, points, format);
  return figure(title, [plot, tag('p', {}, description)], {
    columns: [
      { title: base, align: 'right' },
      { title: headName, align: 'right' },
      { title: 'ratio', align: 'right' },
    ],
    rows: points.map(({ base: one, head }) => [format(one), format(head), (head / one).toFixed(3)]),
  });
}

function ablationFigure(result: RunResult, metric: Metric): Markup | undefined {
  const found = ablationBars(result, metric);
  if (found.length === 0) return undefined;
  const name = (text: string) => text.replace(/^without /, '');
  const format = (value: number) => `${value.toFixed(3)}×`;
  const title = `Times as much ${metric} without a technique`;
  const bars = found.map((one) => ({ label: name(one.name), value: one.ratio, colour: 0, interval: one.interval }));
  const description = bars.map(({ label, value }) => `${label} ${format(value)}`).join(', ');
  return figure(title, barPlot({ title, description }, bars, format, { isRatio: true }), {
    columns: [
      { title: 'switched off', align: 'left' },
      { title: 'ratio', align: 'right' },
      { title: '95 % interval', align: 'right' },
    ],
    rows: found.map(({ name: own, ratio, interval: { low, high } }) => [
      name(own),
      ratio.toFixed(3),
      `${low.toFixed(3)} to ${high.toFixed(3)}`,
    ]),
  });
}

function plots(figures: readonly (Markup | undefined)[]): Content {
  const drawn = figures.filter((one) => one !== undefined);
  return drawn.length === 0 ? [] : tag('div', { class: 'plots' }, drawn);
}

function about({ result }: Report): Content {
  const { environment, interrupted, icount, subjects } = result;
  return [
    tag(
      'p',
      {},
      `Result ${result.id}, ${environment.date}, machine ${machinesOf(result).map(describeMachine).join('; ')}.`,
    ),
    tag(
      'ul',
      {},
      subjects.map(({ name, revision, disabled }) =>
        tag('li', {}, `${name}: ${revision}${disabled.length === 0 ? '' : `, without ${disabled.join(', ')}`}`),
      ),
      icount ? tag('li', {}, 'guest time is counted in instructions') : [],
    ),
    interrupted ? tag('p', { class: 'failed' }, 'Interrupted: not everything was measured.') : [],
  ];
}

function failures(result: RunResult): Content {
  const failed = failedRuns(result);
  if (failed.length === 0) return [];
  return tag(
    'ul',
    {},
    failed.map(({ workload, subject, phase, kind, detail }) => {
      const where = [workload, subject, ...(phase === null ? [] : [phase])].join(', ');
      return tag('li', {}, `${where}: `, tag('span', { class: 'failed' }, kind), `, ${detail}`);
    }),
  );
}

function sections(report: Report): Section[] {
  const { result, base, metric, judged, shown, series, changes, ablation } = report;
  const workloads = result.purpose === 'ablation' ? [] : workloadsOf(result);
  const titles = { base: base ?? '', head: headName };
  const changed = changeTable(series, changes);
  const all: Section[] = [
    {
      id: 'verdicts',
      title: 'Verdicts',
      content: [
        judged.length === 0 ? [] : tableOf(verdictFirst(comparisonTable(judged, titles, true)), `Judged by ${metric}`),
        shown.length === 0 ? [] : tableOf(comparisonTable(shown, titles, false), 'Other measures'),
      ],
    },
    { id: 'failures', title: 'Failures', content: failures(result) },
    {
      id: 'same',
      title: 'The same to the instruction',
      content: result.icount ? tableOf(repeatabilityTable(result), 'Runs with the same instruction counts') : [],
    },
    {
      id: 'history',
      title: 'History of this machine',
      content: [
        changed.rows.length === 0 ? [] : tableOf(changed, 'Changes, the newest first'),
        plots(series.map((one) => seriesFigure(one, changes))),
      ],
    },
    {
      id: 'phases',
      title: 'Phases',
      content: [
        plots(workloads.map((workload) => phaseFigure(result, workload, metric))),
        workloads.length === 0 ? [] : tableOf(phaseTable(result), 'Medians of all measures'),
      ],
    },
    {
      id: 'pairs',
      title: 'Pairs',
      content: base === undefined ? [] : plots(workloads.map((workload) => pairFigure(result, workload, base, metric))),
    },
    {
      id: 'techniques',
      title: 'What techniques are worth',
      content: ablation === undefined ? [] : plots([ablationFigure(ablation, metric)]),
    },
  ];
  const isEmpty = (content: Content): boolean => Array.isArray(content) && content.every(isEmpty);
  return all.filter(({ content }) => !isEmpty(content));
}

/** The whole file. */
export function htmlReport(report: Report): string {
  const parts = sections(report);
  const policy = `default-src 'none'; style-src 'unsafe-inline'; img-src data:`;
  const metas = [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    // Otherwise browsers ask for one.
    '<link rel="icon" href="data:,">',
  ].join('');
  const body = tag(
    'body',
    {},
    tag(
      'header',
      {},
      tag('h1', {}, 'Performance of Beeline'),
      about(report),
      tag(
        'nav',
        { 'aria-label': 'Sections' },
        tag(
          'ul',
          {},
          parts.map(({ id, title }) => tag('li', {}, tag('a', { href: `#${id}` }, title))),
        ),
      ),
    ),
    tag(
      'main',
      {},
      parts.map(({ id, title, content }) =>
        tag('section', { 'aria-labelledby': id }, tag('h2', { id }, title), content),
      ),
    ),
  );
  const title = escaped(`Beeline: ${report.result.id}`);
  const head = `<head>${metas}<title>${title}</title><style>${style}</style></head>`;
  return `<!doctype html>\n<html lang="en">${head}${body.text}</html>\n`;
}
