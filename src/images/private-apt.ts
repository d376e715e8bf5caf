// Fetches Debian packages of another architecture without touching the host's dpkg: apt with all its state in a folder of
// ours. Signatures are checked as always, with the machine's keyrings.
import { mkdirSync, writeFileSync } from 'node:fs';
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
  readonly #folder: string;
  readonly #args: readonly string[];
  readonly #options: ToolOptions;

  private constructor(folder: string, architecture: string, { sources: _, status, ...options }: AptOptions) {
    this.#folder = folder;
    this.#options = options;
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
    const apt = new PrivateApt(folder, architecture, options);
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

  /** What installing these packages from a release would bring along, themselves included. */
  async plan(names: readonly string[], release: string): Promise<Pick<PackageRecord, 'name' | 'version'>[]> {
    const how = ['install', '--simulate', '--reinstall', '--no-install-recommends', '--target-release', release];
    const text = await this.#run('apt-get', [...how, ...names]);
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
