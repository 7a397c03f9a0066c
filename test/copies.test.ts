// Checks what people copy, and run where no test sees it: commands and names on the pages, in the workflow, and in the
// texts of the program. What they have to be is written here once more, on purpose.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./support/environment.ts";

const read = (name: string) => readFile(join(root, name), "utf8");
const readme = await read("README.md");
const contributing = await read(".github/CONTRIBUTING.md");
const workflow = await read(".github/workflows/smoke-test.yml");
const example = await read(".env.example");
const program = await read("issue-access-tokens.ts");
const { engines, scripts } = JSON.parse(await read("package.json"));
const emulatorPages = (await read("test/emulator/README.md")) + (await read("test/tools/bench/README.md"));
const pages = readme + contributing + emulatorPages;
const commands = [pages, workflow, ...Object.values(scripts)].join("\n");
const usage = program.slice(0, program.indexOf("\nimport "));

/** Returns each match in a text once, or what the group of the pattern contains. */
function find(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([match, group]) => group ?? match))];
}

const service = "COMMUNICATION_SERVICES_CONNECTION_STRING COMMUNICATION_SERVICES_ENDPOINT AZURE_LOG_LEVEL";
const azure = "AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID AZURE_SUBSCRIPTION_ID AZURE_TOKEN_CREDENTIALS";
const others = "NODE_EXTRA_CA_CERTS HTTPS_PROXY ALL_PROXY HTTP_PROXY NO_PROXY TSX_TSCONFIG_PATH";
const placeholders = "RESOURCE_ID PRINCIPAL_ID_OR_EMAIL AZURE_TOKEN PARSE_ERROR";
const credentials = "AzureCliCredential EnvironmentCredential ManagedIdentityCredential";
const npm = "--silent --min-release-age --workspaces --omit --only";
const azureCli = "--name --role --scopes --assignee --scope --resource";
const ownFiles = "issue-access-tokens.ts test/emulator/cli.ts test/tools/local.ts test/tools/bench.ts";
const readersFiles = "server.ts ../access-tokens-app/issue-access-tokens.ts ../access-tokens-app/server.ts";
const sdk = "@azure/communication-identity @azure/identity";

test.for([
  ["variables", pages + workflow + example + program, /\b[A-Z]+(?:_[A-Z]+)+\b/g, service, azure, others, placeholders],
  ["credentials", readme + workflow, /\b(?!Default)[A-Z]\w+Credential(?=`|$)/gm, credentials],
  ["options", pages, /(?<![\w-])--[a-z][\w-]+/g, "--timeout --import --env-file --cookie", npm, azureCli],
  ["options of the program", usage, /--\w+/g, "--step --timeout --help"],
  ["options of the SDK", program, /\{ (\w+): \d+ \}/g, "tokenExpiresInMinutes"],
  ["files", commands, /(?:node|tsx|local --)(?: --\S+(?: \.\S+| tsx)?)* (\S+\.ts)\b/g, ownFiles, readersFiles],
  ["loaders", commands, /--import (\S+?)[`\s]/g, "tsx ./test/tools/typescript.mjs"],
  ["packages", readme, /(?<=npm install [^`\n]*)[@\w][\w/-]+/g, sdk, "@azure/communication-common tsx @types/node"],
  ["imported packages", readme, /"(@azure\/[^"]+)"/g, sdk, "@azure/communication-common"],
  ["cookies", readme, /(?:--cookie |includes\("|document\.cookie = ")(\w+=\w+)/g, "user=example"],
  ["ports", readme, /(?:http:\/\/localhost:|PORT \|\| )(\d+)/g, "3000"],
] as const)("the texts name exactly the %s that exist", ([, text, pattern, ...names]) => {
  expect(find(text, pattern).sort()).toEqual(names.join(" ").split(" ").sort());
});

test("the texts name only scripts and tags that exist, and the lowest version of Node.js", () => {
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(find(pages + program, /npm run (?:--silent )?(\w+)/g)));
  const tags = find(contributing, /\b(?!dependent_)[a-z]+(?:_[a-z]+)+\b/g);
  expect(find(program, /(?<=\/\/ <)\w+/g)).toEqual(expect.arrayContaining(tags));
  for (const version of engines.node.match(/\d+\.\d+(?=\.0)/g)) expect(readme).toContain(version);
  expect(pages).not.toMatch(/eyJ[\w-]{20}/); // no whole token
});

test("the texts agree on the exit codes of the program, and on what takes precedence", () => {
  expect(usage).toContain("Exit codes: 0 success, 1 failure, 2 invalid arguments or settings");
  expect(usage).toContain("130 by Ctrl+C, 143 by SIGTERM, 129 by SIGHUP");
  expect(find(readme, /^- \*\*([\d, or]+):\*\*/gm)).toEqual(["0", "1", "2", "130, 143, or 129"]);
  expect(readme).toContain("Interrupted by Ctrl+C, SIGTERM, or SIGHUP.");
  for (const text of [usage, example, readme]) expect(text).toMatch(/[Tt]he\s+environment takes precedence/);
});

test("the scripts check and write the format of all TypeScript files, whatever is set outside the project", () => {
  expect(scripts.posttest).toMatch(/^prettier --check --no-editorconfig .*"\*\*\/\*\.ts"$/);
  expect(scripts.format).toMatch(/^prettier --write --no-editorconfig "\*\*\/\*\.ts"$/);
  expect(scripts.docs).toMatch(/ readme\.test\.ts -t docs -u$/);
});

test("the workflow runs the page's smoke test, without tokens in the log, and may sign in", () => {
  const [command] = find(readme, /^exec .*$/gm);
  expect(command).toBe("exec node issue-access-tokens.ts > /dev/null");
  expect(workflow).toContain(`- run: ${command}\n`);
  expect(workflow).toMatch(/^  id-token: write$/m);
  expect(Number(/node-version: (\d+)/.exec(workflow)?.[1])).toBeGreaterThanOrEqual(24);
  expect(workflow).toContain("AZURE_TOKEN_CREDENTIALS: AzureCliCredential\n");
  expect(find(workflow, /[\w-]+: \$\{\{ .* \}\}/g)).toEqual([
    "client-id: ${{ vars.AZURE_CLIENT_ID }}",
    "tenant-id: ${{ vars.AZURE_TENANT_ID }}",
    "subscription-id: ${{ vars.AZURE_SUBSCRIPTION_ID }}",
    "COMMUNICATION_SERVICES_ENDPOINT: ${{ vars.COMMUNICATION_SERVICES_ENDPOINT }}",
    "COMMUNICATION_SERVICES_CONNECTION_STRING: ${{ secrets.COMMUNICATION_SERVICES_CONNECTION_STRING }}",
  ]);
});
