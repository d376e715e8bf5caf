// A report as a comment on a pull request: the verdicts, and all the rest folded.
import { ablationSections } from './ablation-chart.js';
import {
  changeTable,
  comparisonTable,
  failureList,
  heading,
  page,
  phaseTable,
  repeatabilityTable,
} from './markdown.js';
import type { Report } from './report.js';
import { headName } from './result.js';
import { overall } from './verdict.js';

/** A body that is empty is left out. Markdown inside needs empty lines around it. */
function folded(title: string, body: string): string {
  return body === '' ? '' : `<details><summary>${title}</summary>\n\n${body.trimEnd()}\n\n</details>\n`;
}

export function markdownReport(report: Report): string {
  const { result, base, metric, judged, shown, series, changes, ablation } = report;
  const titles = { base: base ?? '', head: headName };
  const verdict = judged.length === 0 ? '' : `: ${overall(judged.map((one) => one.verdict))}`;
  return page([
    ['', `### Beeline ${metric}${verdict}`],
    ['', judged.length === 0 ? '' : comparisonTable(judged, titles, true)],
    ['', failureList(result)],
    ['', folded('What was measured', heading(result))],
    ['', shown.length === 0 ? '' : folded('Other measures', comparisonTable(shown, titles, false))],
    ['', result.purpose === 'ablation' ? '' : folded('Phases', phaseTable(result))],
    ['', folded('The same to the instruction', repeatabilityTable(result))],
    ['', folded('Changes in the history of this machine', changeTable(series, changes))],
    ...(ablation === undefined ? [] : ablationSections(ablation, metric)).map(
      ([title, body]) => ['', folded(title, body)] as const,
    ),
  ]);
}
