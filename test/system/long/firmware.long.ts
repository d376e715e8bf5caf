import { strict as assert } from 'node:assert';
import { beeline } from '../../support/cli.js';
import { eventually, TestDaemon } from '../../support/daemon.js';
import { TemporaryFolder } from '../../support/temporary.js';

/** Seconds; building the image is a step of the first test. */
const limit = 2400;
const image = 'debian-12-uefi';
const uBoot = '/usr/lib/u-boot/qemu_arm64/u-boot.bin';

describe('a disk that firmware boots', function () {
  this.timeout((limit + 60) * 1000);
  const folder = new TemporaryFolder();

  async function run(...args: string[]): Promise<string> {
    const result = await beeline(['run', ...args, '--timeout', '600'], { limit });
    assert.equal(result.status, 0, result.stdout.slice(-2000) + result.stderr);
    return result.stdout;
  }

  async function fileOf(option: string): Promise<string> {
    return (await beeline(['image', 'path', image, option])).stdout.trim();
  }

  it('EDK2, GRUB and Debian, on virtio-mmio', async () => {
    const console = await run(image, '--until', 'debian login: $');
    assert.match(console, /Booting `Debian GNU\/Linux'/);
    assert.match(console, /EFI stub: Booting Linux Kernel/);
  });

  it('the same on PCI, with a file of variables', async () => {
    const drive = `${await fileOf('--disk')},snapshot,bus=pci`;
    const firmware = ['--firmware', await fileOf('--firmware'), '--firmware-vars', folder.at('vars')];
    const console = await run(...firmware, '--drive', drive, '--until', 'debian login: $');
    assert.match(console, /Booting `Debian GNU\/Linux'/);
  });

  it('U-Boot starts GRUB from it, too', async () => {
    const console = await run(
      '--firmware',
      uBoot,
      '--drive',
      `${await fileOf('--disk')},snapshot`,
      '--until',
      'login: $',
    );
    assert.match(console, /BOOTAA64\.EFI/i);
    assert.match(console, /Booting `Debian GNU\/Linux'/);
  });

  for (const gic of ['3', '2']) {
    it(`Debian by ACPI with GICv${gic}: CPUs, disk, network, power`, async () => {
      const disk = folder.at('disk.qcow2');
      const machine = ['--gic', gic, '--cpus', '2', '--net', 'user', '--net', 'user,bus=pci', '--disk', disk];
      const questions = [
        'systemctl is-system-running; systemctl --failed --no-legend --plain',
        'test -e /sys/firmware/acpi/tables/DSDT && test ! -e /proc/device-tree/cpus && test -d /sys/firmware/efi && echo acpi',
        'nproc; findmnt -no SOURCE /; findmnt -no FSTYPE /boot/efi; ls /sys/class/net | wc -l',
        'grep -c MSI /proc/interrupts; networkctl status --no-pager | grep -c 10.0.2.15',
      ];
      const output = await run(image, ...machine, '--quiet', ...questions.flatMap((command) => ['--exec', command]));
      const [state, acpi, cpus, root, esp, interfaces, messages, addresses] = output.trim().split('\n');
      assert.deepEqual([state, acpi, cpus, root, esp, interfaces], ['running', 'acpi', '2', '/dev/vda1', 'vfat', '3']);
      assert.ok(Number(messages) > 0 && Number(addresses) > 0, output);
    });
  }

  it("Debian powers off when ACPI's power button is pressed", async () => {
    const daemon = new TestDaemon(folder.path);
    try {
      await daemon.start();
      const client = await daemon.client();
      let console = '';
      await client.call('vm.create', { name: 'uefi', config: { image }, start: true });
      await client.attach({ vm: 'uefi', from: 0 }, (bytes) => {
        console += Buffer.from(bytes).toString();
      });
      await eventually('it has started', () => /debian login: $/.test(console), 600);
      const status = await client.call('vm.stop', { vm: 'uefi', timeout: 120, force: false });
      assert.equal(status.state, 'stopped');
      await eventually('its last line', () => /reboot: Power down/.test(console));
      client.close();
    } finally {
      await daemon.destroy();
    }
  });

  it('Debian by the device tree, without ACPI', async () => {
    const question = 'test -e /proc/device-tree/cpus && test ! -e /sys/firmware/acpi/tables/DSDT && echo tree';
    assert.equal(await run(image, '--acpi', 'off', '--quiet', '--exec', question), 'tree\n');
  });
});
