# What .ci/run and .ci/long share: running named parts, and what the parts
# have in common. Sourced, with the repository as working directory.

shopt -s inherit_errexit
bin=$(mktemp -d)
running= # the part that runs
summary=()

finish() {
  local code=$?
  local left
  left=$(jobs -p) # of a failing part
  # shellcheck disable=SC2086 # many words
  [ -z "$left" ] || kill $left 2>/dev/null || true
  rm -rf "$bin"
  echo
  for line in "${summary[@]}"; do
    echo "$line"
  done
  printf '%-12s %5d s\n' total "$SECONDS"
  if [ "$code" -ne 0 ]; then
    echo "FAILED${running:+ in part $running}"
  fi
}
trap finish EXIT

# run_parts NAME... runs each function part_NAME and notes its seconds. Nothing
# here may stand in a condition: that would switch errexit off inside.
run_parts() {
  local start
  for running in "$@"; do
    echo
    echo "== $running"
    start=$SECONDS
    "part_$running"
    summary+=("$(printf '%-12s %5d s' "$running" $((SECONDS - start)))")
  done
  running=
}

# check_parts NAME... refuses a name that is no part.
check_parts() {
  local name
  for name in "$@"; do
    if ! declare -F "part_$name" >/dev/null; then
      fail "no part is called $name; the parts are: ${parts[*]}"
    fi
  done
}

fail() {
  echo "$*" >&2
  exit 1
}

# need COMMAND PACKAGE... installs Debian packages when a command is missing.
need() {
  local command=$1
  shift
  if ! command -v "$command" >/dev/null; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
  fi
}

# build NAME builds ./cmd/NAME once, as $bin/NAME.
build() {
  if [ ! -x "$bin/$1" ]; then
    go build -buildvcs=false -o "$bin/$1" "./cmd/$1"
  fi
}

# scenarios prints the names of all scenarios, one a line.
scenarios() {
  local names
  names=$("$bin/simrun" list --json | sed -nE 's/.*"scenarios":\["([^]]*)"\].*/\1/p' | sed 's/","/\n/g')
  if ! grep -qx swarm <<<"$names"; then
    fail "simrun list --json does not name the scenario swarm, but: $names"
  fi
  echo "$names"
}

# fuzz N gives every fuzz target of the module N inputs. It counts inputs, not
# seconds, because go test fails now and then when its fuzz time runs out while
# a worker is busy ("context deadline exceeded", golang/go#75804), and because
# counts ask the same of a slow machine as of a fast one. FuzzDecisions gets a tenth: each
# of its inputs is a whole simulation.
fuzz() {
  local file name inputs found=0 targets
  targets=$(grep -rnoE --include='*_test.go' --exclude-dir=testdata '^func Fuzz[A-Za-z0-9_]*\(' . | sed -E 's/:[0-9]+:func /:/; s/\($//' | sort) || true # none is told below
  while IFS=: read -r file name; do
    if [ -n "$file" ]; then
      inputs=$1
      if [ "$name" = FuzzDecisions ]; then
        inputs=$(($1 / 10))
      fi
      echo "-- $name in $(dirname "$file")"
      go test -run '^$' -fuzz "^$name\$" -fuzztime "${inputs}x" -fuzzminimizetime 500x -parallel 2 -timeout 30m "$(dirname "$file")" </dev/null
      found=$((found + 1))
    fi
  done <<<"$targets"
  if [ "$found" -eq 0 ]; then
    fail "found no fuzz target: every decoder must have one"
  fi
  echo "$found fuzz targets, $1 inputs each"
}
