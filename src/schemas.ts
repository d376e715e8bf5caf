// The schemas that are published as JSON under schemas/, for editors and other programs. `npm run schemas` writes them.
import { ResultsSchema } from './bench/results.js';
import { PerfDumpLineSchema } from './cli/perf-dump.js';
import { RunStatsSchema } from './cli/run-stats.js';
import { ConfigSchema } from './daemon/config.js';
import { ImageSchema } from './images/schema.js';
import { protocolSchema } from './monitor/schema.js';
import { RunResultSchema } from './regression/result.js';
import { WorkloadSchema } from './regression/workload-schema.js';

const draft = { $schema: 'https://json-schema.org/draft/2020-12/schema' };

export const schemas = {
  'bench-run.schema.json': { ...draft, ...RunResultSchema },
  'bench-results.schema.json': { ...draft, ...ResultsSchema },
  'daemon-config.schema.json': { ...draft, ...ConfigSchema },
  'image.schema.json': { ...draft, ...ImageSchema },
  'monitor.schema.json': protocolSchema(),
  'perf-dump.schema.json': { ...draft, ...PerfDumpLineSchema },
  'run-stats.schema.json': { ...draft, ...RunStatsSchema },
  'workload.schema.json': { ...draft, ...WorkloadSchema },
};
