import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import {
  type ConfigFile,
  checkConfig,
  gatherConfig,
  isLoopback,
  printConfig,
  tcpAddress,
} from '../../src/daemon/config.js';
import { beeline } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';
import { throwsCode } from '../support/throws.js';

describe("the daemon's configuration", () => {
  const folder = new TemporaryFolder();

  function write(text: string): string {
    writeFileSync(folder.at('beeline.toml'), text);
    return folder.at('beeline.toml');
  }

  const gather = (file: string | undefined, flags: ConfigFile = {}, env: NodeJS.ProcessEnv = {}) =>
    checkConfig('test', gatherConfig({ file, flags, env }));

  it('has defaults: the Unix socket and loopback', () => {
    const config = gather(undefined, {}, { XDG_STATE_HOME: '/var/x' });
    assert.equal(config.state, '/var/x/beeline');
    assert.deepEqual(config.listen, ['unix', 'tcp:127.0.0.1:7233']);
    assert.ok(config.limits.memoryBytes > 0);
  });

  it('prefers flags to the environment to the file to the defaults', () => {
    const file = write('state = "/f"\n[limits]\nguests = 1\ncpus = 1\nclients = 1\n');
    const env = { BEELINE_LIMITS_GUESTS: '2', BEELINE_LIMITS_CPUS: '2', BEELINE_LISTEN: 'unix,tcp:[::1]:80' };
    const config = gather(file, { limits: { guests: 3 } }, env);
    assert.equal(config.state, '/f');
    assert.equal(config.limits.guests, 3);
    assert.equal(config.limits.cpus, 2);
    assert.equal(config.limits.clients, 1);
    assert.equal(config.limits.rate, 200);
    assert.deepEqual(config.listen, ['unix', 'tcp:[::1]:80']);
  });

  it('is printed so that it can be read again', () => {
    const printed = printConfig(gatherConfig({ file: undefined, flags: {}, env: {} }));
    const again = gatherConfig({ file: write(printed), flags: {}, env: {} });
    assert.deepEqual(again, JSON.parse(JSON.stringify(parse(printed))));
  });

  it('refuses what is unknown, malformed or dangerous, and says where', () => {
    const refuses = (text: string, detail: RegExp) =>
      assert.match(throwsCode('BEELINE_E_CONFIG', () => gather(write(text))).message, detail);
    refuses('frobnicate = 1', /beeline\.toml: frobnicate: Unexpected property/);
    refuses('state = ', /beeline\.toml: /);
    refuses('state = "relative"', /state: /);
    refuses('[limits]\nguests = 0', /limits\.guests: /);
    refuses('[limits]\nmemory = "much"', /limits\.memory: much is not a size/);
    refuses('listen = ["tcp:0.0.0.0:80"]', /beyond loopback and needs tls/);
    refuses('listen = ["tcp:127.0.0.1:70000"]', /is not tcp:HOST:PORT/);
    refuses('[tls]\ncert = "a"', /cert and key belong together/);
    refuses(`state = "/${'x'.repeat(100)}"`, /Unix sockets allow/);
    throwsCode('BEELINE_E_FILE_MISSING', () => gather(folder.at('nowhere')));
    throwsCode('BEELINE_E_CONFIG', () => gather(undefined, {}, { BEELINE_LIMITS_GUESTS: 'x' }));
    const misspelt = throwsCode('BEELINE_E_CONFIG', () => gather(undefined, {}, { BEELINE_LIMITS_GUEST: '4' }));
    assert.match(misspelt.message, /^BEELINE_LIMITS_GUEST: there is no such option; /);
  });

  it('knows loopback when it sees it', () => {
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '::1']) assert.ok(isLoopback(host), host);
    for (const host of ['0.0.0.0', '::', '127.0.0.1.example.org', 'example.org']) assert.ok(!isLoopback(host), host);
    assert.deepEqual(tcpAddress('tcp:[::1]:80'), { host: '::1', port: 80 });
    assert.equal(tcpAddress('unix'), undefined);
  });

  it('is looked at by beeline config', async function () {
    this.timeout(60_000);
    const good = await beeline(['config', 'check', '--config', write('[limits]\nguests = 4\n')]);
    assert.equal(good.status, 0, good.stderr);
    const printed = await beeline(['config', 'print', '--config', folder.at('beeline.toml'), '--max-cpus', '3']);
    assert.deepEqual((parse(printed.stdout) as ConfigFile).limits?.guests, 4);
    assert.deepEqual((parse(printed.stdout) as ConfigFile).limits?.cpus, 3);
    const schema = await beeline(['config', 'schema']);
    assert.equal((JSON.parse(schema.stdout) as { $id: string }).$id, 'beeline.config.1');
    const bad = await beeline(['config', 'check', '--config', write('x = 1')]);
    assert.equal(bad.status, 2);
    assert.match(bad.stderr, /^beeline: .*x: Unexpected property; .*\n$/);
  });
});
