/** What can be compared; smaller is better in all of them. */
export const metrics = ['wall', 'cpu', 'instructions', 'memory'] as const;
export type Metric = (typeof metrics)[number];
/** Quieter than wall time on machines that are shared. */
export const usualMetric: Metric = 'cpu';

export function quietMetric(icount: boolean): Metric {
  return icount ? 'instructions' : usualMetric;
}

/** Whether every run should measure the same. Without a metric: the quietest. */
export function isExact({ icount = false, metric = quietMetric(icount) }): boolean {
  return icount && metric === 'instructions';
}
