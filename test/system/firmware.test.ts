import { strict as assert } from 'node:assert';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beeline, type CliResult, cliPath } from '../support/cli.js';
import { TemporaryFolder } from '../support/temporary.js';

const uBoot = '/usr/lib/u-boot/qemu_arm64/u-boot.bin';
const edk2 = '/usr/share/AAVMF/AAVMF_CODE.fd';
const flashSize = 64 * 1024 * 1024;

/** Seconds; a machine that is busy may need several times what an idle one does. */
const limit = 120;

async function run(...args: string[]): Promise<CliResult> {
  return await beeline(['run', ...args, '--timeout', String(limit)], { limit: limit + 20 });
}

function reached(result: CliResult): void {
  assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
}

describe('firmware', function () {
  this.timeout((limit + 30) * 1000);
  const folder = new TemporaryFolder();

  /** U-Boot with its prompt answered by `command`. */
  const atPrompt = (command: string) => [
    '--firmware',
    uBoot,
    '--send',
    'stop autoboot=x',
    '--send',
    `> $=${command}\\n`,
  ];

  it('U-Boot keeps its environment from one run to the next', async () => {
    const vars = ['--firmware-vars', folder.at('env')];
    reached(await run(...atPrompt('setenv kept forty-two; saveenv'), ...vars, '--until', 'Protected [^]*OK'));
    assert.equal(statSync(folder.at('env')).size, flashSize);
    reached(await run(...atPrompt('printenv kept'), ...vars, '--until', '^kept=forty-two'));
  });

  it('U-Boot without a file of variables forgets them', async () => {
    reached(await run(...atPrompt('printenv kept'), '--until', '"kept" not defined'));
  });

  it('refuses variables that another machine uses', async () => {
    const vars = folder.at('shared');
    const holder = spawn(process.execPath, [
      cliPath,
      'run',
      '--firmware',
      uBoot,
      '--firmware-vars',
      vars,
      '--timeout',
      '100',
    ]);
    try {
      await once(holder.stdout, 'data');
      const result = await run('--firmware', uBoot, '--firmware-vars', vars);
      assert.match(result.stderr, /--firmware-vars: another machine uses .*; give each machine a file of its own/);
      assert.equal(result.status, 2);
    } finally {
      holder.kill();
    }
  });

  /** A disk with a partition of ext4 that has a kernel and what tells U-Boot of it. */
  async function linuxDisk(): Promise<string> {
    const [disk, files] = [folder.at('disk'), folder.at('files')];
    mkdirSync(join(files, 'extlinux'), { recursive: true });
    for (const [option, name] of [
      ['--kernel', 'vmlinuz'],
      ['--initrd', 'initrd.img'],
    ] as const) {
      const path = (await beeline(['image', 'path', 'debian-busybox', option])).stdout.trim();
      copyFileSync(path, join(files, name));
    }
    const entry = ['kernel /vmlinuz', 'initrd /initrd.img', 'append console=ttyAMA0 started-by=extlinux'];
    writeFileSync(join(files, 'extlinux/extlinux.conf'), `default linux\nlabel linux\n  ${entry.join('\n  ')}\n`);
    const [first, sectors] = [2048, 2 * 1024 * 64];
    const offset = `offset=${first * 512}`;
    writeFileSync(disk, '');
    truncateSync(disk, (first + sectors) * 512);
    execFileSync('/sbin/mke2fs', ['-q', '-t', 'ext4', '-d', files, '-E', offset, disk, `${sectors / 2}k`]);
    // A table of partitions of the old kind: active, of Linux's type, and where it is.
    const table = Buffer.alloc(512);
    table.writeUInt8(0x80, 446);
    table.writeUInt8(0x83, 450);
    table.writeUInt32LE(first, 454);
    table.writeUInt32LE(sectors, 458);
    table.writeUInt16LE(0xaa55, 510);
    const descriptor = openSync(disk, 'r+');
    writeSync(descriptor, table, 0, table.length, 0);
    closeSync(descriptor);
    return disk;
  }

  for (const bus of ['mmio', 'pci']) {
    it(`U-Boot starts what extlinux.conf names on a disk (${bus})`, async () => {
      const drive = `${await linuxDisk()},format=raw,snapshot,bus=${bus}`;
      const ask = ['--send', 'beeline:.*# =cat /proc/cmdline\\n'];
      reached(
        await run('--firmware', uBoot, '--drive', drive, ...ask, '--until', '^console=ttyAMA0 started-by=extlinux'),
      );
    });
  }

  it('U-Boot loads a kernel from a disk and starts it', async () => {
    const drive = `${await linuxDisk()},format=raw,snapshot`;
    const commands = [
      'setenv bootargs console=ttyAMA0',
      'load virtio 0:1 ${kernel_addr_r} vmlinuz',
      'load virtio 0:1 ${ramdisk_addr_r} initrd.img',
      'booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr}',
    ];
    reached(await run(...atPrompt(commands.join('; ')), '--drive', drive, '--until', 'beeline:.*# '));
  });

  it('EDK2 reaches its shell', async () => {
    reached(await run('--firmware', edk2, '--firmware-vars', folder.at('vars'), '--until', 'Shell>'));
  });

  for (const [gic, acpi] of [
    ['3', 'on'],
    ['2', 'on'],
    ['3', 'off'],
  ] as const) {
    it(`EDK2 starts the kernel that it is offered (GICv${gic}, ACPI ${acpi})`, async () => {
      const drive = folder.at('drive');
      writeFileSync(drive, '');
      truncateSync(drive, 1 << 20);
      const machine = [
        '--gic',
        gic,
        '--acpi',
        acpi,
        '--cpus',
        '2',
        '--net',
        'user',
        '--drive',
        `${drive},format=raw,bus=pci`,
      ];
      const questions = [
        'echo $(nproc) CPUs, $(cat /sys/class/block/vda/size) sectors, $(cat /sys/class/net/eth0/address)',
        'echo by $(cd /sys/firmware; ls -d acpi/tables devicetree/base/cpus 2> /dev/null)',
        'grep -E "virtio.-req|-MSI-.*virtio" /proc/interrupts',
        'poweroff -f',
      ];
      const result = await run(
        'debian-busybox',
        '--firmware',
        edk2,
        ...machine,
        '--send',
        `beeline:.*# =${questions.join('; ')}\\n`,
      );
      reached(result);
      assert.match(result.stdout, /EFI stub: Booting Linux Kernel/);
      assert.match(result.stdout, /^2 CPUs, 2048 sectors, 52:54:00/m);
      assert.match(result.stdout, acpi === 'on' ? /^by acpi\/tables\r$/m : /^by devicetree\/base\/cpus\r$/m);
      assert.match(result.stdout, /MSI.*virtio\d-req/);
    });
  }

  it('refuses what cannot be firmware or its variables', async () => {
    const small = folder.at('small');
    writeFileSync(small, 'x');
    const refusals: [string[], RegExp][] = [
      [['--firmware', '/nowhere'], /--firmware: \/nowhere does not exist/],
      [
        ['--firmware', '/bin/true'],
        /--firmware: \/bin\/true is not firmware for the flash \(it is an ELF for x86-64\)/,
      ],
      [
        ['--firmware-vars', small],
        /--firmware-vars: there is no firmware to keep variables for; give --firmware as well/,
      ],
      [['--firmware', uBoot, '--firmware-vars', small], /--firmware-vars: .*small is not a flash of 67108864 bytes/],
      [['--firmware', uBoot, '--firmware-vars', '/nowhere/vars'], /--firmware-vars: \/nowhere\/vars cannot be written/],
      [['--firmware', uBoot, '--load', `${small}@0`], /--load: its place .* overlaps that of --firmware/],
    ];
    for (const [args, message] of refusals) {
      const result = await beeline(['run', '--timeout', '5', '--kernel', uBoot, ...args]);
      assert.match(result.stderr, message);
      assert.equal(result.status, 2, result.stderr);
    }
  });
});
