// --share: folders of the host's that a guest may mount.
import { BeelineError } from '../errors.js';
import type { Share } from '../native/addon.js';

function shareError(detail: string): BeelineError {
  const remedy = 'write it as PATH,tag=TAG[,readonly][,bus=mmio|pci], with ,, for a comma';
  return new BeelineError('BEELINE_E_OPTION_VALUE', { option: '--share', detail, remedy });
}

export function parseShare(text: string): Share {
  const [path = '', ...parts] = text
    .replaceAll(',,', '\0')
    .split(',')
    .map((part) => part.replaceAll('\0', ','));
  if (path === '') throw shareError('there is no folder');
  let share: Share = { path, tag: '', readonly: false };
  const seen = new Set<string>();
  for (const part of parts) {
    const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(part) ?? [];
    if (seen.has(name)) throw shareError(`${name} is given twice`);
    seen.add(name);
    if (name === 'tag' && value !== undefined && /^[!-~]{1,31}$/.test(value)) share = { ...share, tag: value };
    else if (name === 'readonly' && (value ?? 'on') === 'on') share = { ...share, readonly: true };
    else if (name === 'readonly' && value === 'off') continue;
    else if (name === 'bus' && (value === 'mmio' || value === 'pci')) share = { ...share, bus: value };
    else throw shareError(`${part === '' ? 'an empty option' : part} is not known`);
  }
  if (share.tag === '') throw shareError('there is no tag');
  return share;
}

/** The guest tells them apart by their tags. */
export function checkShares(shares: readonly Share[]): readonly Share[] {
  const tags = shares.map(({ tag }) => tag);
  const twice = tags.find((tag, index) => tags.indexOf(tag) !== index);
  if (twice !== undefined) throw shareError(`there are two folders with the tag ${twice}`);
  return shares;
}
