// Debian packages that the work needs beyond Node itself, by purpose.

/** To build the native core, and to unpack what guest images are made of. */
export const buildPackages = [
  'g++',
  'cmake',
  'make',
  'libfmt-dev',
  'libfdt-dev',
  'libseccomp-dev',
  'libslirp-dev',
  'liburing-dev',
  'libxbyak-dev',
  'libzstd-dev',
  'libzydis-dev',
  'xz-utils',
  'zlib1g-dev',
];

/** To compile programs for guests. */
export const crossPackages = ['gcc-aarch64-linux-gnu', 'libc6-dev-arm64-cross'];

/** To run the tests: guests to compile, judges, gdb, a browser, Redis, file systems, firmware to start, and node-gyp's interpreter. */
export const testPackages = [
  ...crossPackages,
  'qemu-user',
  'qemu-utils',
  'acpica-tools',
  'e2fsprogs',
  'chromium',
  'device-tree-compiler',
  'gdb-multiarch',
  'openssh-client',
  'prometheus',
  'qemu-efi-aarch64',
  'redis-server',
  'u-boot-qemu',
  'python3',
  'python3-labgrid',
];
