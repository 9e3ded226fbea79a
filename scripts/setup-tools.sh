#!/usr/bin/env bash
# Which directory holds forge, cast, anvil and node? Installs them, and the clients of the end-to-end tests, if they are not
# there, and prints it.
#
#   PATH="$(scripts/setup-tools.sh):$PATH"
#
# Everything comes from the npm registry at the versions of package-lock.json, and from PyPI at those of
# tests/e2e/clients/requirements.txt; nothing is installed when nothing changed.
# Prints one line, the directory, on standard output; what it does while installing goes to standard error.

mainspring_setup_tools() (
  set -euo pipefail

  local node_version=22.23.3 foundry_version=1.7.1
  local root tools bin
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
  tools=$root/.tools
  bin=$tools/bin

  say() { printf 'setup-tools: %s\n' "$*" >&2; }
  fail() { say "$@"; exit 1; }

  # The name of this platform in the npm packages that carry Node.
  node_platform() {
    case "$(uname -s):$(uname -m)" in
      Linux:x86_64) echo linux-x64 ;;
      Linux:aarch64) echo linux-arm64 ;;
      Darwin:arm64) echo darwin-arm64 ;;
      *) fail "npm has no Node for $(uname -s) on $(uname -m): install Node 22.13 or newer, then run this again" ;;
    esac
  }

  node_is_new_enough() {
    node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
             process.exit(major > 22 || (major === 22 && minor >= 13) ? 0 : 1)' 2>/dev/null
  }

  # Node 22.13 or newer: the one on the PATH, or one of our own from npm, which needs some npm to begin with.
  ensure_node() {
    node_is_new_enough && return
    command -v npm >/dev/null || fail 'npm is missing: install Node 22.13 or newer with npm (Debian: apt-get install npm), then run this again'
    local package
    package=node-$(node_platform)
    say "installing Node $node_version from npm ($package)"
    mkdir -p "$tools/node"
    npm install --prefix "$tools/node" --ignore-scripts --no-save --no-audit --no-fund --loglevel=error \
      "$package@$node_version" >&2
    ln -sfn "$tools/node/node_modules/$package/bin/node" "$bin/node"
    hash -r
    node_is_new_enough || fail "Node $node_version was installed in $tools/node but does not run here"
  }

  # node_modules as package-lock.json says; the stamp holds the lock file that was installed last.
  ensure_packages() {
    local stamp=$tools/package-lock.installed
    if [ -d "$root/node_modules" ] && cmp -s "$root/package-lock.json" "$stamp"; then return; fi
    command -v npm >/dev/null || fail 'npm is missing: install npm (Debian: apt-get install npm), then run this again'
    say 'installing the packages of package-lock.json'
    (cd "$root" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
    cp "$root/package-lock.json" "$stamp"
  }

  # Hardhat in both versions that people use, each in a place of its own: two of them do not fit into one node_modules.
  ensure_hardhat() {
    local version wanted place
    for version in 2 3; do
      wanted=$root/tests/e2e/hardhat$version place=$tools/hardhat$version
      if cmp -s "$wanted/package-lock.json" "$place/installed"; then continue; fi
      say "installing Hardhat $version"
      rm -rf "$place"
      mkdir -p "$place"
      cp "$wanted/package.json" "$wanted/package-lock.json" "$place"
      # Not npm ci: it fails where a registry has Hardhat's machine code for some platforms only.
      (cd "$place" && npm install --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
      cp "$wanted/package-lock.json" "$place/installed"
    done
  }

  # web3.py and what it needs, in an environment of their own. Without Python's venv the rest is installed and used all the
  # same; the test of web3.py says that it was skipped.
  ensure_python() {
    local wanted=$root/tests/e2e/clients/requirements.txt stamp=$tools/python/requirements.installed
    if cmp -s "$wanted" "$stamp"; then return; fi
    rm -rf "$tools/python"
    if ! python3 -m venv "$tools/python" >/dev/null 2>&1; then
      rm -rf "$tools/python"
      say 'python3 -m venv does not work here: web3.py is not tested (Debian: apt-get install python3-venv, then run this again)'
      return
    fi
    say 'installing web3.py'
    "$tools/python/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement "$wanted" >&2
    cp "$wanted" "$stamp"
  }

  # The programs themselves, not npm's launchers, which would start Node first each time. npm has them for 64-bit x86 Linux;
  # elsewhere the same version must be on the PATH already.
  link_foundry() {
    local tool program
    for tool in forge cast anvil; do
      program=$root/node_modules/@foundry-rs/$tool-linux-amd64/bin/$tool
      if [ ! -x "$program" ]; then
        program=$(PATH=${PATH#"$bin:"} command -v "$tool") ||
          fail "npm has no $tool for $(uname -s) on $(uname -m): put $tool $foundry_version on the PATH, then run this again"
        "$program" --version | grep -q "$foundry_version" || fail "$program is not version $foundry_version"
      fi
      ln -sfn "$program" "$bin/$tool"
    done
  }

  mkdir -p "$bin"
  printf '*\n' >"$tools/.gitignore"
  PATH=$bin:$PATH
  ensure_node
  ensure_packages
  ensure_hardhat
  ensure_python
  link_foundry
  printf '%s\n' "$bin"
)

mainspring_setup_tools
