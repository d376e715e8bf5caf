// The machine's apt sources turned to another release of the same distribution.
import { readFileSync } from 'node:fs';
import { ToolError } from '../process.js';
import type { SourceFile } from './apt-sources.js';

/** The code name of the host's release. */
export function hostCodename(osRelease = readFileSync('/etc/os-release', 'utf8')): string {
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(osRelease)?.[1];
  if (codename === undefined) throw new ToolError('os-release', undefined, 'this system has no code name');
  return codename;
}

/** trixie-updates for bookworm-updates; undefined for suites of other names. */
function otherSuite(suite: string, codename: string, release: string): string | undefined {
  return suite === codename || suite.startsWith(`${codename}-`) ? release + suite.slice(codename.length) : undefined;
}

function convertStanza(stanza: string, codename: string, release: string): string | undefined {
  const suites = /^Suites:((?:.*)(?:\n[ \t].*)*)$/m.exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
  const others = suites.map((suite) => otherSuite(suite, codename, release)).filter((suite) => suite !== undefined);
  if (others.length === 0) return undefined;
  return stanza.replace(/^Suites:(?:.*)(?:\n[ \t].*)*$/m, `Suites: ${others.join(' ')}`).trimEnd();
}

function convertLine(line: string, codename: string, release: string): string | undefined {
  const [, start, suite, rest] = /^(deb (?:\[[^\]]*\] )?\S+ )(\S+)( .*)$/.exec(line) ?? [];
  const other = suite === undefined ? undefined : otherSuite(suite, codename, release);
  return other === undefined ? undefined : `${start}${other}${rest}`;
}

/** Of `own`, as convertSources() leaves them, those of the host's own release, for `release` instead. */
export function releaseSources(
  own: readonly SourceFile[],
  release: string,
  codename: string = hostCodename(),
): SourceFile[] {
  const converted = own.flatMap(({ name, text }) => {
    const isDeb822 = name.endsWith('.sources');
    const pieces = text
      .split(isDeb822 ? /\n\s*\n/ : '\n')
      .map((piece) => (isDeb822 ? convertStanza : convertLine)(piece, codename, release))
      .filter((piece) => piece !== undefined);
    return pieces.length === 0 ? [] : [{ name, text: `${pieces.join(isDeb822 ? '\n\n' : '\n')}\n` }];
  });
  if (converted.length > 0) return converted;
  throw new ToolError('apt-get', undefined, `no configured source has this machine's own release, ${codename}`);
}
