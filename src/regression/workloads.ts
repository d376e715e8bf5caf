// Finds and checks workloads: bench/workloads/NAME/workload.yaml.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Value, ValueErrorType } from '@sinclair/typebox/value';
import { LineCounter, parseDocument } from 'yaml';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import { resolveRunnable } from '../images/ensure.js';
import { parseMemory } from '../memory-size.js';
import { projectRoot } from '../paths.js';
import { type Measure, measures, type WorkloadDefinition, WorkloadSchema } from './workload-schema.js';

export interface Workload extends WorkloadDefinition {
  /** The name of its folder. */
  readonly name: string;
}

const file = 'workload.yaml';
/** The tag of what runs only when it is selected. */
export const longTag = 'long';
/** Seconds that one phase may take. */
const usualTimeout = 120;

/** $BEELINE_WORKLOADS, or the project's own. */
export function workloadsFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.BEELINE_WORKLOADS || join(projectRoot, 'bench/workloads');
}

export function workloadNames(folder = workloadsFolder()): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => existsSync(join(folder, name, file)))
      .sort();
  } catch (error) {
    const detail = systemCode(error) ?? messageOf(error);
    throw new BeelineError('BEELINE_E_FILE_UNREADABLE', { option: 'BEELINE_WORKLOADS', path: folder, detail }, error);
  }
}

export function workloadPath(name: string, folder = workloadsFolder()): string {
  return join(folder, name, file);
}

/** Regular expressions of workloads. */
export function landmark(source: string): RegExp {
  return new RegExp(source, 'm');
}

function shapeProblems(value: unknown): string[] {
  const problems = new Map<string, string>();
  for (const error of Value.Errors(WorkloadSchema, value)) {
    const where = error.path === '' ? 'the document' : error.path;
    if (error.type === ValueErrorType.ObjectAdditionalProperties) problems.set(where, `${where} is unknown`);
    // Of several complaints about one place the first is the plainest.
    else if (!problems.has(where)) problems.set(where, `${where} is wrong (${error.message.toLowerCase()})`);
  }
  return [...problems.values()];
}

function attempt(where: string, check: () => unknown): string[] {
  try {
    check();
    return [];
  } catch (error) {
    return [`${where} is wrong (${messageOf(error)})`];
  }
}

/** What the schema cannot say. */
function meaningProblems(workload: WorkloadDefinition): string[] {
  const { image, memory, phases, never = [] } = workload;
  const regexes = [
    ...phases.flatMap(({ until, expect }, index): [string, string][] => [
      [`/phases/${index}/until`, until],
      ...(expect === undefined ? [] : ([[`/phases/${index}/expect`, expect]] as [string, string][])),
    ]),
    ...never.map((source, index): [string, string] => [`/never/${index}`, source]),
  ];
  const repeated = phases.findIndex(({ name }, index) => phases.findIndex((phase) => phase.name === name) < index);
  return [
    ...attempt('/image', () => resolveRunnable(image)),
    ...(memory === undefined ? [] : attempt('/memory', () => parseMemory(memory))),
    ...regexes.flatMap(([where, source]) => attempt(where, () => landmark(source))),
    ...(repeated < 0 ? [] : [`/phases/${repeated}/name is wrong (an earlier phase has that name)`]),
  ];
}

/** The text's document, or what is wrong with it, each problem a line. */
export function parseWorkload(text: string): WorkloadDefinition | readonly string[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return document.errors.map(({ message, pos }) => `line ${lines.linePos(pos[0]).line}: ${message}`);
  }
  let value: unknown;
  try {
    value = document.toJS();
  } catch (error) {
    // Aliases that would grow without bound.
    return [messageOf(error)];
  }
  const problems = shapeProblems(value);
  if (problems.length > 0) return problems;
  const definition = value as WorkloadDefinition;
  const further = meaningProblems(definition);
  return further.length > 0 ? further : definition;
}

/** What is wrong with the workload of that name; empty when nothing is. */
export function checkWorkload(name: string, folder = workloadsFolder()): readonly string[] {
  try {
    readWorkload(name, folder);
    return [];
  } catch (error) {
    if (!(error instanceof WorkloadError)) throw error;
    return error.problems;
  }
}

/** A workload that is not one, with every reason. */
class WorkloadError extends BeelineError {
  readonly problems: readonly string[];

  constructor(path: string, problems: readonly string[]) {
    super('BEELINE_E_WORKLOAD', { path, detail: problems.join('; ') });
    this.problems = problems;
  }
}

/** Throws BEELINE_E_WORKLOAD. */
export function readWorkload(name: string, folder = workloadsFolder()): Workload {
  const path = workloadPath(name, folder);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new WorkloadError(path, [systemCode(error) ?? messageOf(error)]);
  }
  const parsed = parseWorkload(text);
  if (Array.isArray(parsed)) throw new WorkloadError(path, parsed);
  return { ...(parsed as WorkloadDefinition), name };
}

export function patienceOf({ timeout = usualTimeout }: WorkloadDefinition): number {
  return timeout * 1000;
}

export function isMeasured(workload: WorkloadDefinition, measure: Measure): boolean {
  return (workload.measure ?? measures).includes(measure);
}

/**
 * Names and tags, in the order of the names; without any, all but those tagged long. Throws BEELINE_E_WORKLOAD_UNKNOWN,
 * and BEELINE_E_WORKLOAD for any that is selected and wrong.
 */
export function selectWorkloads(selection: readonly string[], folder = workloadsFolder()): Workload[] {
  const names = workloadNames(folder);
  // A folder's name says who is meant even when its file cannot be read; tags need the file.
  if (selection.length > 0 && selection.every((word) => names.includes(word))) {
    return names.filter((name) => selection.includes(name)).map((name) => readWorkload(name, folder));
  }
  const all = names.map((name) => readWorkload(name, folder));
  const tags = new Set(all.flatMap((workload) => workload.tags ?? []));
  const unknown = selection.find((word) => !names.includes(word) && !tags.has(word));
  if (unknown !== undefined) {
    throw new BeelineError('BEELINE_E_WORKLOAD_UNKNOWN', { name: unknown, known: [...names, ...tags].join(', ') });
  }
  return all.filter(({ name, tags: own = [] }) =>
    selection.length === 0
      ? !own.includes(longTag)
      : selection.includes(name) || own.some((tag) => selection.includes(tag)),
  );
}
