// Where Debian's backports are, judging by where the machine gets the rest of Debian from.
import type { SourceFile } from '../images/apt-sources.js';
import { ToolError } from '../process.js';

/** From the text of /etc/os-release. */
export function codenameFrom(osRelease: string): string {
  const codename = /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(osRelease)?.[1];
  if (codename === undefined) throw new ToolError('os-release', undefined, 'this system has no code name');
  return codename;
}

/** The same stanza (deb822) for the backports of `codename`; undefined when it is not about that release. */
function backportsStanza(stanza: string, codename: string): string | undefined {
  const suites = /^Suites:(.*)$/im.exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
  if (!suites.includes(codename)) return undefined;
  return stanza
    .replace(/^Suites:.*$/im, `Suites: ${codename}-backports`)
    .replace(/^Components:.*$/im, 'Components: main')
    .trimEnd();
}

/** The same line (one-line format) for the backports of `codename`. */
function backportsLine(line: string, codename: string): string | undefined {
  const match = /^(deb (?:\[[^\]]*\] )?\S+) (\S+) /.exec(line);
  return match?.[2] === codename ? `${match[1]} ${codename}-backports main` : undefined;
}

/** `own` as convertSources() leaves them, and the backports from the same archive as the release itself. */
export function addBackports(own: readonly SourceFile[], codename: string): SourceFile[] {
  for (const { name, text } of own) {
    const isDeb822 = name.endsWith('.sources');
    const pieces = text.split(isDeb822 ? /\n\s*\n/ : '\n');
    const convert = isDeb822 ? backportsStanza : backportsLine;
    const found = pieces.map((piece) => convert(piece, codename)).find((piece) => piece !== undefined);
    if (found === undefined) continue;
    return [...own, { name: `beeline-backports.${isDeb822 ? 'sources' : 'list'}`, text: `${found}\n` }];
  }
  throw new ToolError('apt-get', undefined, `no configured source has the release ${codename} itself`);
}
