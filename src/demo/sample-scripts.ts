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

/** QEMU's docs/interop/qcow2.txt, version 3: six clusters of 64 KiB, of which the last is the disk's first 64 KiB. */
export const diskScript = String.raw`# Writes a disk of 2 GiB that begins with the root file system, as qcow2.
set -eu

zeros() {
  left=$1 run='\000'
  while [ "$left" -gt 0 ]; do
    if [ $((left % 2)) -eq 1 ]; then printf "$run"; fi
    left=$((left / 2)) run=$run$run
  done
}

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
text=
while IFS= read -r line; do
  text="$text$line
"
done < "$root"

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
