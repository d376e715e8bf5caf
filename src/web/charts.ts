// Live charts of one guest.
import uPlot from 'uplot';
import type { MonitorClient } from '../monitor/client.js';
import type { NoticeParams } from '../monitor/protocol.js';
import { colour, element } from './dom.js';
import { mostFrequent, type Rates, ratesBetween, short } from './rates.js';

const interval = 1;
/** Points of history: three minutes. */
const mostPoints = 180;
/** Seconds that a chart shows at least. */
const shortestSpan = 10;
const causesShown = 4;
const height = 96;

interface Line {
  readonly label: string;
  readonly values: (rates: Rates) => number;
}

const colours = ['--line-1', '--line-2', '--line-3', '--line-4'];

class Chart {
  readonly figure: HTMLElement;
  readonly #place = element('div', { class: 'plot' });
  readonly #legend = element('figcaption');
  readonly #title: string;
  readonly #format: (value: number) => string;
  readonly #top: number | undefined;
  #plot: uPlot | undefined;
  #shape = '';

  constructor(title: string, format: (value: number) => string, top?: number) {
    this.#title = title;
    this.#format = format;
    this.#top = top;
    this.figure = element('figure', { class: 'chart' }, this.#legend, this.#place);
  }

  draw(history: readonly Rates[], lines: readonly Line[]): void {
    const width = Math.max(120, this.#place.clientWidth);
    const shape = [lines.map(({ label }) => label).join(), colour('--text'), width].join('|');
    const data = [
      history.map(({ time }) => time),
      ...lines.map(({ values }) => history.map(values)),
    ] as uPlot.AlignedData;
    if (this.#plot === undefined || shape !== this.#shape) {
      this.#shape = shape;
      this.#plot?.destroy();
      const axis = {
        stroke: colour('--muted'),
        grid: { stroke: colour('--border'), width: 1 },
        ticks: { show: false },
      };
      const top = this.#top;
      this.#plot = new uPlot(
        {
          width,
          height,
          cursor: { show: false },
          legend: { show: false },
          padding: [6, 4, 0, 0],
          scales: {
            // Of a single point uPlot would show a day.
            x: {
              range: ({ data: [times] }, first, last) => {
                const end = times.at(-1) ?? last;
                return [Math.min(times[0] ?? first, end - shortestSpan), end];
              },
            },
            y: { range: (_plot, _low, high) => [0, top ?? Math.max(high * 1.1, 1e-3)] },
          },
          axes: [
            { ...axis, size: 18, space: 90, font: '10px system-ui', values: (_plot, ticks) => ticks.map(clock) },
            { ...axis, size: 46, space: 30, font: '10px system-ui', values: (_plot, ticks) => ticks.map(short) },
          ],
          series: [
            {},
            ...lines.map((_line, index) => ({
              stroke: colour(colours[index] ?? '--line-1'),
              width: 1.5,
              ...(lines.length === 1 && { fill: colour('--area') }),
              points: { show: false },
            })),
          ],
        },
        data,
        this.#place,
      );
    } else {
      this.#plot.setData(data);
    }
    const last = history.at(-1);
    this.#legend.replaceChildren(
      element('strong', {}, this.#title),
      ...lines.map(({ label, values }, index) =>
        element(
          'span',
          { class: `legend line-${index + 1}` },
          `${label} ${last === undefined ? '' : this.#format(values(last))}`.trim(),
        ),
      ),
    );
  }

  destroy(): void {
    this.#plot?.destroy();
  }
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

export class Charts {
  readonly element = element('section', { class: 'charts', 'aria-label': 'Charts' });
  readonly #client: MonitorClient;
  readonly #vm: string;
  readonly #speed = new Chart('Guest instructions', (value) => `${short(value * 1e6)}/s`);
  readonly #tiers = new Chart('Tiers', (value) => `${value.toFixed(1)} %`, 100);
  readonly #switches = new Chart('Switches', (value) => `${short(value)}/s`);
  readonly #misses = new Chart('TLB misses', (value) => `${short(value)}/s`);
  readonly #forget: () => void;
  readonly #observer: ResizeObserver;
  #history: Rates[] = [];
  #last: NoticeParams<'perf.sample'> | undefined;
  #subscription: number | undefined;
  #ended = false;

  constructor(client: MonitorClient, vm: string) {
    this.#client = client;
    this.#vm = vm;
    this.element.append(...this.#all.map(({ figure }) => figure));
    this.#forget = client.on('perf.sample', (sample) => this.#take(sample));
    this.#observer = new ResizeObserver(() => this.draw());
    this.#observer.observe(this.element);
    void this.#begin();
  }

  get #all(): Chart[] {
    return [this.#speed, this.#tiers, this.#switches, this.#misses];
  }

  async #begin(): Promise<void> {
    try {
      const { subscription } = await this.#client.call('perf.subscribe', { vm: this.#vm, interval });
      this.#subscription = subscription;
      if (this.#ended) await this.#client.call('perf.unsubscribe', { subscription });
    } catch {
      // The guest or the connection is gone: there is nothing to draw.
    }
  }

  #take(sample: NoticeParams<'perf.sample'>): void {
    if (sample.subscription !== this.#subscription) return;
    const before = this.#last;
    this.#last = sample;
    const rates = before === undefined ? undefined : ratesBetween(before, sample);
    if (rates === undefined) return;
    this.#history = [...this.#history.slice(1 - mostPoints), rates];
    this.draw();
  }

  draw(): void {
    const history = this.#history;
    this.#speed.draw(history, [{ label: '', values: ({ instructions }) => instructions }]);
    this.#tiers.draw(history, [
      { label: 'translated', values: ({ translatedShare }) => translatedShare },
      {
        label: 'interpreted',
        values: ({ translatedShare, instructions }) => (instructions === 0 ? 0 : 100 - translatedShare),
      },
    ]);
    const causes = mostFrequent(history, causesShown);
    this.#switches.draw(
      history,
      causes.map((cause) => ({ label: cause, values: ({ switches }) => switches[cause] ?? 0 })),
    );
    this.#misses.draw(history, [{ label: '', values: ({ tlbMisses }) => tlbMisses }]);
  }

  end(): void {
    this.#ended = true;
    this.#forget();
    this.#observer.disconnect();
    for (const chart of this.#all) chart.destroy();
    if (this.#subscription === undefined) return;
    this.#client.call('perf.unsubscribe', { subscription: this.#subscription }).catch(() => undefined);
  }
}
