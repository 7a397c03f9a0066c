#!/usr/bin/env bash
# Yarn with Plug'n'Play installs the packages for tokens and for chat without a complaint, but the one for chat can't
# be loaded.
# Versions: Yarn 4.18.1, @azure/communication-chat 1.6.0 (1.5.4 still loads), @azure/communication-identity 1.3.1,
# Node 20.
# One would expect that the packages of one SDK behave alike: all load, because yarn install succeeded, or none does.
# In fact, chat imports @azure/core-util, which its package.json names only for development. npm and pnpm install it
# for the other packages, where chat finds it by chance. Plug'n'Play lets a package load only what it declares.
# It matters to a server that issues a token and then uses it for chat: the token works, and
# import("@azure/communication-chat") throws. A packageExtensions entry in .yarnrc.yml mends it.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix tools @yarnpkg/cli-dist@4.18.1
yarn() { node "$folder/tools/node_modules/@yarnpkg/cli-dist/bin/yarn.js" "$@"; }
YARN_NPM_REGISTRY_SERVER=$(npm config get registry)
export YARN_NPM_REGISTRY_SERVER=${YARN_NPM_REGISTRY_SERVER%/} YARN_ENABLE_GLOBAL_CACHE=false YARN_ENABLE_SCRIPTS=false
export YARN_ENABLE_TELEMETRY=false YARN_ENABLE_IMMUTABLE_INSTALLS=false YARN_NPM_MINIMAL_AGE_GATE=0

mkdir app
cd app
touch yarn.lock
cat > package.json <<'JSON'
{
  "name": "app",
  "type": "module",
  "dependencies": {
    "@azure/communication-chat": "1.6.0",
    "@azure/communication-common": "2.4.2",
    "@azure/communication-identity": "1.3.1"
  }
}
JSON
cat > load.js <<'JS'
for (const name of ["identity", "common", "chat"]) {
  const loaded = import(`@azure/communication-${name}`);
  console.log(`${name}:`, await loaded.then(() => "loads", ({ message }) => message.split(",")[0]));
}
JS

changed=0
check() {
  echo "$1:"
  yarn install > install.log || { cat install.log >&2; exit 1; }
  seen=$(yarn node load.js)
  echo "$seen"
  [ "$seen" = "$2" ] || { echo "This changed. Expected: $2" >&2; changed=1; }
}
check "Yarn $(yarn --version), Node $(node --version)" 'identity: loads
common: loads
chat: @azure/communication-chat tried to access @azure/core-util'
cat > .yarnrc.yml <<'YAML'
packageExtensions:
  "@azure/communication-chat@*":
    dependencies:
      "@azure/core-util": "*"
YAML
check "With packageExtensions" 'identity: loads
common: loads
chat: loads'
exit "$changed"
