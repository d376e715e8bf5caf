// Tokens: one for each role, made when the daemon first starts.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { writeFileAtomically } from '../atomic-file.js';
import { BeelineError, systemCode } from '../errors.js';
import { type Role, roles } from '../monitor/declare.js';
import { accepts } from '../monitor/validation.js';

const token = Type.String({ minLength: 32, maxLength: 256 });
const TokenFile = Type.Object({ view: token, control: token, admin: token });
export type Tokens = Static<typeof TokenFile>;

export function tokenPath(state: string): string {
  return join(state, 'tokens.json');
}

/** Throws BEELINE_E_STATE_FOLDER when there are none, or they cannot be read. */
export function readTokens(state: string): Tokens {
  const path = tokenPath(state);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const missing = systemCode(error) === 'ENOENT';
    throw new BeelineError(
      'BEELINE_E_STATE_FOLDER',
      missing
        ? { path: state, detail: 'it has no tokens yet', remedy: 'start the daemon once' }
        : { path: state, detail: 'its tokens cannot be read', remedy: 'ask as the user of the daemon' },
      error,
    );
  }
  if (accepts(TokenFile, value)) return value;
  throw new BeelineError('BEELINE_E_STATE_FOLDER', {
    path: state,
    detail: 'tokens.json is damaged',
    remedy: 'remove it; the daemon makes new ones when it starts',
  });
}

export function ensureTokens(state: string): Tokens {
  try {
    return readTokens(state);
  } catch (error) {
    if (!(error instanceof BeelineError) || systemCode(error.cause) !== 'ENOENT') throw error;
  }
  const make = () => randomBytes(32).toString('base64url');
  const tokens = { view: make(), control: make(), admin: make() };
  // Nobody else may read it at any time: the file is made under this mask.
  const mask = process.umask(0o077);
  try {
    writeFileAtomically(tokenPath(state), `${JSON.stringify(tokens, null, 2)}\n`);
  } finally {
    process.umask(mask);
  }
  chmodSync(tokenPath(state), 0o600);
  return tokens;
}

const digest = (text: string) => createHash('sha256').update(text).digest();

/** In a time that says nothing about how much of it was right. */
export function roleOf(tokens: Tokens, shown: string): Role | undefined {
  const given = digest(shown);
  let found: Role | undefined;
  for (const role of roles) if (timingSafeEqual(given, digest(tokens[role]))) found = role;
  return found;
}
