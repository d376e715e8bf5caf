// Brings a clone to the point where a goal can be reached, doing only what is missing. Needs nothing but Node: it runs
// before anything is installed.
//   node scripts/setup.mjs native|gyp|build|demo|bench|test
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync, symlinkSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fingerprint, readStamp, removeStamp, writeStamp } from './fingerprint.mjs';
import { buildPackages, crossPackages, testPackages } from './packages.mjs';
import { StepError, step, tool } from './progress.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const at = (...path) => join(root, ...path);
const jobs = String(availableParallelism());

function checkHost() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major < 20) throw new StepError(`Node ${process.version} is too old; install Node 20 or newer`);
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new StepError(`${process.platform} on ${process.arch} is not supported; use Linux on x86-64`);
  }
}

/** Those of `packages` that dpkg does not know as installed; undefined when there is no dpkg. */
export function missingPackages(packages) {
  const query = spawnSync('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n', ...packages], {
    encoding: 'utf8',
  });
  if (query.error !== undefined) return undefined;
  const installed = new Set(
    query.stdout
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, status]) => status === 'installed')
      .map(([name]) => name),
  );
  return packages.filter((name) => !installed.has(name));
}

/** The words before apt-get that make it work: none as root, sudo when it asks no password; undefined otherwise. */
export function privilege() {
  if (process.getuid() === 0) return [];
  return spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0 ? ['sudo', '-n'] : undefined;
}

export async function installPackages(packages) {
  const missing = missingPackages(packages);
  if (missing === undefined) {
    throw new StepError(
      `this is not Debian; install what Debian calls ${packages.join(' ')}, then see CONTRIBUTING.md`,
    );
  }
  if (missing.length === 0) return;
  const prefix = privilege();
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', ...missing];
  if (prefix === undefined) {
    const line = `apt-get update && ${install.join(' ')}`;
    throw new StepError(`Debian packages are missing; as root, run: ${line}`);
  }
  await step(`Install ${missing.join(' ')}`, async (report) => {
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    const apt = ([command, ...args]) => tool(command, args, { report, env });
    await apt([...prefix, 'apt-get', 'update']);
    await apt([...prefix, ...install]);
  });
}

async function installModules() {
  const stamp = at('node_modules', '.beeline-stamp');
  const wanted = fingerprint([at('package-lock.json'), at('.npmrc')], [process.version]);
  if (readStamp(stamp) === wanted) return;
  await step('Install npm modules', async (report) => {
    removeStamp(stamp);
    const npm = process.env.npm_execpath;
    const args = ['ci', '--no-audit', '--no-fund'];
    // The scripts of dependencies are not needed, and ours must not run from here.
    if (npm === undefined) await tool('npm', [...args, '--ignore-scripts'], { report, cwd: root });
    else await tool(process.execPath, [npm, ...args, '--ignore-scripts'], { report, cwd: root });
    writeStamp(stamp, wanted);
  });
}

function nativeInputs(tests) {
  return [at('native'), at('package-lock.json'), ...(tests ? [at('test', 'native'), at('test', 'differential')] : [])];
}

/** By cmake-js; with `tests`, the native tests and tools too. */
async function buildNative(tests) {
  const stamp = at('build', 'native', '.beeline-stamp');
  const plain = `addon ${fingerprint(nativeInputs(false))}`;
  const whole = `tests ${fingerprint(nativeInputs(true))} ${plain}`;
  const present = existsSync(at('build', 'native', 'Release', 'beeline.node'));
  const built = readStamp(stamp);
  if (present && (built === whole || (!tests && built.endsWith(plain)))) return;
  await step(tests ? 'Build the native core and its tests' : 'Build the native core', async (report) => {
    removeStamp(stamp);
    const cmakeJs = at('node_modules', 'cmake-js', 'bin', 'cmake-js');
    const common = ['--directory', at('native'), '--out', at('build', 'native'), '--config', 'Release'];
    const configure = ['configure', ...common, '--prefer-make', `--CDBEELINE_TESTS=${tests ? 'ON' : 'OFF'}`];
    await tool(process.execPath, [cmakeJs, ...configure], { report, cwd: root });
    await tool(process.execPath, [cmakeJs, 'build', ...common, '--parallel', jobs], { report, cwd: root });
    writeStamp(stamp, tests ? whole : plain);
  });
}

/** By node-gyp, from the same list of sources, with the headers that belong to this Node. */
async function buildGyp() {
  const nodedir = join(dirname(process.execPath), '..');
  if (!existsSync(join(nodedir, 'include', 'node', 'node_api.h'))) {
    throw new StepError(
      `${nodedir}/include/node has no headers; install Node with its headers, as its archives have them`,
    );
  }
  await step('Build the native core with node-gyp', async (report) => {
    const gyp = at('node_modules', 'node-gyp', 'bin', 'node-gyp.js');
    const args = [gyp, 'configure', 'build', '--release', `--nodedir=${nodedir}`, `--jobs=${jobs}`];
    await tool(process.execPath, args, { report, cwd: root });
  });
}

async function compileTypeScript() {
  const stamp = at('dist', '.beeline-stamp');
  const wanted = fingerprint([at('src'), at('test'), at('tsconfig.json'), at('package-lock.json')]);
  if (readStamp(stamp) === wanted) return;
  await step('Compile TypeScript', async (report) => {
    // Whole, so that nothing stays of sources that are gone.
    rmSync(at('dist'), { recursive: true, force: true });
    const tsc = at('node_modules', 'typescript', 'bin', 'tsc');
    await tool(process.execPath, [tsc, '-p', root], { report, cwd: root });
    await tool(process.execPath, [tsc, '-p', at('src', 'web')], { report, cwd: root });
    await tool(process.execPath, [at('scripts', 'build-web.mjs')], { report, cwd: root });
    writeStamp(stamp, wanted);
  });
}

/** Lets npx find this project's own command, as it finds those of modules. */
function linkCommand() {
  const link = at('node_modules', '.bin', 'beeline');
  chmodSync(at('dist', 'src', 'cli', 'main.js'), 0o755);
  if (existsSync(link)) return;
  rmSync(link, { force: true });
  symlinkSync('../../dist/src/cli/main.js', link);
}

/** The command line knows whether there is anything to do, and shows it. */
function buildImages(names) {
  const cli = at('dist', 'src', 'cli', 'main.js');
  const { status } = spawnSync(process.execPath, [cli, 'image', 'build', ...names], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new StepError(`the guest images ${names.join(', ')} could not be built`);
}

const goals = {
  native: async () => {
    await installPackages(buildPackages);
    await installModules();
    await buildNative(false);
  },
  gyp: async () => {
    await installPackages([...buildPackages, 'python3']);
    await installModules();
    await buildGyp();
  },
  build: async () => {
    await goals.native();
    await compileTypeScript();
    linkCommand();
  },
  demo: async () => {
    await goals.build();
    buildImages(['debian-busybox']);
  },
  bench: async () => {
    await installPackages([...buildPackages, ...crossPackages]);
    await goals.demo();
  },
  test: async () => {
    await installPackages([...buildPackages, ...testPackages]);
    await installModules();
    await buildNative(true);
    await compileTypeScript();
    linkCommand();
    buildImages(['debian-busybox', 'debian-generic', 'bare']);
  },
};

async function main(name) {
  const goal = goals[name];
  if (goal === undefined) throw new StepError(`unknown goal ${name}; choose ${Object.keys(goals).join(', ')}`);
  checkHost();
  await goal();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.on('SIGINT', () => process.exit(130));
  process.on('SIGTERM', () => process.exit(143));
  main(process.argv[2] ?? 'build').catch((error) => {
    if (error.output) process.stderr.write(`${error.output.trimEnd().split('\n').slice(-60).join('\n')}\n`);
    process.stderr.write(`setup: ${error instanceof StepError ? error.message : error.stack}\n`);
    process.exit(1);
  });
}
