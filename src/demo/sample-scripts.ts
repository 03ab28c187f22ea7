/**
 * The builders of the sample images. Only what every shell has built in: Nix's sandbox offers /bin/sh and nothing else,
 * and that shell is dash, busybox or bash, depending on the machine.
 */
export const rootScript = String.raw`# Writes the root file system: here one text.
set -eu
printf '%s\n' "collecting the files of $hostName"
{
  printf 'host name: %s\nrelease: %s\n' "$hostName" "$release"
  for service in $services; do
    printf 'service: %s\n' "$service"
  done
} > "$out"
for service in $services; do
  printf '%s\n' "adding $service"
done
eval "$postBuild"
`;

const zeros = String.raw`zeros() {
  left=$1 run='\000'
  while [ "$left" -gt 0 ]; do
    if [ $((left % 2)) -eq 1 ]; then printf "$run"; fi
    left=$((left / 2)) run=$run$run
  done
}
`;

const readText = `text=
while IFS= read -r line; do
  text="$text$line
"
done < "$root"
`;

/** QEMU's docs/interop/qcow2.txt, version 3: six clusters of 64 KiB, of which the last is the disk's first 64 KiB. */
export const diskScript = String.raw`# Writes a disk of 2 GiB that begins with the root file system, as qcow2.
set -eu

${zeros}
header() {
  printf 'QFI\373\000\000\000\003'         # magic, version
  zeros 12                                 # no backing file
  printf '\000\000\000\020'                # clusters of 2^16 bytes
  printf '\000\000\000\000\200\000\000\000' # 2 GiB
  zeros 4                                  # no encryption
  printf '\000\000\000\004'                # entries of the L1 table
  printf '\000\000\000\000\000\003\000\000' # the L1 table is cluster 3
  printf '\000\000\000\000\000\001\000\000' # the refcount table is cluster 1
  printf '\000\000\000\001'                # and has one cluster
  zeros 12                                 # no snapshots
  zeros 24                                 # no features
  printf '\000\000\000\004'                # refcounts of 2^4 bits
  printf '\000\000\000\150'                # length of this header: 104
  zeros 65432
}

printf '%s\n' "partitioning the disk of $hostName"
${readText}
printf '%s\n' "converting the disk of $hostName to qcow2"
{
  header
  printf '\000\000\000\000\000\002\000\000' && zeros 65528 # refcount table: its block is cluster 2
  printf '\000\001\000\001\000\001\000\001\000\001\000\001' && zeros 65524 # each cluster is used once
  printf '\200\000\000\000\000\004\000\000' && zeros 65528 # L1 table: the L2 table is cluster 4
  printf '\200\000\000\000\000\005\000\000' && zeros 65528 # L2 table: the data is cluster 5
  printf '%-65536s' "$text"
} > "$out"
`;

/** POSIX ustar in a frame of RFC 8878 (zstd) of one raw block, which needs no compressor and no checksum. */
export const tarballScript = String.raw`# Packs the root file system, as etc/motd of 64 KiB, into a .tar.zst that is not compressed.
set -eu

${zeros}
header() {
  printf 'etc/motd' && zeros 92
  printf '%s\000' 0000644 0000000 0000000 # mode, owner, group
  printf '%s\000' 00000200000 00000000001 # size, time
  printf '010637\000 '                    # the sum of this header
  printf '0' && zeros 100                 # a file, no link
  printf 'ustar\000%s' 00 && zeros 64     # version, no names of owner and group
  printf '%s\000' 0000000 0000000         # no device
  zeros 167
}

printf '%s\n' "packing the root file system of $hostName"
${readText}
printf '%s\n' "writing the tarball of $hostName"
{
  printf '\050\265\057\375\240' # magic, a frame of one segment
  printf '\000\006\001\000'     # of 67072 bytes
  printf '\001\060\010'         # the last block, raw, with all of them
  header
  printf '%-65536s' "$text"
  zeros 1024
} > "$out"
`;
