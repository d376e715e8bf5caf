// What runs inside the guest for `beeline run --exec`: a shell script that needs nothing but a POSIX shell and the usual
// tools, busybox's among them. It finds its disks by their serial numbers.

/** Serial numbers of the disks that a job adds to the machine. */
export const jobDisks = {
  /** An archive: this script, the commands, what is copied in. */
  material: 'beeline-job',
  output: 'beeline-out',
  error: 'beeline-err',
  copy: (index: number) => `beeline-copy-${index}`,
} as const;

/** Where the guest keeps the material. */
const folder = '/var/tmp/beeline-job';

/** What to type at the shell's prompt. The space keeps it out of the shell's history. */
export const startLine =
  ` for d in /sys/block/*; do [ "$(cat $d/serial 2>/dev/null)" != ${jobDisks.material} ] || ` +
  `{ mkdir -p -m 700 ${folder} && cd ${folder} && tar -xf /dev/\${d##*/} && exec sh ./agent; }; done\n`;

/**
 * Output goes to two disks that are empty at first, as records: a line "SIZE MD5", then SIZE bytes. Whoever reads takes
 * a record when its checksum is right, in whatever order the guest's cache is written. When the commands are through,
 * both streams end with the mark and the status.
 */
export const agentScript = `
disk() {
    for entry in /sys/block/*; do
        if [ "$(cat "$entry/serial" 2> /dev/null)" = "$1" ]; then echo "/dev/\${entry##*/}"; fi
    done
}
relay() {
    exec 9> "$1"
    while dd bs=65536 count=1 of="$2" 2> /dev/null && [ -s "$2" ]; do
        sum=$(md5sum < "$2")
        { echo "$(($(wc -c < "$2"))) \${sum%% *}"; cat "$2"; } >&9
        sync -d "$1"
    done
}
# The system may still be starting, its network too.
settle() {
    command -v systemctl > /dev/null || return 0
    systemctl is-system-running --wait
    for link in /sys/class/net/e*; do
        [ ! -e "$link" ] || /lib/systemd/systemd-networkd-wait-online --any --timeout=10
    done
}
copy_in() {
    for target in copy/*.to; do
        [ -e "$target" ] || return 0
        to=$(cat "$target")
        from=\${target%.to}
        name=$(ls -A "$from")
        case $to in
            */) mkdir -p "$to" ;;
            *) mkdir -p "$(dirname "$to")" ;;
        esac
        cp -a "$from/$name" "$to" || return 1
        rm -rf "$from"
    done
}
copy_out() {
    for source in out/*.from; do
        [ -e "$source" ] || return 0
        from=$(cat "$source")
        index=\${source#out/}
        device=$(disk "beeline-copy-\${index%.from}")
        tar -c -f "$device" -C "$(dirname "$from")" "$(basename "$from")" || return 1
        sync -d "$device"
    done
}
commands() {
    for command in commands/*; do
        [ -e "$command" ] || return 0
        (
            command=$PWD/$command
            . ./environment
            cd
            exec "\${SHELL:-/bin/sh}" "$command"
        ) || return
    done
}
dmesg -n 1
settle > /dev/null 2>&1
mkfifo stdout stderr
relay "$(disk ${jobDisks.output})" stdout.part < stdout &
output=$!
relay "$(disk ${jobDisks.error})" stderr.part < stderr &
error=$!
exec < /dev/null > stdout 2> stderr
copy_in && commands
status=$?
copy_out || [ $status != 0 ] || status=1
mark=$(cat mark)
printf '%s %d\\n' "$mark" "$status"
printf '%s %d\\n' "$mark" "$status" >&2
exec > /dev/null 2>&1
# A process that the commands left behind may hold on to the pipes.
tries=0
while [ $tries -lt 30 ] && { kill -0 $output || kill -0 $error; }; do
    sleep 0.1
    tries=$((tries + 1))
done
sync
poweroff
`.trimStart();

/** A word for the shell, whatever is in it. */
export function quoteForShell(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
