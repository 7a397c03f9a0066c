// Checks what people copy, and run where no test sees it: commands and names on the pages, in the workflow, and in the
// texts of the program. What the names have to be is written here once more, on purpose.

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { snippets } from "./support/docs.ts";
import { root } from "./support/environment.ts";

const read = (name: string) => readFile(join(root, name), "utf8");
const readme = await read("README.md");
const contributing = await read(".github/CONTRIBUTING.md");
const workflow = await read(".github/workflows/smoke-test.yml");
const example = await read(".env.example");
const program = await read("issue-access-tokens.ts");
const { scripts } = JSON.parse(await read("package.json"));
const emulatorPages = [await read("test/emulator/README.md"), await read("test/tools/bench/README.md")];
const pages = [readme, contributing, ...emulatorPages].join("\n");
const usage = program.slice(0, program.indexOf("\nimport "));

/** Returns each match in a text once, or what the group of the pattern contains. */
function find(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([match, group]) => group ?? match))];
}

test("the texts name only variables that exist", () => {
  const azure = "AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID AZURE_SUBSCRIPTION_ID AZURE_TOKEN_CREDENTIALS";
  const service = "COMMUNICATION_SERVICES_CONNECTION_STRING COMMUNICATION_SERVICES_ENDPOINT AZURE_LOG_LEVEL";
  const others = "NODE_EXTRA_CA_CERTS HTTPS_PROXY ALL_PROXY HTTP_PROXY NO_PROXY TSX_TSCONFIG_PATH";
  const placeholders = "RESOURCE_ID PRINCIPAL_ID_OR_EMAIL AZURE_TOKEN PARSE_ERROR";
  const names = find([pages, workflow, example, program].join("\n"), /\b[A-Z]+(?:_[A-Z]+)+\b/g);
  expect(names.sort()).toEqual(`${azure} ${service} ${others} ${placeholders}`.split(" ").sort());
  const credentials = find(readme + workflow, /\w+Credential(?=`|$)/gm).filter((name) => !name.startsWith("Default"));
  expect(credentials.sort()).toEqual(["AzureCliCredential", "EnvironmentCredential", "ManagedIdentityCredential"]);
});

test("the texts name the exit codes and options of the program", () => {
  expect(usage).toContain("Exit codes: 0 success, 1 failure, 2 invalid arguments or settings");
  expect(usage).toContain("130 by Ctrl+C, 143 by SIGTERM, 129 by SIGHUP");
  expect(find(readme, /^- \*\*([\d, or]+):\*\*/gm)).toEqual(["0", "1", "2", "130, 143, or 129"]);
  expect(readme).toContain("Interrupted by Ctrl+C, SIGTERM, or SIGHUP.");
  expect(find(usage, /--\w+/g)).toEqual(["--step", "--timeout", "--help"]);
  const options =
    "--step --timeout --port --silent --min-release-age --workspaces --env-file --import --only --omit --cookie";
  const azureCli = "--name --role --scopes --assignee --scope --resource";
  expect(`${options} ${azureCli}`.split(" ")).toEqual(expect.arrayContaining(find(pages, /(?<![\w-])--[a-z][\w-]+/g)));
  expect(find(program, /\{ (tokenExpiresIn\w+): \d+ \}/g)).toEqual(["tokenExpiresInMinutes"]);
  expect(find(usage + example, /[Tt]he\s+environment takes precedence/g)).toHaveLength(2);
});

test("the texts name only scripts, files, and tags that exist", async () => {
  const names = find(pages + program, /npm run (?:--silent )?(\w+)/g);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(names));
  const created = find(readme, /create a file named `(\S+)`/g); // by the reader
  const commands = [...Object.values<string>(scripts), ...find(pages + workflow, /\bnode (.*\.[cm]?[jt]s)\b/g)];
  commands.push(
    ...find(readme, /(?:npm run local -- \.\.\/access-tokens-app\/|npx tsx (?:--env-file=\.env )?)(\S+\.ts)/g),
  );
  const files = commands.flatMap((command) => find(command, /(?<= |^)[\w./-]+\.[cm]?[jt]s(?= |$)/g));
  const isThere = (file: string) => ["", "test"].some((folder) => existsSync(join(root, folder, file)));
  expect(files.filter((file) => !isThere(file) && !created.includes(file))).toEqual([]);
  const tags = find(contributing, /(?:<\/?|id=")([a-z]+_[a-z_]+)[">]/g);
  expect([...snippets(program).keys()]).toEqual(expect.arrayContaining(tags));
  expect(find(pages, /eyJ[\w-]{20}/g)).toEqual([]); // no whole token
});

test("the scripts check and write the format of the same files", () => {
  const [, files] = /^prettier --write (.+)$/.exec(scripts.format)!;
  expect(scripts.posttest).toContain("prettier --check");
  expect(scripts.posttest).toContain(files);
  expect(files).toContain("**/*.ts");
});

test("the workflow runs the page's smoke test, without tokens in the log, and may sign in", () => {
  const [command = ""] = find(readme, /^exec .*$/gm);
  expect(command).toMatch(/^exec node issue-access-tokens\.ts > \/dev\/null$/);
  expect(workflow).toContain(`- run: ${command}\n`);
  expect(workflow).toMatch(/^  id-token: write$/m);
  expect(Number(/node-version: (\d+)/.exec(workflow)?.[1])).toBeGreaterThanOrEqual(24);
  const settings = [...workflow.matchAll(/([\w-]+): \$\{\{ (\w+)\.(\w+) \}\}/g)].map(([, ...parts]) => parts.join(" "));
  expect(settings).toEqual([
    "client-id vars AZURE_CLIENT_ID",
    "tenant-id vars AZURE_TENANT_ID",
    "subscription-id vars AZURE_SUBSCRIPTION_ID",
    "COMMUNICATION_SERVICES_ENDPOINT vars COMMUNICATION_SERVICES_ENDPOINT",
    "COMMUNICATION_SERVICES_CONNECTION_STRING secrets COMMUNICATION_SERVICES_CONNECTION_STRING",
  ]);
});

test("the page's commands fit its server and its imports", () => {
  const [, server = ""] = readme.split("```ts server.ts\n");
  const [, cookie = "", port = ""] = /curl --cookie (\S+) http:\/\/localhost:(\d+)\/api\/access-token/.exec(readme)!;
  expect(server).toContain(`"${cookie}"`);
  expect(server).toContain(`PORT || ${port})`);
  expect(readme).toContain(`document.cookie = "${cookie}"`);
  expect(find(readme, /(?<=http:\/\/localhost:)\d+/g)).toEqual([port]);
  const installed = find(readme, /^ *npm install (.+)$/gm)
    .join(" ")
    .split(" ");
  installed.push(...find(readme, /`npm install (\S+)`/g));
  const imported = find(readme.replaceAll(/await import/g, "from "), /(?:from |\()"(@azure\/[\w-]+)"/g);
  expect(installed).toEqual(expect.arrayContaining([...imported, "tsx", "@types/node"]));
});
