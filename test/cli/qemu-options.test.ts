import { strict as assert } from 'node:assert';
import { nearest } from '../../src/cli/nearest.js';
import { translateQemuOptions } from '../../src/cli/qemu-options.js';
import { throwsCode } from '../support/throws.js';

const own = {
  withValue: new Set(['--kernel', '--append', '--drive', '--send', '--exec']),
  all: ['--kernel', '--append', '--drive', '--send', '--exec', '--quiet', '--timeout', '-h', '--help'],
};

const translate = (line: string) => translateQemuOptions(line.split(' '), own).join(' ');
const refused = (line: string) => throwsCode('BEELINE_E_OPTION_VALUE', () => translate(line)).message;

describe("QEMU's spellings", () => {
  it('of whole command lines become ours', () => {
    assert.equal(
      translate(
        '-M virt,gic-version=3 -cpu neoverse-n1 -m 2G -smp 2 -nographic -nodefaults -kernel k -initrd i ' +
          '-append console=ttyAMA0 -drive file=d.qcow2,if=virtio,format=qcow2 -serial mon:stdio -no-reboot',
      ),
      '--gic 3 --cpu n1 --memory 2G --cpus 2 --kernel k --initrd i --append console=ttyAMA0 ' +
        '--drive d.qcow2,format=qcow2 --serial stdio --no-reboot',
    );
    assert.equal(
      translate(
        '-machine type=virt,accel=tcg,acpi=off -cpu cortex-a57 -m size=512 -smp cpus=4,sockets=1,cores=4 -bios f.fd',
      ),
      '--gic 2 --acpi off --cpu a57 --memory 512 --cpus 4 --firmware f.fd',
    );
  });

  it('of character devices and QMP become targets of the serial port and --qmp', () => {
    assert.equal(
      translate('-S -qmp stdio -nographic -chardev socket,id=s,path=/t/s -serial chardev:s'),
      '--paused --qmp stdio --serial unix:/t/s',
    );
    assert.equal(
      translate(
        '-qmp unix:/t/q,server=on,wait=off -qmp tcp:127.0.0.1:4444,server,nowait -serial unix:/s,server=on,wait=off',
      ),
      '--qmp unix:/t/q --qmp tcp:127.0.0.1:4444 --serial unix:/s,server',
    );
    assert.equal(
      translate(
        '-chardev socket,id=q,path=/q,server=on,wait=off -mon chardev=q,mode=control -chardev null,id=n -serial chardev:n',
      ),
      '--qmp unix:/q --serial none',
    );
    assert.match(refused('-serial chardev:nobody'), /no -chardev before it has id=nobody/);
    assert.match(refused('-chardev pty,id=p'), /pty has no counterpart/);
  });

  it('leave our own options, their values, and what follows -- alone', () => {
    for (const line of ['debian-12 --exec -m --quiet', '--send -kernel --append -x', 'x -- -kernel', '-h']) {
      assert.equal(translate(line), line);
    }
  });

  it('of objects are those that mean the same, and are where they are asked for', () => {
    assert.equal(translate('-device virtio-rng-pci,rng=r -object rng-random,id=r,filename=/dev/urandom'), '');
    assert.equal(
      translate(
        '-object iothread,id=t -object rng-builtin,id=r -drive file=d,if=none,id=a ' +
          '-device virtio-blk-pci,drive=a,iothread=t',
      ),
      '--drive d,bus=pci',
    );
    const memory = '-object memory-backend-ram,id=m,size=1G -M virt,memory-backend=m';
    assert.equal(translate(`${memory} -m 1024`), '--gic 2 --memory 1024');
    assert.equal(
      translate('-M virt,memory-backend=m -object memory-backend-ram,id=m,size=536870912'),
      '--gic 2 --memory 524288K',
    );
    assert.match(refused(`${memory} -m 2G`), /the memory m has 1 GiB, not the 2 GiB of -m; give both the same size/);
    assert.match(refused('-object memory-backend-ram,id=m,size=1G'), /no -M has the memory m; name it by -M memory-b/);
    assert.match(refused('-M virt,memory-backend=m'), /no -object memory-backend-ram has id=m/);
    assert.match(refused('-object memory-backend-ram,id=m,size=1G,share=on'), /share=on has no counterpart here/);
    assert.match(refused('-object secret,id=s,data=x'), /secret has no counterpart here; choose rng-random, rng-b/);
    assert.match(
      refused('-object rng-random,id=r,filename=/tmp/numbers'),
      /filename=\/tmp\/numbers has no counterpart/,
    );
    assert.match(refused('-device virtio-rng-pci,rng=r'), /no such -object has id=r/);
    assert.match(refused('-object rng-builtin'), /there is no id/);
  });

  it('of drives keep their options, wherever the device is', () => {
    assert.equal(
      translate('-drive if=none,file=a,,b,id=d0,format=raw,readonly=on -device virtio-blk-pci,drive=d0,serial=s'),
      '--drive a,,b,format=raw,readonly,serial=s,bus=pci',
    );
    assert.equal(
      translate('-drive a.img,if=virtio -drive b,readonly=on -snapshot'),
      '--drive a.img,snapshot --drive b,readonly',
    );
    assert.equal(
      translate('-drive if=pflash,format=raw,readonly=on,file=c.fd -drive if=pflash,format=raw,file=v.fd'),
      '--firmware c.fd --firmware-vars v.fd',
    );
    assert.equal(translate('-device loader,file=f,addr=0x40200000'), '--load f@0x40200000');
  });

  it('of networks keep their options', () => {
    assert.equal(
      translate('-netdev user,id=n,hostfwd=tcp::2222-:22 -device virtio-net-pci,netdev=n,mac=52:54:00:00:00:01'),
      '--net user,hostfwd=tcp::2222-:22,mac=52:54:00:00:00:01,bus=pci',
    );
    assert.equal(translate('-nic user,model=virtio-net-pci,hostfwd=tcp::1-:2'), '--net user,hostfwd=tcp::1-:2');
    assert.equal(
      translate('-nic none -netdev tap,id=t,ifname=tap0,script=no,downscript=no -device virtio-net-device,netdev=t'),
      '--net tap,ifname=tap0',
    );
  });

  it('of consoles and ports keep their names and places', () => {
    assert.equal(
      translate(
        '-chardev socket,id=a,path=/a,server=on,wait=off -chardev file,id=b,path=/b -chardev stdio,id=c,signal=off ' +
          '-device virtio-serial-pci -device virtserialport,chardev=a,name=org.a -device virtconsole,chardev=c ' +
          '-device virtio-serial-device -device virtserialport,chardev=b,name=b',
      ),
      '--port org.a,socket=/a,bus=pci --console stdio,bus=pci --port b,file=/b,truncate',
    );
    const port = '-device virtio-serial-pci -device virtserialport,chardev=a,name=a';
    assert.match(refused(`-chardev socket,id=a,path=/a ${port}`), /give server=on/);
    assert.match(refused(`-chardev null,id=a ${port}`), /choose socket, file or stdio/);
    assert.match(refused(port), /no -chardev before it has id=a/);
    assert.match(refused('-device virtserialport,chardev=a,name=a'), /no -device virtio-serial-pci/);
  });

  it('of shared folders keep their tags', () => {
    assert.equal(
      translate(
        '-virtfs local,path=/a,mount_tag=a,security_model=none,readonly=on -fsdev local,id=f,path=/b,security_model=none ' +
          '-device virtio-9p-device,fsdev=f,mount_tag=b',
      ),
      '--share /a,tag=a,readonly,bus=pci --share /b,tag=b',
    );
    assert.match(
      refused('-virtfs local,path=/a,mount_tag=a,security_model=mapped-xattr'),
      /choose security_model=none/,
    );
    assert.match(refused('-virtfs proxy,path=/a,mount_tag=a'), /choose local/);
    assert.match(refused('-fsdev local,id=f,path=/b,security_model=none'), /no -device uses id=f/);
  });

  it('that mean something else here are refused, with what is wrong', () => {
    assert.match(refused('-M raspi3b'), /raspi3b is no machine of ours; choose virt/);
    assert.match(refused('-M virt,secure=on'), /secure=on has no counterpart/);
    assert.match(refused('-cpu max'), /choose neoverse-n1 or cortex-a57/);
    assert.match(refused('-smp 4,sockets=2,cores=2'), /sockets=2 has no counterpart/);
    assert.match(refused('-accel kvm'), /kvm has no counterpart/);
    assert.match(refused('-drive file=a,if=ide'), /if=ide/);
    assert.match(refused('-drive if=none,file=a,id=d'), /no -device uses id=d/);
    assert.match(refused('-device virtio-blk-pci,drive=d'), /no -drive before it has id=d/);
    assert.match(refused('-device e1000'), /e1000 has no counterpart/);
    assert.match(refused('-kernel'), /its value is missing/);
  });

  it('that are not known name what may be meant', () => {
    const message = (line: string) => throwsCode('BEELINE_E_USAGE', () => translate(line)).message;
    assert.match(message('-kernl x'), /unknown option '-kernl' \(did you mean -kernel\?\)/);
    assert.match(message('-timeout 3'), /did you mean --timeout\?/);
    assert.doesNotMatch(message('-zzzzzz'), /did you mean/);
  });

  it('are compared letter by letter', () => {
    assert.equal(nearest('-netdv', ['-netdev', '-nic']), '-netdev');
    assert.equal(nearest('--m', ['-m', '-M']), '-m');
    assert.equal(nearest('-abc', []), undefined);
  });
});
