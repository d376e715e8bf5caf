// The certificate that the daemon shows, and its key.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BeelineError, messageOf, systemCode } from '../errors.js';
import type { Config } from './config.js';

function readPem(option: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const detail = systemCode(error) ?? messageOf(error);
    throw new BeelineError('BEELINE_E_FILE_UNREADABLE', { option, path, detail }, error);
  }
}

/** Throws BEELINE_E_FILE_UNREADABLE, BEELINE_E_FILE_KIND or BEELINE_E_CONFIG. */
export function readCertificate(tls: NonNullable<Config['tls']>): { readonly cert: Buffer; readonly key: Buffer } {
  const cert = readPem('tls.cert', tls.cert);
  const key = readPem('tls.key', tls.key);
  const make = <T>(option: string, path: string, expected: string, action: () => T): T => {
    try {
      return action();
    } catch (error) {
      throw new BeelineError('BEELINE_E_FILE_KIND', { option, path, expected }, error);
    }
  };
  const expectedKey = 'a private key in PEM without a passphrase';
  const first = make('tls.cert', tls.cert, 'a certificate in PEM', () => new X509Certificate(cert));
  const keyObject: KeyObject = make('tls.key', tls.key, expectedKey, () => createPrivateKey(key));
  if (!first.checkPrivateKey(keyObject)) {
    const detail = `${tls.key} is not the key of the certificate ${tls.cert}`;
    throw new BeelineError('BEELINE_E_CONFIG', { path: 'tls', detail });
  }
  return { cert, key };
}
