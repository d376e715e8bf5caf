// Shell completions, generated from the commands themselves.
import type { Command, Option } from 'commander';
import { BeelineError, ExitStatus } from '../errors.js';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

interface Word {
  readonly text: string;
  readonly description: string;
}

interface Context {
  /** Subcommands typed so far, joined by spaces; empty for `beeline` itself. */
  readonly path: string;
  readonly words: readonly Word[];
  readonly options: readonly Option[];
  /** Whether names of images may follow. */
  readonly images: boolean;
  /** Whether names of files may follow. */
  readonly files: boolean;
}

function contexts(command: Command, path: string[] = []): Context[] {
  const visible = command.createHelp().visibleCommands(command);
  const options = command.createHelp().visibleOptions(command);
  const images = command.registeredArguments.some((argument) => /^(image|name)/i.test(argument.name()));
  const files = command.registeredArguments.some((argument) => argument.name() === 'FILE');
  const own: Context = {
    path: path.join(' '),
    words: [
      ...visible.map((sub) => ({ text: sub.name(), description: sub.summary() || sub.description() })),
      ...command.registeredArguments.flatMap((argument) =>
        (argument.argChoices ?? []).map((choice) => ({ text: choice, description: argument.description })),
      ),
      ...options.map((option) => ({ text: option.long ?? option.short ?? '', description: option.description })),
    ],
    options,
    images,
    files,
  };
  return [
    own,
    ...visible.filter((sub) => sub.name() !== 'help').flatMap((sub) => contexts(sub, [...path, sub.name()])),
  ];
}

function isFileOption(option: Option): boolean {
  return option.required && /FILE|PATH/.test(option.flags);
}

function optionsOf(all: readonly Context[], wanted: (option: Option) => boolean): Map<string, Option> {
  const found = new Map<string, Option>();
  for (const option of all.flatMap((context) => context.options)) {
    if (option.long !== undefined && option.long !== null && wanted(option)) found.set(option.long, option);
  }
  return found;
}

const listNames = 'beeline image list --names 2>/dev/null';

function bash(all: readonly Context[]): string {
  const files = [...optionsOf(all, isFileOption).keys()];
  const choices = [...optionsOf(all, (option) => option.argChoices !== undefined)];
  const cases = all.map(({ path, words, images, files }) => {
    const list = words.map((word) => word.text).join(' ');
    return `    '${path}') words='${list}'${images ? `; words+=" $(${listNames})"` : ''}${files ? '; files=yes' : ''} ;;`;
  });
  return `# bash completion for beeline: source <(beeline completion bash)
_beeline() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path='' word words='' files=''
  COMPREPLY=()
  case "$previous" in
    ${files.join('|')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
${choices.map(([long, option]) => `    ${long}) COMPREPLY=($(compgen -W '${option.argChoices?.join(' ')}' -- "$current")); return ;;`).join('\n')}
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${all
  .filter(({ path }) => path !== '')
  .map(({ path }) => `      ${path.includes(' ') ? `'${path}'` : `' ${path}'`}) path='${path}' ;;`)
  .join('\n')}
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ -z "$files" ] || COMPREPLY+=($(compgen -f -- "$current"))
}
complete -o filenames -F _beeline beeline
`;
}

function quoted(text: string): string {
  return text.replaceAll("'", "'\\''");
}

function zsh(all: readonly Context[]): string {
  const files = [...optionsOf(all, isFileOption).keys()];
  const choices = [...optionsOf(all, (option) => option.argChoices !== undefined)];
  const cases = all.map(({ path, words, images, files }) => {
    const list = words.map((word) => `'${quoted(`${word.text.replaceAll(':', '\\:')}:${word.description}`)}'`);
    return `    '${path}')\n      words_=(${list.join('\n        ')})${images ? `\n      images_=(\${(f)"$(${listNames})"})` : ''}${files ? '\n      files_=yes' : ''} ;;`;
  });
  return `#compdef beeline
# zsh completion for beeline: source <(beeline completion zsh)
_beeline() {
  local -a words_ images_
  local path_='' word_ files_=''
  case "\${words[CURRENT-1]}" in
    ${files.join('|')}) _files; return ;;
${choices.map(([long, option]) => `    ${long}) compadd -- ${option.argChoices?.join(' ')}; return ;;`).join('\n')}
  esac
  for word_ in "\${(@)words[2,CURRENT-1]}"; do
    case "$path_ $word_" in
${all
  .filter(({ path }) => path !== '')
  .map(({ path }) => `      ${path.includes(' ') ? `'${path}'` : `' ${path}'`}) path_='${path}' ;;`)
  .join('\n')}
    esac
  done
  case "$path_" in
${cases.join('\n')}
  esac
  _describe 'beeline' words_
  (( \${#images_} )) && compadd -- "\${images_[@]}"
  [[ -z "$files_" ]] || _files
}
(( $+functions[compdef] )) && compdef _beeline beeline
`;
}

function fish(all: readonly Context[]): string {
  const lines = ['# fish completion for beeline: beeline completion fish | source', 'complete -c beeline -f'];
  for (const { path, words, options, images, files } of all) {
    const steps = path === '' ? [] : path.split(' ');
    const deeper = all
      .filter((other) => other.path.startsWith(path === '' ? '' : `${path} `) && other.path !== path)
      .map((other) => other.path.split(' ')[steps.length] ?? '');
    const conditions = steps.map((step) => `__fish_seen_subcommand_from ${step}`);
    if (deeper.length > 0) conditions.push(`not __fish_seen_subcommand_from ${[...new Set(deeper)].join(' ')}`);
    const when = conditions.length === 0 ? '' : ` -n '${conditions.join('; and ')}'`;
    for (const word of words) {
      if (word.text.startsWith('-')) continue;
      lines.push(`complete -c beeline${when} -a '${word.text}' -d '${quoted(word.description)}'`);
    }
    for (const option of options) {
      if (!option.long) continue;
      const values = option.argChoices === undefined ? '' : ` -x -a '${option.argChoices.join(' ')}'`;
      const argument = values || (isFileOption(option) ? ' -r -F' : option.required ? ' -x' : '');
      lines.push(`complete -c beeline${when} -l ${option.long.slice(2)}${argument} -d '${quoted(option.description)}'`);
    }
    if (files) lines.push(`complete -c beeline${when} -F`);
    if (images) lines.push(`complete -c beeline${when} -a '(${listNames})'`);
  }
  return `${lines.join('\n')}\n`;
}

const generators: Readonly<Record<Shell, (all: readonly Context[]) => string>> = { bash, zsh, fish };

export function completionScript(program: Command, shell: Shell): string {
  return generators[shell](contexts(program));
}

export function printCompletion(program: Command, name: string): number {
  const shell = shells.find((candidate) => candidate === name);
  if (shell === undefined) {
    throw new BeelineError('BEELINE_E_OPTION_VALUE', {
      option: 'SHELL',
      detail: `${name} is not known`,
      remedy: `choose ${shells.join(', ')}`,
    });
  }
  process.stdout.write(completionScript(program, shell));
  return ExitStatus.ok;
}
