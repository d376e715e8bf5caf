// Fetches Debian packages of another architecture without touching the host's dpkg: apt with all its state in a folder of
// ours. Signatures are checked as always, with the machine's keyrings.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool, ToolError, type ToolOptions } from '../process.js';
import { convertSources, machineSources, type SourceFile } from './apt-sources.js';

export interface FetchedPackage {
  readonly name: string;
  readonly version: string;
  readonly file: string;
}

export interface PackageRecord {
  readonly name: string;
  readonly version: string;
  /** Names of the packages it depends on, first alternatives only. */
  readonly depends: readonly string[];
}

export interface AptOptions extends ToolOptions {
  /** Changes the machine's own sources before they are used. */
  readonly sources?: (own: SourceFile[]) => SourceFile[];
  /** dpkg's file of the packages that count as installed; none do otherwise. */
  readonly status?: string;
}

/** How many packages come between two reports. */
const reportInterval = 25;

/** Reads the first stanza of `apt-cache show`. */
export function parseRecord(text: string): PackageRecord | undefined {
  const stanza = text.split(/\n\n/)[0] ?? '';
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(stanza)?.[1]?.trim();
  const name = field('Package');
  const version = field('Version');
  if (name === undefined || version === undefined) return undefined;
  const depends = (field('Depends') ?? '')
    .split(',')
    .map((item) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(item)?.[1])
    .filter((item) => item !== undefined);
  return { name, version, depends };
}

export class PrivateApt {
  /** What it reads, after all conversions. */
  readonly sources: readonly SourceFile[];
  readonly #folder: string;
  readonly #args: readonly string[];
  readonly #options: ToolOptions;

  private constructor(folder: string, architecture: string, sources: readonly SourceFile[], options: AptOptions) {
    const { sources: _, status, ...toolOptions } = options;
    this.sources = sources;
    this.#folder = folder;
    this.#options = toolOptions;
    const settings = {
      'APT::Architecture': architecture,
      'APT::Architectures': architecture,
      'Dir::State': join(folder, 'state'),
      'Dir::State::status': status ?? join(folder, 'state/status'),
      'Dir::Cache': join(folder, 'cache'),
      'Dir::Etc::sourcelist': join(folder, 'etc/sources.list'),
      'Dir::Etc::sourceparts': join(folder, 'etc/sources.list.d'),
      // Our folder may lie below a home that the user _apt cannot enter.
      'APT::Sandbox::User': '',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '2',
    };
    this.#args = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  }

  /** Prepares the folder and reads the package lists. */
  static async open(folder: string, architecture: string, options: AptOptions = {}): Promise<PrivateApt> {
    for (const path of ['state/lists/partial', 'cache/archives/partial', 'etc/sources.list.d', 'packages']) {
      mkdirSync(join(folder, path), { recursive: true });
    }
    writeFileSync(join(folder, 'state/status'), '');
    const shell = ['shell', 'list', 'Dir::Etc::sourcelist/f', 'parts', 'Dir::Etc::sourceparts/d'];
    const paths = await runTool('apt-config', shell, options);
    const path = (name: string) => new RegExp(`^${name}='(.*)'$`, 'm').exec(paths)?.[1] ?? '';
    const own = convertSources(machineSources(path('list'), path('parts')));
    const sources = options.sources?.(own) ?? own;
    if (sources.length === 0) throw new ToolError('apt-get', undefined, 'this machine has no apt sources configured');
    for (const { name, text } of sources) {
      writeFileSync(join(folder, name === 'sources.list' ? 'etc/sources.list' : `etc/sources.list.d/${name}`), text);
    }
    const apt = new PrivateApt(folder, architecture, sources, options);
    // A source that fails (a vendor's archive that is down) does not matter as long as the packages are found.
    await apt.#run('apt-get', ['update', '--quiet', '--error-on=any']).catch((error: unknown) => {
      if (!(error instanceof ToolError)) throw error;
      apt.#updateError = error;
    });
    return apt;
  }

  #updateError: ToolError | undefined;

  #run(command: string, args: readonly string[], options: ToolOptions = {}): Promise<string> {
    return runTool(command, [...this.#args, ...args], { ...this.#options, ...options });
  }

  /** The newest version that apt would install. */
  async show(name: string): Promise<PackageRecord> {
    const text = await this.#run('apt-cache', ['show', '--no-all-versions', name]).catch((error: unknown) => {
      if (error instanceof ToolError) return '';
      throw error;
    });
    const record = parseRecord(text);
    if (record !== undefined) return record;
    throw this.#updateError ?? new ToolError('apt-get', undefined, `no configured source has the package ${name}`);
  }

  /** What installing these packages would bring along, themselves included; patterns of apt's are names too. */
  async plan(names: readonly string[], release?: string): Promise<Pick<PackageRecord, 'name' | 'version'>[]> {
    const how = ['install', '--simulate', '--reinstall', '--no-install-recommends'];
    const target = release === undefined ? [] : ['--target-release', release];
    const text = await this.#run('apt-get', [...how, ...target, ...names]);
    return [...text.matchAll(/^Inst (\S+) (?:\[[^\]]*\] )?\((\S+)/gm)].map(([, name = '', version = '']) => ({
      name,
      version,
    }));
  }

  async download(record: Pick<PackageRecord, 'name' | 'version'>): Promise<FetchedPackage> {
    const cwd = join(this.#folder, 'packages', record.name);
    mkdirSync(cwd, { recursive: true });
    await this.#run('apt-get', ['download', '--quiet', `${record.name}=${record.version}`], { cwd });
    const list = await runTool('find', [cwd, '-name', '*.deb'], this.#options);
    const file = list.split('\n')[0] ?? '';
    if (file === '') throw new ToolError('apt-get', undefined, `the package ${record.name} did not arrive`);
    return { name: record.name, version: record.version, file };
  }

  /** All in one go; `report` hears how many are there. */
  async downloadAll(
    records: readonly Pick<PackageRecord, 'name' | 'version'>[],
    report: (text: string) => void,
  ): Promise<FetchedPackage[]> {
    const cwd = join(this.#folder, 'packages', '.all');
    mkdirSync(cwd, { recursive: true });
    let begun = 0;
    const onLine = (line: string) => {
      if (line.startsWith('Get:') && ++begun % reportInterval === 0) report(`${begun} of ${records.length}`);
    };
    const words = records.map(({ name, version }) => `${name}=${version}`);
    await this.#run('apt-get', ['download', '--quiet', ...words], { cwd, onLine });
    const files = readdirSync(cwd);
    return records.map(({ name, version }) => {
      // apt writes the colon of an epoch as %3a.
      const start = `${name}_${version.replaceAll(':', '%3a')}_`;
      const file = files.find((candidate) => candidate.startsWith(start));
      if (file === undefined) throw new ToolError('apt-get', undefined, `the package ${name} did not arrive`);
      return { name, version, file: join(cwd, file) };
    });
  }

  /** Unpacks the files that match tar's wildcards (no scripts are run) and returns the folder. */
  async unpack(fetched: FetchedPackage, wildcards: readonly string[]): Promise<string> {
    const target = join(this.#folder, 'unpacked', fetched.name);
    mkdirSync(target, { recursive: true });
    const pipeline =
      'set -o pipefail; deb=$1 target=$2; shift 2; dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$target" --wildcards "$@"';
    const members = wildcards.map((wildcard) => `./${wildcard}`);
    await runTool('bash', ['-c', pipeline, 'unpack', fetched.file, target, ...members], this.#options);
    return target;
  }
}
