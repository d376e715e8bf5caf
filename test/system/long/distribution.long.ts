import { strict as assert } from 'node:assert';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { beeline } from '../../support/cli.js';
import { HttpProxy } from '../../support/http-proxy.js';
import { TemporaryFolder } from '../../support/temporary.js';

/** Seconds; building an image is a step of the first test that needs it. */
const limit = 1800;
const sshPort = 22022;

/** A C project of many files. */
const makeProject = `
mkdir -p project && cd project
for i in $(seq 8); do
  for j in $(seq 20); do
    echo "int f\${i}_$j(int n, int b) { int s = b; for (int i = 0; i < n; i++) s += (i * b) ^ (s >> 3) ^ (s << $((j % 7))); return s; }"
  done > f$i.c
done
{
  for i in $(seq 8); do echo "int f\${i}_1(int, int);"; done
  echo '#include <stdio.h>'
  echo 'int main(void) { int s = 0;'
  for i in $(seq 8); do echo "s += f\${i}_1($i, 3);"; done
  echo 'printf("%d\\n", s); return 0; }'
} > main.c
printf 'all: $(patsubst %%.c,%%.o,$(wildcard *.c))\\n\\t$(CC) -o all *.o\\n%%.o: %%.c\\n\\t$(CC) -O2 -c $<\\n' > Makefile
`;

/** Prints the seconds that two jobs of make take once the compiler has been read from the disk. */
const timedMake = `${makeProject}
gcc -O2 -c main.c && rm main.o
begin=$(date +%s.%N); make -s -j2; end=$(date +%s.%N)
./all > /dev/null && perl -e "printf qq(%.2f\\n), $end - $begin"
`;

describe('Debian 12', function () {
  this.timeout((limit + 60) * 1000);
  const folder = new TemporaryFolder();

  async function job(image: string, ...options: string[]): Promise<string> {
    const result = await beeline(['run', image, '--quiet', '--timeout', '600', ...options], { limit });
    assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
    return result.stdout;
  }

  it('boots to its login prompt', async () => {
    const args = ['run', 'debian-12', '--until', 'debian login: $', '--timeout', '600'];
    const result = await beeline(args, { limit });
    assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
    assert.match(result.stdout, /Debian GNU\/Linux 12 debian ttyAMA0/);
  });

  it('has no failed units, and knows its packages', async () => {
    const output = await job(
      'debian-12',
      ...['--exec', 'systemctl is-system-running; systemctl --failed --no-legend --plain'],
      ...[
        '--exec',
        'systemctl is-active ssh systemd-networkd systemd-resolved; test -s /etc/ssh/ssh_host_ed25519_key.pub',
      ],
      ...['--exec', 'apt list --installed 2>/dev/null | wc -l; dpkg --audit; findmnt -no FSTYPE,SIZE /'],
    );
    const [state, ssh, networkd, resolved, packages, root] = output.trim().split('\n');
    assert.deepEqual([state, ssh, networkd, resolved], ['running', 'active', 'active', 'active']);
    assert.ok(Number(packages) > 120, packages);
    assert.match(root ?? '', /^ext4 +7/);
  });

  it('is there as Debian 13, too', async () => {
    const questions = [
      'cat /etc/debian_version',
      'systemctl is-system-running; systemctl --failed --no-legend --plain',
    ];
    const output = await job('debian-13', ...questions.flatMap((question) => ['--exec', question]));
    assert.match(output, /^13\.\d+\nrunning\n$/);
  });

  it('keeps what is written to its disk with --disk, and only then', async () => {
    const disk = folder.at('disk.qcow2');
    await job('debian-12', '--disk', disk, '--exec', 'echo kept > /root/note');
    assert.equal(await job('debian-12', '--disk', disk, '--exec', 'cat /root/note'), 'kept\n');
    assert.equal(await job('debian-12', '--exec', 'ls /root'), '');
  });

  it('takes 200 MB in and gives them back', async () => {
    const data = randomBytes(200_000_000);
    writeFileSync(folder.at('data'), data);
    const back = `/root/data:${folder.at('back')}`;
    await job('debian-12', '--copy-in', `${folder.at('data')}:/root/`, '--exec', 'sync', '--copy-out', back);
    assert.equal(statSync(folder.at('back')).size, data.length);
    assert.ok(readFileSync(folder.at('back')).equals(data));
  });

  it('lets in who has a key, through a forwarded port', async () => {
    const key = folder.at('key');
    execFileSync('ssh-keygen', ['-q', '-N', '', '-t', 'ed25519', '-f', key]);
    const forward = `user,hostfwd=tcp:127.0.0.1:${sshPort}-:22`;
    const wait = 'chmod 700 /root/.ssh; while [ ! -e /root/over ]; do sleep 0.2; done';
    const guest = job(
      'debian-12',
      '--net',
      forward,
      '--copy-in',
      `${key}.pub:/root/.ssh/authorized_keys`,
      '--exec',
      wait,
    );
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'ConnectTimeout=5'];
    const ssh = [
      '-q',
      '-i',
      key,
      '-p',
      String(sshPort),
      ...options.flatMap((option) => ['-o', option]),
      'root@127.0.0.1',
    ];
    let output: string | undefined;
    for (let tries = 0; output === undefined && tries < 100; tries++) {
      await setTimeout(2000);
      const result = spawnSync('ssh', [...ssh, 'id -un; uname -m; touch /root/over'], { encoding: 'utf8' });
      if (result.status === 0) output = result.stdout;
    }
    assert.equal(output, 'root\naarch64\n');
    await guest;
  });

  it('installs a package through a proxy on the host', async () => {
    const proxy = await HttpProxy.start();
    try {
      const output = await job(
        'debian-12',
        ...['--net', 'user', '--env', `http_proxy=http://10.0.2.2:${proxy.port}`, '--timeout', '900'],
        ...[
          '--exec',
          'apt-get -qq update && apt-get -qq install hello > /dev/null && hello && dpkg -s hello | grep Status',
        ],
      );
      assert.equal(output, 'Hello, world!\nStatus: install ok installed\n');
      assert.ok(proxy.requests > 3, String(proxy.requests));
    } finally {
      proxy.close();
    }
  });

  it('has tools that do their work', async () => {
    const output = await job(
      'debian-12-tools',
      ...[
        '--exec',
        `printf '#include <stdio.h>\\nint main(void) { puts("hello from C"); }\\n' > a.c; gcc -O2 a.c && ./a.out`,
      ],
      ...[
        '--exec',
        'git init -q r && cd r && echo x > f && git add f && git -c user.name=a -c user.email=b@c commit -qm one && git log --format=%s && git fsck',
      ],
      ...[
        '--exec',
        `python3 -c 'import json, hashlib; print(json.dumps({"sum": sum(range(10)), "md5": hashlib.md5(b"x").hexdigest()}))'`,
      ],
      ...['--exec', `perl -e 'print join(",", map { $_ ** 2 } 1 .. 5), "\\n"'`],
      ...[
        '--exec',
        `sqlite3 :memory: 'create table t(a); insert into t values (1), (2), (39); select sum(a) from t; pragma integrity_check;'`,
      ],
      ...[
        '--exec',
        `node -e 'console.log([3, 1, 2].sort().map((n) => n * 1.5).join(), require("zlib").crc32 ? 1 : 0, process.arch)'`,
      ],
    );
    const lines = output.split('\n');
    assert.equal(lines[0], 'hello from C');
    assert.ok(lines.includes('one'));
    assert.ok(lines.includes('{"sum": 45, "md5": "9dd4e461268c8034f5c8564e155c67a6"}'));
    assert.ok(lines.includes('1,4,9,16,25'));
    assert.ok(lines.includes('42') && lines.includes('ok'));
    assert.ok(lines.some((line) => /^1\.5,3,4\.5 [01] arm64$/.test(line)));
  });

  it('makes a C project on two CPUs in less time than on one', async () => {
    const seconds = async (cpus: string) =>
      Number(await job('debian-12-tools', '--cpus', cpus, '--memory', '2G', '--exec', timedMake));
    const [one, two] = [await seconds('1'), await seconds('2')];
    console.log(`      make -j2: ${one} s with one CPU, ${two} s with two, ${(one / two).toFixed(2)} times as fast`);
    assert.ok(one > two, `${one} s, ${two} s`);
  });
});
