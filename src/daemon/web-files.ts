// The files of the web console, and the policy that its page is held to.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../paths.js';

const types: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'main.js': 'text/javascript; charset=utf-8',
  'main.css': 'text/css; charset=utf-8',
};

/** Everything comes from the daemon itself. The terminal makes style sheets of its own: they carry the page's nonce. */
function policy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

export interface WebFile {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export class WebFiles {
  readonly #bodies: ReadonlyMap<string, string>;

  constructor(folder = join(projectRoot, 'dist', 'web')) {
    const present = Object.keys(types).filter((name) => existsSync(join(folder, name)));
    this.#bodies = new Map(present.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  }

  /** undefined: the console has no such file. */
  get(path: string): WebFile | undefined {
    const name = path === '/' ? 'index.html' : path.slice(1);
    const body = this.#bodies.get(name);
    if (body === undefined) return undefined;
    const nonce = randomBytes(16).toString('base64');
    return {
      body: name === 'index.html' ? body.replace('NONCE', nonce) : body,
      headers: {
        'content-type': types[name] ?? '',
        'content-security-policy': policy(nonce),
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      },
    };
  }
}
