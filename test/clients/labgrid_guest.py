"""labgrid's QEMUDriver, as Debian has it, drives a guest of the emulator named on the command line.

labgrid_guest.py BEELINE KERNEL INITRD"""
import logging
import sys
import tempfile

from labgrid import Environment

beeline, kernel, initrd = sys.argv[1:]
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)

configuration = f"""
targets:
  main:
    drivers:
      QEMUDriver:
        qemu_bin: qemu
        machine: virt
        cpu: cortex-a57
        memory: 256M
        extra_args: '-initrd {initrd}'
        kernel: linux
        boot_args: 'console=ttyAMA0'
tools:
  qemu: {beeline}
images:
  linux: {kernel}
"""

with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
    file.write(configuration)
    file.flush()
    target = Environment(file.name).get_target("main")
    driver = target.get_driver("QEMUDriver")
    driver.on()
    for last in (False, True):
        assert driver.monitor_command("query-status")["status"] == "running"
        driver.expect("Linux version", timeout=100)
        driver.expect("beeline:~#", timeout=100)
        driver.sendline("echo $((6 * 7))answer")
        driver.expect("42answer", timeout=30)
        driver.monitor_command("stop")
        assert driver.monitor_command("query-status")["status"] == "paused"
        driver.monitor_command("cont")
        if not last:
            driver.cycle()
    driver.off()
print("labgrid is content")
