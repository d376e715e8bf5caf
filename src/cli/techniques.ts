/** What `--disable` takes, in the order of native/translate/techniques.h, which says what each of them is. */
export const techniqueNames = [
  'home-registers',
  'flags-in-host',
  'flag-look-ahead',
  'flag-probe',
  'site-cache',
  'probe-grouping',
  'block-linking',
  'cross-page-linking',
  'indirect-table',
  'system-batching',
  'superblocks',
  'vector-write-back',
] as const;
