// Checks that the README shows the code and output of the real program, and that a reader can build it from the page.

import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect } from "vitest";
import { mask, snippets, update } from "./support/docs.ts";
import { programFile, root } from "./support/environment.ts";
import { error } from "./support/faults.ts";
import { test } from "./support/fixtures.ts";
import { nodeOptions } from "./support/processes.ts";

const readme = await readFile(join(root, "README.md"), "utf8");
const program = await readFile(programFile, "utf8");
const node = [process.execPath, ...nodeOptions];
const signedIn = { headers: { cookie: "theme=dark; user=example" } };

/** Returns the code blocks of the README that begin with this line, in order. */
function blocks(firstLine: RegExp): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${firstLine.source}\n([^]*?)^\`\`\`$`, "gm"))].map(([, code]) => code!);
}

/** Saves what a reader copies from the page: the server, the client, or the program, from its skeleton and snippets. */
async function copyCode(name: string, folder: string): Promise<string> {
  const [code = ""] = blocks(new RegExp(`ts ${name}`));
  const steps = blocks(/ts \w+/).join("\n");
  const file = join(folder, name);
  await writeFile(
    file,
    code.replace(/ *\/\/ Quickstart code goes here\n/, () => steps),
  );
  return file;
}

test("the README shows the program's code and output (see npm run docs)", async ({ emulator, start, expect }) => {
  const names = [...snippets(program).keys()].filter((name) => name !== "imports"); // The skeleton contains these.
  const hint = "Give each snippet of the program a code block in README.md that begins with ```ts and its name";
  expect(readme.match(/(?<=^```ts )\w+$/gm), hint).toEqual(names);
  const options = { settings: emulator.settings, input: "\n".repeat(20) };
  const { stdout, stderr, exitCode } = await start([...node, programFile, "--step"], options).ended;
  expect(exitCode, stderr).toBe(0);
  await expect(update(readme, program, stdout, stderr)).toMatchFileSnapshot("../README.md");
});

test("a reader's program prints the output, or the error and exits with 1", async ({ emulator, project, start }) => {
  const file = await copyCode("issue-access-tokens.ts", project);
  const { stdout, ...others } = await start([...node, file], { settings: emulator.settings }).ended;
  expect(mask(stdout)).toBe(mask(blocks(/console output/)[0]!));
  expect(others).toEqual({ stderr: "", exitCode: 0 });
  expect(emulator.identities.size).toBe(0);
  emulator.once("create", error(401, "Denied", "Denied by the resource provider."));
  const stderr = expect.stringContaining("Denied by the resource provider.");
  expect(await start([...node, file], { settings: emulator.settings }).ended).toMatchObject({ stderr, exitCode: 1 });
});

test("the program, server, and client of a reader type-check", async ({ project, start }) => {
  const names = ["issue-access-tokens.ts", "server.ts", "client.ts"];
  const files = await Promise.all(names.map((name) => copyCode(name, project)));
  const compilerOptions = { target: "es2017", lib: ["es2017"] };
  const config = { extends: "./tsconfig.json", compilerOptions, files, include: [] };
  await writeFile(join(project, "reader.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const options = ["--project", "reader.json", "--noImplicitReturns", "--noUnusedLocals"];
  const result = await start([process.execPath, tsc, ...options], { cwd: project }).ended;
  expect(result).toEqual({ stdout: "", stderr: "", exitCode: 0 });
});

test("the server issues tokens to signed-in users, and hides errors", async ({ emulator, project, start }) => {
  emulator.once("issue", error(401, "Denied", "Denied by the resource provider."));
  const settings = { ...emulator.settings, PORT: "0" };
  const { output, prints } = start([...node, await copyCode("server.ts", project)], { settings });
  await prints("port: ");
  const url = `http://localhost:${/port: (\d+)/.exec(output.stdout)?.[1]}/api/access-token`;
  expect((await fetch(url)).status).toBe(401);
  const failed = await fetch(url, signedIn);
  expect([failed.status, await failed.text()]).toEqual([500, ""]);
  await prints("Denied by the resource provider."); // only here
  const response = await fetch(url, signedIn);
  expect(await response.json()).toEqual({ token: emulator.tokens[0]!.token });
  const headers = { "cache-control": "no-store", "content-type": "application/json" };
  expect(Object.fromEntries(response.headers)).toMatchObject(headers);
  expect(emulator.requests.at(-1)!.body).toBe('{"scopes":["voip","chat"]}');
  expect((await fetch(new URL("/favicon.ico", url), signedIn)).status).toBe(404);
  expect(emulator.identities.size).toBe(1);
});

test("createCredential rejects with the cause, and repeats a failed refresh", async ({ project, start }) => {
  const tokens: string[] = [];
  const issue = (seconds: number) => {
    const claims = JSON.stringify({ exp: Math.floor(Date.now() / 1000) + seconds });
    tokens.push(`e30.${Buffer.from(claims).toString("base64url")}.`);
    return [200, JSON.stringify({ token: tokens.at(-1) })] as const;
  };
  const [denied, failure, page] = [
    [401, ""],
    [500, "Try again."],
    [200, "<html>Welcome</html>"],
  ] as const;
  // The first token is refreshed after half of its lifetime.
  const responses = [() => denied, () => failure, () => page, () => issue(8), () => failure, () => issue(86_400)];
  const server = createServer(({ url }, response) => {
    const [status, body] = (url === "/api/access-token" && responses.shift()?.()) || [404, ""];
    response.writeHead(status).end(body);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await copyCode("client.ts", project);
  const main = `import { createCredential } from "./client.ts";
const { fetch } = globalThis;
globalThis.fetch = (path) => fetch(new URL(String(path), "${origin}")); // In a browser, a URL can be relative.
for (let i = 0; i < 3; i++) console.log(await createCredential().catch((error) => error.message));
const credential = await createCredential();
const { token } = await credential.getToken();
while ((await credential.getToken()).token === token) await new Promise((resolve) => setTimeout(resolve, 20));
console.log(token);
console.log((await credential.getToken()).token);
credential.dispose();`;
  await writeFile(join(project, "page.ts"), main);
  const { stdout, ...others } = await start([...node, join(project, "page.ts")]).ended;
  server.close();
  const failed = "The server returned no access token:";
  const messages = [`${failed} 401`, `${failed} 500`, expect.stringContaining("JSON")];
  expect(stdout.trimEnd().split("\n")).toEqual([...messages, ...tokens]);
  expect(others).toEqual({ stderr: "", exitCode: 0 });
});

test("the pages name the minimum Node version, and only existing scripts", async () => {
  const files = [".github/CONTRIBUTING.md", "test/emulator/README.md"].map((name) =>
    readFile(join(root, name), "utf8"),
  );
  const pages = readme + (await Promise.all(files));
  const { engines, scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  for (const version of engines.node.match(/\d+\.\d+(?=\.0)/g)) expect(pages).toContain(version);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(pages.match(/(?<=npm run (?:--silent )?)\w+/g)!));
});

test("the diagram in the README has as many steps as the program", () => {
  const numbers = readme.match(/(?<=^    Server->>ACS: )\d+/gm);
  const steps = program.match(/^  await startStep/gm)!.slice(1); // without the authentication
  expect(numbers).toEqual(steps.map((_step, index) => `${index + 1}`));
});
